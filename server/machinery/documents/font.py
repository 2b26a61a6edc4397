"""The one font of the certificate: where it is, and which characters it can print."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from fontTools.ttLib import TTFont

FOLDER = Path(__file__).parents[3] / "static" / "fonts"
FILE = FOLDER / "NotoSerifCJKsc-Regular.otf"


@lru_cache(maxsize=1)
def _font() -> TTFont:
    return TTFont(FILE, lazy=True)


@lru_cache(maxsize=1)
def printable() -> dict[int, str]:
    """Code point → glyph name, for everything the font can print."""
    return dict(_font().getBestCmap())


@lru_cache(maxsize=1)
def glyph_set() -> tuple[Any, dict[int, str]]:
    """The outlines, and the characters they belong to."""
    return _font().getGlyphSet(), printable()


def missing(text: str) -> str:
    """The characters of `text` that cannot be printed, each once, in their order."""
    have = printable()
    return "".join(dict.fromkeys(character for character in text if ord(character) not in have))
