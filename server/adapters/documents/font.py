"""The fonts of the certificate: the one that is shipped, and those that an administrator adds for rare characters.

An added font prints only what the shipped one lacks, so that no page that could be printed before looks different.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst
from fontTools.ttLib import TTFont, TTLibError

from server.static_place import STATIC

FOLDER = STATIC / "fonts"
FILE = FOLDER / "NotoSerifCJKsc-Regular.otf"
FAMILY = "Noto Serif CJK SC"

KINDS = (".otf", ".ttf")
LARGEST = 64 * 1024 * 1024
MOST_FILES = 16
# OS/2.fsType, OpenType: what the maker allows when the font goes into a document
_RESTRICTED, _NO_SUBSETTING, _BITMAP_ONLY = 0x0002, 0x0100, 0x0200
_MAY_PREVIEW_OR_EDIT = 0x0004 | 0x0008


@dataclass(frozen=True, slots=True)
class AddedFont:
    """A font file of the administrator's. `problem`: why it is not used, in Chinese; "" when it is."""

    path: Path
    family: str = ""
    characters: frozenset[int] = frozenset()
    problem: str = ""


@lru_cache(maxsize=1)
def _font() -> TTFont:
    return TTFont(FILE, lazy=True)


@lru_cache(maxsize=1)
def printable() -> Mapping[int, str]:
    """Code point → glyph name, for everything that the shipped font can print."""
    return dict(_font().getBestCmap())


@lru_cache(maxsize=1)
def glyph_set() -> tuple[Any, Mapping[int, str]]:
    """The outlines of the shipped font, and the characters they belong to."""
    return _font().getGlyphSet(), printable()


class Fonts:
    """What can be printed: the shipped font and the usable ones of a folder, read once."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self.added = read_folder(folder) if folder is not None else []
        self._more: frozenset[int] = frozenset().union(*(one.characters for one in self.usable))

    @property
    def usable(self) -> list[AddedFont]:
        return [one for one in self.added if not one.problem]

    @property
    def families(self) -> list[str]:
        """In the order in which a character is looked for."""
        return [FAMILY, *(one.family for one in self.usable)]

    @property
    def places(self) -> list[str]:
        """Where the typesetter finds them."""
        return [str(FOLDER), *([str(self.folder)] if self.usable else [])]

    def missing(self, text: str) -> str:
        """The characters of `text` that cannot be printed, each once, in their order."""
        have = printable()
        return "".join(dict.fromkeys(c for c in text if ord(c) not in have and ord(c) not in self._more))


def missing(text: str) -> str:
    """The characters of `text` that the shipped font lacks, each once, in their order."""
    return Fonts().missing(text)


def read_folder(folder: Path) -> list[AddedFont]:
    """Every font file in a folder, judged, by name; files of other kinds are left alone."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS and path.is_file())
    except OSError:
        return [AddedFont(folder, problem="字体目录不存在或不可读，请检查 XCERT_FONTS_DIR")]
    families = typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]
    ).families()
    fonts = []
    for path in paths[:MOST_FILES]:
        one = judged(path)
        if not one.problem and one.family not in families:  # would count as printable and fail at the drawing
            one = replace(one, characters=frozenset(), problem="排版程序读不出这个字体，没有使用")
        fonts.append(one)
    return fonts + [
        AddedFont(path, problem=f"字体文件超过 {MOST_FILES} 个，没有使用") for path in paths[MOST_FILES:]
    ]


def judged(path: Path) -> AddedFont:
    """One font file: small enough, readable, allowed to be embedded in part, with outlines and a name of its own."""
    if path.stat().st_size > LARGEST:
        return AddedFont(path, problem=f"文件超过 {LARGEST // 1024 // 1024} MB，没有使用")
    try:
        with TTFont(io.BytesIO(path.read_bytes()), lazy=True) as font:
            return _judged(path, font)
    except (TTLibError, OSError, KeyError, ValueError, AttributeError, AssertionError, IndexError, TypeError):
        return AddedFont(path, problem="读不出，文件已损坏或不是 OpenType/TrueType 字体")
    except Exception as error:  # whatever a broken table makes the reader raise, it is the file's fault
        return AddedFont(path, problem=f"读不出（{type(error).__name__}）")


def _judged(path: Path, font: TTFont) -> AddedFont:
    family = str(font["name"].getBestFamilyName() or "")
    characters = frozenset(font.getBestCmap() or ())
    allowed = int(font["OS/2"].fsType)
    if allowed & _BITMAP_ONLY or allowed & _NO_SUBSETTING:
        return AddedFont(path, family, problem="字体的许可不允许部分嵌入文档（OS/2 fsType），没有使用")
    if allowed & _RESTRICTED and not allowed & _MAY_PREVIEW_OR_EDIT:
        return AddedFont(path, family, problem="字体的许可不允许嵌入文档（OS/2 fsType），没有使用")
    if not ({"glyf", "CFF "} & set(font.keys())):
        return AddedFont(path, family, problem="字体没有轮廓（可变或位图字体），没有使用")
    if "fvar" in font:
        return AddedFont(path, family, problem="可变字体不能使用，请换用静态的 Regular 字体")
    if not family or not characters:
        return AddedFont(path, family, problem="字体没有名称或没有字符，没有使用")
    return AddedFont(path, family, characters)
