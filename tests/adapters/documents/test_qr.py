"""QR codes on paper and on screens."""

from __future__ import annotations

import io

import pytest
import zxingcpp
from PIL import Image

from server.adapters.documents import qr


@pytest.mark.parametrize(
    ("text", "version"),
    [("https://x.cn/v/1", 2), ("https://x.cn/v/" + "1" * 100, 5), ("https://x.cn/v/" + "1" * 309, 10)],
)
def test_digits_are_packed_as_digits(text: str, version: int) -> None:
    assert qr.version(text) == version


def test_paper_is_one_black_path_with_four_modules_of_quiet_zone() -> None:
    svg = qr.for_paper("https://x.cn/v/1")
    assert svg.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 33 33"><path d="M4 4h7v1H4z')
    assert svg.count("<path") == 1 and "fill" not in svg


@pytest.mark.parametrize("text", ["https://x.cn/s/AbCdEfGhIjKlMnOpQrStUvWxYz012345", "中文"])
def test_a_screen_shows_what_was_meant(text: str) -> None:
    image = Image.open(io.BytesIO(qr.screen_png(text)))
    [found] = zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    assert found.text == text
    assert qr.screen_svg(text).lstrip().startswith(("<svg", "<?xml"))
