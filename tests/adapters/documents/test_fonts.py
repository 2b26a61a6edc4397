"""An administrator's font prints what the shipped one lacks; one that may not or cannot be used is told, not used."""

from __future__ import annotations

from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from server.adapters.documents import font
from server.adapters.documents.font import Fonts
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.errors import Refused
from tests.adapters.documents.papers import page
from tests.kit.fakes import FakeClock

LACKING = "\U00021334"  # 𡌴, which a person bears and the shipped font does not have


def make_font(
    path: Path,
    *,
    family: str = "Added Rare",
    allowed: int = 0,
    character: str = LACKING,
    typesets: bool = True,
) -> None:
    """A TrueType font with one square for one character."""
    pen = TTGlyphPen(None)
    for number, point in enumerate(((100, 0), (100, 800), (900, 800), (900, 0))):
        (pen.lineTo if number else pen.moveTo)(point)
    pen.closePath()
    square, empty = pen.glyph(), TTGlyphPen(None).glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "one"])
    builder.setupCharacterMap({ord(character): "one"})
    builder.setupGlyf({".notdef": empty, "one": square})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "one": (1000, 100)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    names = {"familyName": family, "styleName": "Regular"}
    builder.setupNameTable(names | ({"psName": family.replace(" ", "")} if typesets else {}))
    builder.setupOS2(fsType=allowed, usWeightClass=400)
    builder.setupPost()
    builder.save(path)


def press_with(folder: Path | None, keys: KeyFolder) -> TypstPdfRenderer:
    return TypstPdfRenderer(FakeClock(), Seal(keys.seal_credentials), folder)


def test_a_rare_character_is_printed_with_the_added_font(tmp_path: Path, key_folder: KeyFolder) -> None:
    name = f"张{LACKING}"
    without = press_with(None, key_folder)
    assert without.missing_glyphs(name) == LACKING
    with pytest.raises(Refused, match="联系管理员补充字体"):
        without.make_now(page(key_folder, name=name))
    make_font(tmp_path / "rare.ttf")
    pdf_renderer = press_with(tmp_path, key_folder)
    assert pdf_renderer.missing_glyphs(name) == ""
    assert (
        f"{name}（证件号码"
        in read_pdf(pdf_renderer.make_now(page(key_folder, name=name)), key_folder.public()).printed
    )


def test_an_added_font_changes_nothing_that_could_be_printed_before(
    tmp_path: Path, key_folder: KeyFolder
) -> None:
    make_font(tmp_path / "other.ttf", character="崔")
    usual = page(key_folder, name="崔子涵")
    assert press_with(tmp_path, key_folder).page_image(usual) == press_with(None, key_folder).page_image(
        usual
    )


@pytest.mark.parametrize(
    ("allowed", "is_used"),
    [(0x0000, True), (0x0004, True), (0x0008, True), (0x0002, False), (0x0100, False), (0x0200, False)],
)
def test_the_makers_licence_bits_are_kept(tmp_path: Path, allowed: int, is_used: bool) -> None:
    make_font(tmp_path / "rare.ttf", allowed=allowed)
    fonts = Fonts(tmp_path)
    assert bool(fonts.usable) is is_used
    assert (fonts.missing(LACKING) == "") is is_used
    if not is_used:
        assert "许可不允许" in fonts.added[0].problem


def test_a_damaged_or_huge_file_is_told_and_not_used(
    tmp_path: Path, key_folder: KeyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_font(tmp_path / "a.ttf")
    whole = (tmp_path / "a.ttf").read_bytes()
    for number, data in enumerate((b"", b"no font", whole[:200], whole[:12] + b"\xff" * 300)):
        (tmp_path / f"broken{number}.otf").write_bytes(data)
    (tmp_path / "notes.txt").write_text("not looked at")
    fonts = Fonts(tmp_path)
    assert [one.path.name for one in fonts.usable] == ["a.ttf"]
    assert all("读不出" in one.problem for one in fonts.added if one.path.suffix == ".otf")
    press_with(tmp_path, key_folder).draw(page(key_folder, name=f"张{LACKING}"))
    monkeypatch.setattr(font, "LARGEST", 100)
    assert Fonts(tmp_path).usable == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    [only] = Fonts(tmp_path / "none").added
    assert only.problem == "字体目录不存在或不可读，请检查 XCERT_FONTS_DIR"


def test_a_font_that_the_typesetter_does_not_take_is_told(tmp_path: Path) -> None:
    """It would otherwise count as printable here and fail at the drawing."""
    make_font(tmp_path / "rare.ttf", typesets=False)
    [only] = Fonts(tmp_path).added
    assert only.problem == "排版程序读不出这个字体，没有使用"
