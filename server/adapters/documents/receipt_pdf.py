"""Draws 收据 with typst; implements the ReceiptPrinter port. Nothing is sealed: the seal is of certificates alone."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from server.adapters.documents.font import Fonts
from server.adapters.documents.pdf import compiler, without_maker
from server.domain import beijing
from server.domain.ports.payments import ReceiptPage
from server.errors import Refused

TEMPLATE = Path(__file__).with_name("receipt.typ")


class TypstReceiptPrinter:
    """The ReceiptPrinter port."""

    def __init__(self, fonts: Path | None = None) -> None:
        """`fonts`: a folder with font files for characters that the shipped font lacks."""
        self._fonts_folder = fonts
        self._one_at_a_time = threading.Lock()  # a typst compiler serves one thread

    @cached_property
    def _fonts(self) -> Fonts:
        return Fonts(self._fonts_folder)

    @cached_property
    def _compiler(self) -> Any:
        return compiler(TEMPLATE, self._fonts)

    async def receipt(self, page: ReceiptPage) -> bytes:
        """The receipt as PDF/A, in a thread: the same bytes for the same page. Raises Refused: `glyph_missing`."""
        return await asyncio.to_thread(self.draw, page)

    def draw(self, page: ReceiptPage) -> bytes:
        """The same, blocking."""
        with self._one_at_a_time:
            self._require_glyphs(page)
            data = json.dumps(_data(page) | {"fonts": self._fonts.families}, ensure_ascii=False)
            how = {"format": "pdf", "pdf_standards": ["a-3b"], "pdf_tags": True}
            return without_maker(bytes(self._compiler.compile(sys_inputs={"receipt": data}, **how)))

    def _require_glyphs(self, page: ReceiptPage) -> None:
        texts = [page.payer, page.issuer, *(line.what for line in page.lines)]
        if lacking := self._fonts.missing("".join(texts)):
            codes = "、".join(f"{character}（U+{ord(character):04X}）" for character in lacking)
            raise Refused("glyph_missing", f"字库缺少字符 {codes}，无法打印收据；请联系管理员补充字体。")


def _data(page: ReceiptPage) -> dict[str, Any]:
    """What receipt.typ reads."""
    day = beijing.day(page.issued_at)
    return {
        **asdict(page),
        "paid_at": beijing.say_minute(page.paid_at),
        "issued_on": beijing.say_day(day),
        "issued": {"year": day.year, "month": day.month, "day": day.day},
        "issued_at": "",
        "as_of": beijing.say_minute(page.as_of),
    }
