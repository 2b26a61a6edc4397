"""Draws a certificate with typst and seals it; implements the PdfRenderer port.

Order: refuse what the font cannot print → draw → seal. One compiler and one seal for each process: the font is read
once (24 MB), the key is loaded once.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import typst

from server.adapters.documents import font, preview, qr, seal_picture
from server.adapters.documents.font import Fonts
from server.adapters.documents.seal import Seal
from server.adapters.documents.seal_field import Place
from server.domain.beijing import BEIJING
from server.domain.ports import CertificatePage, Clock
from server.errors import Refused

TEMPLATE = Path(__file__).with_name("certificate.typ")
ORNAMENT = Path(__file__).with_name("ornament.typ")
PAGE_HEIGHT_MM = 210.0
SEAL_X_MM, SEAL_Y_MM = 227.0, 149.5  # the seal's middle, from the upper left corner
LEVELS_ENGLISH = {"初级": "Primary", "中级": "Intermediate", "高级": "Advanced"}  # as `Level.english`
CREATOR = b"xcert"  # what the file says made it, whatever versions did
# In /Info, the XMP's CreatorTool and its history, none of them compressed; typst has no setting for it. The length is kept:
# the file's table of places is written already.
_TOOL = re.compile(rb"Typst \d+\.\d+\.\d+")
_DAY = re.compile(r"(\d+)年(\d+)月(\d+)日")


class TypstPdfRenderer:
    """The Press port."""

    def __init__(self, clock: Clock, seal: Seal, fonts: Path | None = None) -> None:
        """`fonts`: a folder with font files for characters that the shipped font lacks."""
        self._clock = clock
        self._seal = seal
        self._fonts_folder = fonts
        # A typst compiler serves one thread, and so do the parsed certificates that pyHanko signs with.
        self._one_at_a_time = threading.RLock()

    @cached_property
    def _fonts(self) -> Fonts:
        return Fonts(self._fonts_folder)

    @cached_property
    def _compiler(self) -> Any:
        return compiler(TEMPLATE, self._fonts)

    @cached_property
    def _ornament(self) -> str:
        return bytes(compiler(ORNAMENT, self._fonts).compile(format="svg")).decode()

    async def make(self, page: CertificatePage) -> bytes:
        """Draw, then seal picture and PAdES signature in one act; in a thread, for both block.

        Raises:
            Refused: `glyph_missing`, `photo_unreadable`, `seal_unusable`.
            OutsideFailure: the time-stamp authority gives no token.
        """
        return await asyncio.to_thread(self.make_now, page)

    def make_now(self, page: CertificatePage) -> bytes:
        """The same, blocking."""
        place = Place(SEAL_X_MM, PAGE_HEIGHT_MM - SEAL_Y_MM, seal_picture.SIZE_MM)
        return self._seal.put(
            lambda: self.draw(page),
            issuer=page.issuer,
            place=place,
            clock=self._clock,
            lock=self._one_at_a_time,
        )

    def draw(self, page: CertificatePage) -> bytes:
        """The page as PDF/A-3a and PDF/UA-1 without its seal: the same bytes for the same page."""
        pdf = self._compiled(page, format="pdf", pdf_standards=["a-3a", "ua-1"], pdf_tags=True)
        return without_maker(pdf)

    def page_image(self, page: CertificatePage) -> bytes:
        """PNG of the page with the seal's picture, as sharp as paper needs (wechat.md §8)."""
        return self._compiled(page, picture=seal_picture.as_svg(page.issuer), format="png", ppi=160)

    def page_preview(self, page: CertificatePage) -> bytes:
        """JPEG of the same picture, small enough for a phone's first look."""
        return preview.of(self.page_image(page))

    def qr_png(self, text: str) -> bytes:
        return qr.screen_png(text)

    def missing_glyphs(self, text: str) -> str:
        """The characters of `text` that none of the certificate's fonts can print."""
        return self._fonts.missing(text)

    def _compiled(self, page: CertificatePage, *, picture: str | None = None, **how: Any) -> bytes:
        self._require_glyphs(page)
        data = json.dumps(page_data(page, picture) | {"fonts": self._fonts.families}, ensure_ascii=False)
        try:
            with self._one_at_a_time:
                return bytes(
                    self._compiler.compile(sys_inputs={"page": data, "ornament": self._ornament}, **how)
                )
        except typst.TypstError:
            if page.photo_jpeg is None:
                raise
            raise Refused(
                "photo_unreadable", "考生照片无法使用，请重新上传 JPG 或 PNG 照片后再发放。"
            ) from None

    def _require_glyphs(self, page: CertificatePage) -> None:
        texts = (
            page.name, page.certificate_title, page.level, page.standard_version, page.issuer, page.school,
            page.portal_number,
        )  # fmt: skip
        lacking = self._fonts.missing("".join(texts)) or font.missing(
            page.issuer
        )  # the seal has the shipped one
        if lacking:
            codes = "、".join(f"{character}（U+{ord(character):04X}）" for character in lacking)
            raise Refused(
                "glyph_missing", f"证书字库缺少字符 {codes}，无法打印；请核对姓名用字，或联系管理员补充字体。"
            )


def without_maker(pdf: bytes) -> bytes:
    """The file with our name where typst wrote its own and its version."""
    return _TOOL.sub(lambda match: CREATOR.ljust(len(match[0])), pdf)


def compiler(source: Path, fonts: Fonts) -> Any:
    """A compiler of one template that has these fonts and no others. It serves one thread at a time."""
    searched = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=fonts.places)
    return typst.Compiler(str(source), root=str(source.parent), font_paths=searched)


def page_data(page: CertificatePage, picture: str | None = None) -> dict[str, Any]:
    """What certificate.typ reads, but for the names of the fonts.

    Args:
        picture: of the seal, as SVG, where no signature field shows it.
    """
    return {
        "title": page.certificate_title,
        "name": page.name,
        "id_masked": page.id_masked,
        "level": page.level,
        "standard": page.standard_version,
        "exam_date": page.exam_date,
        "issued_on": page.issued_on,
        "issued": _midnight(page.issued_on),
        "issuer": page.issuer,
        "school": page.school,
        "number": page.number,
        "statement": page.statement,
        "url": page.verification_url,
        "verification_site": page.verification_url.rpartition("/")[0],
        "level_english": LEVELS_ENGLISH.get(page.level, page.level),
        "portal_number": page.portal_number,
        "qr": qr.for_paper(page.verification_url),
        "photo": list(page.photo_jpeg) if page.photo_jpeg else None,
        "seal": {
            "x": SEAL_X_MM,
            "y": SEAL_Y_MM,
            "size": seal_picture.SIZE_MM,
            "gap": seal_picture.GAP_MM,
            "picture": picture,
        },
    }


def _midnight(text: str) -> dict[str, int] | None:
    """The beginning of a Beijing day as typst takes it: it writes UTC."""
    if (match := _DAY.fullmatch(text)) is None:
        return None
    year, month, day = map(int, match.groups())
    there = datetime(year, month, day, tzinfo=BEIJING)
    at = there.astimezone(UTC)
    return {"year": at.year, "month": at.month, "day": at.day, "hour": at.hour, "minute": 0, "second": 0}
