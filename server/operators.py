"""Who may see what is for operators: metrics, the checks of /readyz, the documents of the interfaces."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

Network = IPv4Network | IPv6Network
LOOPBACK = "127.0.0.0/8,::1/128"


@lru_cache(maxsize=8)
def networks(text: str) -> tuple[Network, ...]:
    """The networks of a comma-separated list of addresses and networks. Raises ValueError."""
    return tuple(ip_network(one.strip(), strict=False) for one in text.split(",") if one.strip())


def is_among(address: str, text: str) -> bool:
    """Whether an address is in one of these networks; what is no address is in none."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in networks(text))


def problems(values: Mapping[str, Any]) -> list[str]:
    """One line when the list cannot be read."""
    try:
        networks(str(values.get("operations") or ""))
    except ValueError:
        return ["XCERT_OPERATIONS 应为用逗号分开的地址或网段，如 10.0.0.5,192.168.0.0/16"]
    return []
