"""Which address a request came from, behind so many trusted proxies."""

from __future__ import annotations

import pytest

from server.domain.addresses import caller


@pytest.mark.parametrize(
    ("forwarded", "trusted", "address"),
    [
        ([], 0, "10.0.0.1"),
        (["6.6.6.6"], 0, "10.0.0.1"),  # no proxy of ours: a header anybody can write
        (["6.6.6.6, 203.0.113.9"], 1, "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9, 10.0.0.2"], 2, "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9"], 1, "203.0.113.9"),  # two headers are one list
        (["203.0.113.9"], 2, "10.0.0.1"),  # fewer hops than proxies: somebody went round them
        ([" , ,203.0.113.9 "], 1, "203.0.113.9"),
        (["x" * 100], 1, "x" * 45),
    ],
)
def test_caller(forwarded: list[str], trusted: int, address: str) -> None:
    assert caller("10.0.0.1", forwarded, trusted) == address
