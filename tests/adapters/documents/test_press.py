"""The printed page: what stands on it, what does not, and that it can be read by eyes and by phones."""

from __future__ import annotations

import asyncio
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy
import pytest
import zxingcpp
from PIL import Image, ImageChops, ImageFilter
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.documents.pdf import SEAL_X_MM, SEAL_Y_MM, TypstPdfRenderer
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.domain.certificates.claims import code_url, open_code
from server.errors import Refused
from tests.adapters.documents.papers import (
    LONG,
    PUBLIC_URL,
    RARE,
    claims,
    ink,
    page,
    part,
    photo,
    pixels,
    rasterised,
)
from tests.kit.repository import ROOT

WORDS = (
    "社会心理服务职业技能等级证书"
    "VOCATIONALSKILLLEVELCERTIFICATE"
    "初级"
    "崔子涵（证件号码：99************4055）于2023年9月22日参加考核，成绩合格，达到职业技能等级标准的要求，特发此证。"
    "Thisistocertifythattheholdernamedabovehaspassedtheassessmentandmettherequirementsofthe"
    "vocationalskilllevelstandardatprimarylevel."
    "扫码核验"
    "证书编号23SPS100000001W"
    "标准版本2021年3.0版"
    "考核院校京华职业技术学院"
    "门户证书编号"
    "北京中文在线教育科技发展有限公司"
    "2023年10月20日"
    "核验网址https://certificates.example-issuer.com./v（可扫码，或输入证书编号与姓名）"
    "证书信息以国家职业技能等级证书信息管理服务平台（1+X门户）的记录为准。"
)


@pytest.mark.rule("S7")
@pytest.mark.rule("S8")
@pytest.mark.rule("S11")
@pytest.mark.rule("S87")
@pytest.mark.rule("S94")
def test_these_words_stand_on_the_page_and_no_others(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder
) -> None:
    """No officer, no signature line: every printed character is accounted for."""
    drawn = pdf_renderer.draw(page(key_folder))
    assert read_pdf(drawn, key_folder.public()).printed == WORDS.replace(" ", "")


def reader(pdf: bytes) -> Any:
    return PdfFileReader(io.BytesIO(pdf))


def test_it_is_one_a4_page_with_chinese_metadata(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder
) -> None:
    pdf = reader(pdf_renderer.draw(page(key_folder)))
    sheet = pdf.root["/Pages"]["/Kids"][0]
    assert int(pdf.root["/Pages"]["/Count"]) == 1
    assert [round(float(side) / 72 * 25.4) for side in sheet["/MediaBox"]] == [0, 0, 297, 210]
    assert str(pdf.root["/Lang"]).lower().startswith("zh")
    info = pdf.trailer_view["/Info"]
    assert str(info["/Title"]) == "社会心理服务职业技能等级证书　23SPS100000001W"
    assert str(info["/Author"]) == "北京中文在线教育科技发展有限公司"
    assert str(info["/CreationDate"]) == "D:20231019160000Z"  # midnight in Beijing
    metadata = pdf.root["/Metadata"].data.decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata


