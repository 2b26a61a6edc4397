"""Reading QR codes out of pictures, for browsers that cannot."""

from __future__ import annotations

import io

import zxingcpp
from PIL import Image, UnidentifiedImageError


def texts(picture: bytes) -> list[str]:
    """The texts of all codes in a picture; empty if there is none or it is no picture."""
    try:
        with Image.open(io.BytesIO(picture)) as image:
            flat = image.convert("L")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return []
    return [code.text for code in zxingcpp.read_barcodes(flat) if code.text]
