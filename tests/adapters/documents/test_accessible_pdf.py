"""The certificate for whom it is read to: PDF/A-3a and PDF/UA-1, all of it in the structure tree, in the order of reading."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from typing import Any

import pdfua
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.keys import KeyFolder
from tests.adapters.documents.papers import LONG, RARE, page, photo, program
from tests.conftest import ISSUER

READ = [
    ("P", "VOCATIONAL SKILL LEVEL CERTIFICATE"),
    ("P", "初级"),
    ("P", "{name}（证件号码：99************4055）于2023年9月22日参加考核，成绩合格，达到职业技能等级标准的要求，特发此证。"),
    ("P", "This is to certify that the holder named above has passed the assessment and met the requirements of the vocational skill level standard at primary level."),
    ("P", "扫码核验"),
    ("P", "证书编号"),
    ("P", "23SPS100000001W"),
    ("P", "标准版本"),
    ("P", "2021年3.0版"),
    ("P", "考核院校"),
    ("P", "京华职业技术学院"),
    ("P", "门户证书编号"),
    ("P", ISSUER),
    ("P", "2023年10月20日"),
]  # fmt: skip


def tree(pdf: bytes) -> Any:
    return PdfFileReader(io.BytesIO(pdf)).root["/StructTreeRoot"]


def elements(pdf: bytes) -> list[Any]:
    """Every structure element of the document, in order."""

    def below(kids: Any) -> list[Any]:
        found = []
        for kid in kids if isinstance(kids, list) else [kids]:
            one = kid.get_object() if hasattr(kid, "get_object") else kid
            if hasattr(one, "keys") and "/S" in one:
                inside = one["/K"] if "/K" in one else []  # noqa: SIM401 -- pyHanko's get does not follow references
                found += [one, *below(inside)]
        return found

    return below(tree(pdf)["/K"])


def read_out(pdf: bytes, folder: Path) -> list[tuple[str, str]]:
    """Each element with its text, as poppler reads the structure."""
    source = folder / "read.pdf"
    source.write_bytes(pdf)
    told = subprocess.run([program("pdfinfo"), "-struct-text", source], capture_output=True, check=True)
    found: list[tuple[str, str]] = []
    for line in told.stdout.decode("utf-8", "replace").split("\n"):
        if quoted := re.fullmatch(r'\s*"(.*)"', line):
            kind, text = found.pop()
            found.append((kind, text + quoted[1]))
        elif named := re.match(r"\s*([A-Z][A-Za-z0-9]*)\b", line):
            found.append((named[1], ""))
    return [(kind, text) for kind, text in found if text]


@pytest.mark.rule("S88")
def test_it_says_so_and_a_program_that_looks_finds_nothing_against_it(sealed: bytes, tmp_path: Path) -> None:
    metadata = bytes(PdfFileReader(io.BytesIO(sealed)).root["/Metadata"].data).decode()
    for said in ("<pdfaid:part>3<", "<pdfaid:conformance>A<", "<pdfuaid:part>1<"):
        assert said in metadata
    file = tmp_path / "sealed.pdf"
    file.write_bytes(sealed)
    assert list(pdfua.validate(str(file)).findings) == []


@pytest.mark.parametrize("name", ["崔子涵", "司马" + RARE])
def test_it_is_read_in_order_and_to_the_letter(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, tmp_path: Path, name: str
) -> None:
    told = read_out(pdf_renderer.make_now(page(key_folder, name=name)), tmp_path)
    kind, title = told[0]
    assert (kind, title) == ("H1", "社会心理服务职业技能等级证书")
    assert told[1 : len(READ) + 1] == [(kind, text.format(name=name)) for kind, text in READ]
    assert {kind for kind, _ in told[len(READ) :]} == {"P"}


def test_pictures_and_the_seal_have_words(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> None:
    said = page(key_folder, photo=photo())
    pdf = pdf_renderer.make_now(said)
    words = [str(one["/Alt"]) for one in elements(pdf) if "/Alt" in one]
    assert words == [
        "持证人照片",
        f"二维码：扫一扫打开核验网址 {said.verification_url}",
        f"电子证书专用章：{ISSUER}的电子印章和数字签名",
    ]


@pytest.mark.parametrize("changed", [{}, LONG], ids=["short", "long"])
def test_the_seals_field_stands_in_the_tree_both_ways(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, changed: dict[str, Any]
) -> None:
    """PDF/UA-1, 7.18.4: a widget is the child of a Form; the page's own parts keep their places."""
    one = page(key_folder, **changed)
    pdf, drawn = pdf_renderer.make_now(one), pdf_renderer.draw(one)
    [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    *rest, form = elements(pdf)
    assert (str(form["/S"]), str(form["/K"]["/Type"])) == ("/Form", "/OBJR")
    assert form["/K"]["/Obj"] == signature.sig_field
    assert str(signature.sig_field["/TU"]) == "电子证书专用章"
    assert [str(one["/S"]) for one in rest] == [str(one["/S"]) for one in elements(drawn)]
    numbers = tree(pdf)["/ParentTree"]["/Nums"]
    at = [int(numbers[place]) for place in range(0, len(numbers), 2)]
    assert at == sorted(set(at)) and tree(pdf)["/ParentTreeNextKey"] == at[-1] + 1
    assert int(signature.sig_field["/StructParent"]) == at[-1]
    assert numbers[len(numbers) - 1] == form
    assert str(PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"][0]["/Tabs"]) == "/S"
