"""Where a caller comes from, as far as the trusted proxies in front of us say."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 45  # characters of an IPv6 address with an IPv4 tail


def caller(peer: str, forwarded: Iterable[str], trusted: int) -> str:
    """The caller's address: behind `trusted` proxies, the entry that the outermost of them wrote.

    Args:
        peer: the address at the other end of the connection.
        forwarded: the values of the X-Forwarded-For headers, in order.
        trusted: how many proxies stand in front; 0 believes no header.
    """
    hops = [hop.strip() for hop in ",".join(forwarded).split(",") if hop.strip()]
    if trusted and len(hops) >= trusted:
        return hops[-trusted][:LONGEST]
    return peer[:LONGEST]
