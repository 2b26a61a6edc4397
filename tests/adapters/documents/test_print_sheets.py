"""The printer's file (S91): the sealed pages as they are, in the order of the sheets, the seal's picture in its place."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import pytest
from PIL import ImageChops
from pyhanko.pdf_utils.reader import PdfFileReader

from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.print_sheets import PdfSheetPrinter
from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.domain.ports import SheetToPrint
from tests.adapters.documents.papers import page, part, program, rasterised

pytestmark = pytest.mark.rule("S91")


async def test_each_page_is_the_sealed_one_with_its_serial(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, sealed: bytes, tmp_path: Path
) -> None:
    other = pdf_renderer.make_now(page(key_folder))
    made = await PdfSheetPrinter().sheets([SheetToPrint("A0001201", sealed), SheetToPrint("A0001202", other)])
    pages = PdfFileReader(io.BytesIO(made)).root["/Pages"]
    assert int(pages["/Count"]) == 2
    assert read_pdf(made, key_folder.public()).marks == ()  # paper's file is no certificate's
    for at, (serial, original) in enumerate((("A0001201", sealed), ("A0001202", other))):
        assert serial.encode() in pages["/Kids"][at]["/Contents"].data
        alone = await PdfSheetPrinter().sheets([SheetToPrint(serial, original)])
        ours, theirs = rasterised(alone, tmp_path, 100), rasterised(original, tmp_path, 100)
        # all but the strip in which the serial stands; the seal, an annotation's picture, is within
        body = (0.0, 0.0, 297.0, 202.0)
        differing = ImageChops.difference(part(ours, *body), part(theirs, *body)).convert("L")
        assert sum(differing.histogram()[40:]) == 0
        strip = (240.0, 202.0, 297.0, 210.0)
        assert ImageChops.difference(part(ours, *strip), part(theirs, *strip)).getbbox() is not None


async def test_a_printer_reads_it(sealed: bytes, tmp_path: Path) -> None:
    made = await PdfSheetPrinter().sheets([SheetToPrint("SPS00012012", sealed)] * 3)
    file = tmp_path / "sheets.pdf"
    file.write_bytes(made)
    words = subprocess.run([program("pdftotext"), file, "-"], check=True, capture_output=True).stdout.decode()
    assert words.count("SPS00012012") == 3
    info = subprocess.run([program("pdfinfo"), file], check=True, capture_output=True)
    assert (info.stderr, b"Pages:           3" in info.stdout) == (b"", True)
