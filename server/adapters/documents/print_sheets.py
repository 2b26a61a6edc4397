"""Puts sealed certificates together for the printer with pyHanko; implements the SheetPrinter port.

Nothing is drawn anew: each page is the sealed one with the picture of its seal, and small at the lower edge the serial of
the sheet. What comes out is paper's; it is no certificate's file and has no signature.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Sequence
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter

from server.domain.ports import SheetToPrint

_SIZE = 6  # points, of the serial
_EDGE = 14  # points from the right and the lower edge


class PdfSheetPrinter:
    """The SheetPrinter port."""

    async def sheets(self, sheets: Sequence[SheetToPrint]) -> bytes:
        """In a thread."""
        return await asyncio.to_thread(put_together, sheets)


def put_together(sheets: Sequence[SheetToPrint]) -> bytes:
    """The same, blocking."""
    writer = PdfFileWriter(stream_xrefs=False)
    font = writer.add_object(
        generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Font"),
                pdf_name("/Subtype"): pdf_name("/Type1"),
                pdf_name("/BaseFont"): pdf_name("/Helvetica"),
            }
        )
    )
    for sheet in sheets:
        _add(writer, sheet, font)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _add(writer: PdfFileWriter, sheet: SheetToPrint, font: Any) -> None:
    reader = PdfFileReader(io.BytesIO(sheet.sealed))
    page = reader.root["/Pages"]["/Kids"][0]
    box = [float(edge) for edge in page["/MediaBox"]]
    drawn = generic.DictionaryObject({pdf_name("/Page"): writer.import_page_as_xobject(reader)})
    marks = ["q /Page Do Q"]
    for at, annotation in enumerate(page.get("/Annots", ())):
        if placed := _appearance(writer, annotation.get_object()):
            name = f"/Mark{at}"
            drawn[pdf_name(name)], matrix = placed
            marks.append(f"q {matrix} cm {name} Do Q")
    left = box[2] - _EDGE - len(sheet.serial) * _SIZE * 0.6
    marks.append(
        f"q BT /Serial {_SIZE} Tf 0.35 g {left:.1f} {box[1] + _EDGE:.1f} Td ({sheet.serial}) Tj ET Q"
    )
    resources = generic.DictionaryObject(
        {
            pdf_name("/XObject"): drawn,
            pdf_name("/Font"): generic.DictionaryObject({pdf_name("/Serial"): font}),
        }
    )
    contents = writer.add_object(generic.StreamObject(stream_data="\n".join(marks).encode("ascii")))
    media = generic.ArrayObject([generic.FloatObject(edge) for edge in box])
    writer.insert_page(PageObject(contents=contents, media_box=media, resources=resources))


def _appearance(writer: PdfFileWriter, annotation: Any) -> tuple[Any, str] | None:
    """An annotation's picture and where it goes on the page (ISO 32000-1, 12.5.5); None for one without."""
    looks = annotation.get("/AP")
    if looks is None or "/N" not in looks or not isinstance(looks["/N"], generic.StreamObject):
        return None
    form = looks["/N"]
    rect, box = _corners(annotation["/Rect"]), _corners(_turned(form))
    wide, high = box[2] - box[0], box[3] - box[1]
    if not wide or not high or rect[2] == rect[0]:
        return None
    x, y = (rect[2] - rect[0]) / wide, (rect[3] - rect[1]) / high
    shift = f"{rect[0] - box[0] * x:.4f} {rect[1] - box[1] * y:.4f}"
    return writer.add_object(writer.import_object(form)), f"{x:.6f} 0 0 {y:.6f} {shift}"


def _corners(box: Iterable[Any]) -> tuple[float, float, float, float]:
    """Left, bottom, right, top: a PDF may name any two opposite corners."""
    x1, y1, x2, y2 = (float(edge) for edge in box)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _turned(form: Any) -> tuple[float, float, float, float]:
    """The form's box as its own matrix leaves it."""
    a, b, c, d, e, f = (float(one) for one in form.get("/Matrix", (1, 0, 0, 1, 0, 0)))
    x1, y1, x2, y2 = _corners(form["/BBox"])
    corners = [(a * x + c * y + e, b * x + d * y + f) for x in (x1, x2) for y in (y1, y2)]
    across, up = [x for x, _ in corners], [y for _, y in corners]
    return min(across), min(up), max(across), max(up)
