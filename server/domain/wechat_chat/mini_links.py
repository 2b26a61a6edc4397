"""What an address of ours means to the mini-program, when a QR on paper or on a screen opened it (wechat.md §4.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from server.errors import Refused

LONGEST = 6000  # characters of a raw `q`; the longest code of a certificate is far shorter
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_SCAN = re.compile(r"/s/([0-9A-Za-z_-]{32})")
_VERIFICATION = re.compile(r"/v/([0-9]{1,1000})")


@dataclass(frozen=True, slots=True)
class Link:
    """What was scanned: `kind` is scan (an officer's ticket) or verification (a certificate)."""

    kind: str
    value: str


def read(q: str, public_url: str) -> Link:
    """The meaning of a raw `q` of onLoad: percent-encoded once by WeChat, and the printed URL underneath.

    Scheme, host and case must be those that are printed; nothing is judged to be genuine yet.

    Args:
        q: as the page got it, not decoded.
        public_url: setting XCERT_PUBLIC_URL.

    Raises:
        Refused: link_unreadable, link_foreign, link_unknown.
    """
    try:
        url = unquote(q, errors="strict")
    except UnicodeDecodeError:
        url = ""
    if not _PRINTABLE.fullmatch(url) or "%" in url:
        raise Refused("link_unreadable", "二维码内容无法识别，请重新扫描。")
    if not url.startswith(f"{public_url}/"):
        raise Refused(
            "link_foreign", "这不是本机构的二维码。请扫描证书上的二维码，或电脑页面上的签发二维码。"
        )
    path = re.split("[?#]", url.removeprefix(public_url), maxsplit=1)[0]
    for kind, pattern in (("scan", _SCAN), ("verification", _VERIFICATION)):
        if match := pattern.fullmatch(path):
            return Link(kind, match[1])
    raise Refused("link_unknown", "小程序里没有与这个二维码对应的功能，请用微信“扫一扫”在网页中打开。")
