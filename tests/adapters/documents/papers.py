"""What the tests of documents share: pages, a press, and the outside programs that judge its work."""

from __future__ import annotations

import io
import shutil
import subprocess
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from server.adapters.keys import KeyFolder
from server.domain.certificates.claims import Claims, complete, encode_code, page_of
from server.domain.certificates.claims import code_url as address
from server.domain.ports import CertificatePage
from tests.kit.claims import LINE

PUBLIC_URL = "https://certificates.example-issuer.com.c"[:40]
RARE = "䶮㛃𠮷𬱖"
LONG: dict[str, Any] = {
    "name": "阿" * 17 + RARE * 2,
    "plan": "2023年第四批社会心理服务职业技能等级证书全国统考考试计划",
    "school": "河洛应用技术大学继续教育学院云山分校东区",
}
A4 = (297.0, 210.0)


def claims(**changed: str) -> Claims:
    return complete(replace(LINE, **changed), date(2023, 10, 20))


def page(keys: KeyFolder, *, photo: bytes | None = None, **changed: Any) -> CertificatePage:
    said = claims(**changed)
    url = address(PUBLIC_URL, encode_code(keys, said))
    return page_of(said, id_masked="99************4055", code_url=url, photo=photo)


def photo(kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (295, 413), (30, 90, 160)).save(out, kind)
    return out.getvalue()


def program(name: str) -> str:
    """An independent judge from poppler-utils; without it the test is reported as skipped, with this reason."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} (poppler-utils) is not on this machine")
    return found


def rasterised(pdf: bytes, folder: Path, dpi: int) -> Image.Image:
    """The first page as poppler prints it."""
    source = folder / "page.pdf"
    source.write_bytes(pdf)
    stem = folder / f"page-{dpi}"
    subprocess.run([program("pdftoppm"), "-r", str(dpi), "-png", "-singlefile", source, stem], check=True)
    return Image.open(stem.with_suffix(".png")).convert("RGB")


def part(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """A part of the page, in mm from its upper left corner."""
    across, down = image.width / A4[0], image.height / A4[1]
    return image.crop((round(left * across), round(top * down), round(right * across), round(bottom * down)))


def pixels(image: Image.Image) -> list[tuple[int, int, int]]:
    """(red, green, blue) of each pixel, row by row."""
    data = image.convert("RGB").tobytes()
    return list(zip(data[::3], data[1::3], data[2::3], strict=True))


def ink(image: Image.Image) -> float:
    """The share of dark pixels."""
    grey = image.convert("L").histogram()
    return sum(grey[:110]) / sum(grey)
