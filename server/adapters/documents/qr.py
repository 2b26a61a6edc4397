"""QR codes: one for paper, drawn fast and exactly; one for screens."""

from __future__ import annotations

import io
import math
import re

import qrcode
import zxingcpp
from qrcode.image.pil import PilImage
from qrcode.image.svg import SvgPathImage

_DARK = re.compile(b"\0+")
QUIET_ZONE = 4  # modules, ISO/IEC 18004


def _rows(text: str) -> list[bytes]:
    """One byte a module, 0 is dark, without quiet zone. Level Q; digits are packed as digits (0.7 ms)."""
    code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q")
    image = memoryview(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False))  # type: ignore[arg-type]  # zxing-cpp does not say that its image is a buffer
    pixels = image.tobytes()
    size = math.isqrt(len(pixels))
    return [pixels[start : start + size] for start in range(0, len(pixels), size)]


def version(text: str) -> int:
    """The QR version (1–40) that `text` needs at level Q."""
    return (len(_rows(text)) - 17) // 4


def for_paper(text: str) -> str:
    """SVG of a level Q code with its quiet zone: one black path, a rectangle for each run of dark modules."""
    rows = _rows(text)
    path = [
        f"M{run.start() + QUIET_ZONE} {y}h{run.end() - run.start()}v1H{run.start() + QUIET_ZONE}z"
        for y, row in enumerate(rows, QUIET_ZONE)
        for run in _DARK.finditer(row)
    ]
    size = len(rows) + 2 * QUIET_ZONE
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{"".join(path)}"/></svg>'


def _for_screen(text: str) -> qrcode.QRCode:  # type: ignore[type-arg]  # generic in the stubs alone
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, box_size=8, border=QUIET_ZONE)
    code.add_data(text)
    code.make(fit=True)
    return code


def screen_png(text: str) -> bytes:
    """PNG of a level M code for a bright screen."""
    out = io.BytesIO()
    _for_screen(text).make_image(image_factory=PilImage).save(out)
    return out.getvalue()


def screen_svg(text: str) -> str:
    """SVG of the same, sharp at any size."""
    image = _for_screen(text).make_image(image_factory=SvgPathImage)
    return image.to_string(encoding="unicode")
