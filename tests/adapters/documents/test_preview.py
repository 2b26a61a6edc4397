"""The certificate's picture on a phone: light, and its QR still readable."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from server.adapters.documents import preview
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.keys import KeyFolder
from tests.adapters.documents.papers import LONG, page, photo


def codes(image: Image.Image) -> list[str]:
    wanted = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [code.text for code in zxingcpp.read_barcodes(image, formats=wanted)]


@pytest.mark.parametrize("changed", [{}, LONG], ids=["usual", "longest"])
@pytest.mark.parametrize("has_photo", [False, True])
def test_it_is_a_light_jpeg_whose_qr_is_read(
    pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder, changed: dict[str, str], has_photo: bool
) -> None:
    drawn = page(key_folder, photo=photo() if has_photo else None, **changed)
    jpeg = pdf_renderer.page_preview(drawn)
    assert jpeg.startswith(b"\xff\xd8\xff") and len(jpeg) <= preview.MOST_BYTES
    image = Image.open(io.BytesIO(jpeg))
    assert (image.format, image.size) == ("JPEG", (828, 585))
    # A module of the longest code is two points wide: a reader that does not get it at once looks closer, as phones do.
    closer = image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC)
    assert [drawn.verification_url] in (codes(image), codes(closer))


def test_a_page_that_compresses_badly_is_still_sent() -> None:
    """The smallest there is, even if it is above the limit: a picture too heavy is better than none."""
    noise = Image.effect_noise((1871, 1323), 90)
    out = io.BytesIO()
    noise.save(out, "PNG")
    assert Image.open(io.BytesIO(preview.of(out.getvalue()))).size == (preview.WIDTH, 585)
