"""The certificate as a picture for a phone: JPEG, which every WeChat can show, save by a long press and search for a QR.

Measured on a certificate without photo: PNG of 1,871 pixels 790 kB, WebP 114 kB (not every WeChat saves it), JPEG of
828 pixels 40 kB, in which the QR of 97 × 97 modules is still read.
"""

from __future__ import annotations

import io

from PIL import Image

WIDTH = 828  # pixels: two for each CSS pixel of a phone 414 wide
MOST_BYTES = 44_000  # leaves room for page, styles and scripts within a first load of 60 kB
QUALITIES = (
    50,
    45,
    40,
    35,
    30,
    25,
)  # the best that fits; at 25 the QR was still read at every length of line


def of(png: bytes) -> bytes:
    """The preview of a page's picture.

    Args:
        png: the page as `page_image` draws it.
    """
    page = Image.open(io.BytesIO(png)).convert("RGB")
    small = page.resize((WIDTH, round(page.height * WIDTH / page.width)), Image.Resampling.LANCZOS)
    jpeg = b""
    for quality in QUALITIES:
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality, optimize=True, progressive=True)
        jpeg = out.getvalue()
        if len(jpeg) <= MOST_BYTES:
            break
    return jpeg