def test_the_file_names_no_tools_version(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    """Neither as it is drawn nor as it is sealed, nor the machine's own clock: what a stranger attacks stays unsaid."""
    sealed = pdf_renderer.make_now(page(key_folder))
    pdf = reader(sealed)
    info, metadata = pdf.trailer_view["/Info"], pdf.root["/Metadata"].data.decode()
    assert (str(info["/Creator"]).strip(), "/Producer" in info) == ("xcert", False)
    assert str(info["/ModDate"]) == str(info["/CreationDate"]) == "D:20231019160000Z"
    assert re.findall(r"<(xmp:CreatorTool|stEvt:softwareAgent)>([^<]*?) *</", metadata) == [
        ("xmp:CreatorTool", "xcert"),
        ("stEvt:softwareAgent", "xcert"),
    ]
    assert re.findall(rb"(?i)typst|pyhanko", sealed) == []


def test_what_is_on_record_inside_the_house_stays_off_the_page(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder
) -> None:
    """No plan's internal name; each date, the level and the standard once."""
    printed = read_pdf(pdf_renderer.draw(page(key_folder)), key_folder.public()).printed
    assert "考试计划" not in printed
    for once in ("2023年9月22日", "2023年10月20日", "初级", "2021年3.0版"):
        assert printed.count(once) == 1


def test_the_portals_number_takes_the_line_that_is_left_for_it(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder
) -> None:
    numbered = replace(page(key_folder), portal_number="A2300012345678")
    assert "门户证书编号A2300012345678" in read_pdf(pdf_renderer.draw(numbered), key_folder.public()).printed


def test_it_is_tagged_for_screen_readers(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    root = reader(pdf_renderer.draw(page(key_folder, photo=photo()))).root
    assert root["/MarkInfo"]["/Marked"]
    assert "/StructTreeRoot" in root


def test_only_the_shipped_font_is_used_and_it_is_embedded(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder
) -> None:
    fonts = reader(pdf_renderer.draw(page(key_folder)))
    fonts = fonts.root["/Pages"]["/Kids"][0]["/Resources"]["/Font"]
    assert {str(fonts[name]["/BaseFont"]).partition("+")[2] for name in fonts} == {
        "NotoSerifCJKsc-Regular-Identity-H"
    }
    assert all("/FontFile3" in fonts[name]["/DescendantFonts"][0]["/FontDescriptor"] for name in fonts)


def test_the_same_page_is_the_same_bytes(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    one = page(key_folder)
    again = TypstPdfRenderer(pdf_renderer._clock, pdf_renderer._seal)
    assert pdf_renderer.draw(one) == pdf_renderer.draw(one) == again.draw(one)


def name_on_paper(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, name: str) -> Image.Image:
    image = Image.open(io.BytesIO(pdf_renderer.page_image(page(key_folder, name=name)))).convert("RGB")
    return part(image, 60, 69, 60 + 9.7 * len(name), 79.5)


def test_rare_characters_have_ink_each_its_own(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    drawn = [name_on_paper(pdf_renderer, key_folder, character) for character in RARE]
    assert all(0.08 < ink(image) < 0.6 for image in drawn)
    for at, one in enumerate(drawn):
        for other in drawn[at + 1 :]:
            assert ImageChops.difference(one, other).getbbox() is not None
    empty = name_on_paper(pdf_renderer, key_folder, "　")
    assert ink(empty) < 0.05 < min(map(ink, drawn))


def test_rare_characters_are_text_as_well(sealed: bytes, key_folder: KeyFolder) -> None:
    assert "司马䶮㛃𠮷𬱖（证件号码" in read_pdf(sealed, key_folder.public()).printed


def test_missing_glyphs_are_named(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    assert pdf_renderer.missing_glyphs("崔子涵·买买提 ABC，（）" + RARE) == ""
    assert pdf_renderer.missing_glyphs("崔\U0001f600子\ue000\ue000") == "\U0001f600\ue000"
    with pytest.raises(Refused) as refused:
        pdf_renderer.draw(page(key_folder, name="崔\ue000"))
    assert refused.value.code == "glyph_missing"
    assert "U+E000" in refused.value.message


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_is_optional(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, kind: str) -> None:
    image = Image.open(io.BytesIO(pdf_renderer.page_image(page(key_folder, photo=photo(kind))))).convert(
        "RGB"
    )
    [(red, _, blue)] = pixels(part(image, 42, 80, 62, 105).resize((1, 1)))
    assert blue > 130 and red < 60
    without = Image.open(io.BytesIO(pdf_renderer.page_image(page(key_folder)))).convert("RGB")
    assert min(*pixels(part(without, 36, 95, 44, 110).resize((1, 1)))[0]) > 200


def test_a_broken_photo_is_refused(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    with pytest.raises(Refused) as refused:
        pdf_renderer.draw(page(key_folder, photo=b"\xff\xd8 not a photo"))
    assert refused.value.code == "photo_unreadable"
    pdf_renderer.draw(page(key_folder))  # and the PDF renderer goes on working


def test_text_is_never_markup(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    name = "A#strong[B] *c* $x$ <d>"
    said = replace(page(key_folder), name=name)
    assert name.replace(" ", "") in read_pdf(pdf_renderer.draw(said), key_folder.public()).printed


@pytest.mark.parametrize("changed", [{}, {"name": "司马" + RARE}, LONG])
@pytest.mark.parametrize("dpi", [110, 150, 300])
def test_phones_read_the_qr_off_the_page(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, tmp_path: Path, changed: dict[str, Any], dpi: int
) -> None:
    sheet = page(key_folder, **changed)
    image = rasterised(pdf_renderer.make_now(sheet), tmp_path, dpi)
    [found] = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert found.text == sheet.verification_url
    assert open_code(key_folder, found.text.rpartition("/v/")[2]) == claims(**changed)
    seen, _ = cv2.wechat_qrcode.WeChatQRCode().detectAndDecode(numpy.array(image.convert("L")))
    assert list(seen) == [sheet.verification_url]


@pytest.mark.parametrize("dpi", [200, 300])
def test_the_plainest_reader_reads_it_as_printed_and_a_little_out_of_focus(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, tmp_path: Path, dpi: int
) -> None:
    """OpenCV's QRCodeDetector knows none of the tricks of WeChat's: what it reads, a weak phone reads."""
    code = json.loads((ROOT / "docs" / "vectors.json").read_text("utf-8"))["codes"][0]["code"]
    sheet = replace(page(key_folder), verification_url=code_url(PUBLIC_URL, code))  # always the same picture
    image = rasterised(pdf_renderer.make_now(sheet), tmp_path, dpi).convert("L")
    for blur in (0.0, 0.5, 1.0):
        blurred = numpy.array(image.filter(ImageFilter.GaussianBlur(blur)))
        assert cv2.QRCodeDetector().detectAndDecode(blurred)[0] == sheet.verification_url, (dpi, blur)


@pytest.mark.parametrize("changed", [{}, LONG])
def test_the_qr_is_30_mm_level_q_with_its_quiet_zone(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, changed: dict[str, Any]
) -> None:
    image = Image.open(io.BytesIO(pdf_renderer.page_image(page(key_folder, **changed)))).convert("RGB")
    [found] = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    corners = found.position
    per_mm = image.width / 297
    side = (corners.top_right.x - corners.top_left.x) / per_mm
    assert side >= 30 and found.ec_level == "Q"
    left, top = corners.top_left.x / per_mm, corners.top_left.y / per_mm
    module = side / 57
    for strip in (
        (left - 4 * module, top, left - 1, top + side),
        (left, top - 4 * module, left + side, top - 1),
    ):
        assert ink(part(image, *strip)) == 0


def test_long_texts_stay_inside_the_frame(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    usual = Image.open(io.BytesIO(pdf_renderer.page_image(page(key_folder)))).convert("RGB")
    long = Image.open(io.BytesIO(pdf_renderer.page_image(page(key_folder, **LONG)))).convert("RGB")
    for edge in ((270, 60, 297, 200), (0, 60, 30, 115), (0, 0, 297, 30), (0, 184, 297, 210)):
        assert ImageChops.difference(part(usual, *edge), part(long, *edge)).getbbox() is None


async def test_make_does_not_hold_up_the_loop(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    made = await asyncio.gather(
        *(pdf_renderer.make(page(key_folder, name=name)) for name in ("甲一", "乙二", "丙三"))
    )
    for pdf, name in zip(made, ("甲一", "乙二", "丙三"), strict=True):
        assert f"{name}（证件号码" in read_pdf(pdf, key_folder.public()).printed


def test_the_page_image_is_a_png_with_the_seal(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    data = pdf_renderer.page_image(page(key_folder))
    image = Image.open(io.BytesIO(data)).convert("RGB")
    assert data.startswith(b"\x89PNG") and image.width >= 1800
    x, y = SEAL_X_MM, SEAL_Y_MM
    [(red, green, blue)] = pixels(part(image, x - 1, y - 2, x + 1, y).resize((1, 1)))  # the star
    assert red > 150 and max(green, blue) < 110
