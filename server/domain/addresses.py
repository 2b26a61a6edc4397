"""Where a caller comes from, as far as the trusted proxies in front of us say, and whom limits count as one."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

_PREFIX = (
    64  # bits of an IPv6 address that one subscriber has; the rest is theirs to choose (RFC 4291 §2.5.1)
)
_LONGEST = 64  # characters of an entry; an IPv6 address with brackets, zone and port stays below


def caller(peer: str, forwarded: Iterable[str], trusted: int) -> str:
    """The caller's address in its one spelling: behind `trusted` proxies, the entry that the outermost of them wrote.

    An entry may carry a port, brackets or quotes, as several proxies write them. One that is no address at all
    ("unknown", "_hidden", RFC 7239 §6) says nothing, so the peer stands for the caller then.

    Args:
        peer: the address at the other end of the connection.
        forwarded: the values of the X-Forwarded-For headers, in order.
        trusted: how many proxies stand in front; 0 believes no header.
    """
    if trusted:
        hops = [hop.strip() for hop in ",".join(forwarded).split(",") if hop.strip()]
        if len(hops) >= trusted and (entry := read(hops[-trusted])) is not None:
            return str(entry)
    address = read(peer)
    return str(address) if address is not None else peer[:_LONGEST]


def read(text: str) -> IPv4Address | IPv6Address | None:
    """The address in one entry of X-Forwarded-For, without port, brackets, quotes and zone; None when there is none."""
    if len(text) > _LONGEST or not text.isascii():
        return None
    text = text.strip().strip('"')
    if text.startswith("["):
        text, _, rest = text[1:].partition("]")
        if rest and not _is_port(rest):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(f":{port}"):
            return None
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isdigit() and len(text) <= 6


def counted(address: str) -> str:
    """Whom a limit counts as one caller: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        address: as `caller` gives it; what is no address counts as it is.
    """
    ip = read(address)
    if ip is None:
        return address[:_LONGEST]
    if not isinstance(ip, IPv6Address):
        return str(ip)
    network = IPv6Address(int(ip) >> (128 - _PREFIX) << (128 - _PREFIX))
    return f"{network}/{_PREFIX}"


def split_url(url: str) -> SplitResult:
    """The parts of a URL that a stranger wrote; empty ones of what is none, where `urlsplit` raises ("http://[::1")."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
