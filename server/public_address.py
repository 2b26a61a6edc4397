"""Our own address as people and WeChat know it: one spelling, so that whatever is compared with it is the same text.

An origin is what browsers and WeChat send: scheme and host in lower case, no default port, nothing behind it
(RFC 6454 §6.2). What is spelled otherwise but means the same is put so; what says more than an origin is refused, for
it would stand in every QR, and every page signed for WeChat would be a foreign one.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

NAME = "XCERT_PUBLIC_URL"
DEFAULT_PORTS = {"https": 443, "http": 80}
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
LONGEST = 200  # characters


def normalised(text: str) -> str:
    """The address in its one spelling; as it came, where `problems` finds something in it."""
    parts = _split(text)
    if parts is None or problems(text, production=False):
        return text
    return _origin(parts)


def problems(text: str, *, production: bool) -> list[str]:
    """One clear line for the first thing that cannot be right; empty when it is an origin.

    Args:
        production: only https and its own port will do, since WeChat and the printed QR know no other.
    """
    if not text:
        return []
    if len(text) > LONGEST:
        return [f"{NAME} 太长，应为 https://域名，不超过{LONGEST}个字符"]
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return [f"{NAME} 只能有英文字符，不能有空格、换行或反斜杠；中文域名请写成 xn-- 开头的形式"]
    if not text.lower().startswith(("http://", "https://")):
        return [f"{NAME} 应以 http:// 或 https:// 开头"]
    parts = _split(text)
    if parts is None:
        return [f"{NAME} 的域名或端口写法不对，应为 https://域名，如 https://cert.example.cn"]
    if (more := _more_than_an_origin(text, parts)) is not None:
        return [more]
    if production and parts.scheme != "https":
        return [f"{NAME} 在生产环境必须是 https:// 网址"]
    if production and parts.port not in (None, 443):
        return [f"{NAME} 在生产环境不能带端口：微信只认 443 端口；请由反向代理在 443 端口转发"]
    return []


def _more_than_an_origin(text: str, parts: SplitResult) -> str | None:
    if "@" in parts.netloc:
        return f"{NAME} 不能带用户名或密码：它会印在二维码里"
    if "?" in text or "#" in text:
        return f"{NAME} 不能带 ? 或 # 之后的内容，只写到域名为止"
    if parts.path == "/":
        return f"{NAME} 末尾不要带斜杠"
    if parts.path:
        return f"{NAME} 不能带路径（{parts.path[:40]}）：本服务须在域名的根目录，只写到域名为止"
    return None


def _split(text: str) -> SplitResult | None:
    """Its parts, when host and port are ones that there can be."""
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname or ""
        if ":" in host:
            IPv6Address(host)
        elif not _HOST.fullmatch(host):
            return None
    except ValueError:
        return None
    return parts if port != 0 else None


def _origin(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    host = f"[{IPv6Address(host)}]" if ":" in host else host
    is_default = parts.port in (None, DEFAULT_PORTS[parts.scheme])
    return f"{parts.scheme}://{host}" + ("" if is_default else f":{parts.port}")
