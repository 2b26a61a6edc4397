"""Which address a request came from, behind so many trusted proxies, and whom limits count as one."""

from __future__ import annotations

import pytest

from server.domain.addresses import caller, counted


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
        # as proxies write them: with a port, in brackets, in quotes, mapped, with a zone
        (["203.0.113.9:50123"], 1, "203.0.113.9"),
        (["[2001:db8::7]:443"], 1, "2001:db8::7"),
        (["[2001:db8::7]"], 1, "2001:db8::7"),
        (['"[2001:db8::7]:443"'], 1, "2001:db8::7"),
        (["2001:0DB8:0:0::7"], 1, "2001:db8::7"),
        (["::ffff:203.0.113.9"], 1, "203.0.113.9"),
        (["[::ffff:203.0.113.9]:8080"], 1, "203.0.113.9"),
        (["fe80::1%eth0"], 1, "fe80::1"),
        # what is no address says nothing
        (["unknown"], 1, "10.0.0.1"),
        (["_hidden"], 1, "10.0.0.1"),
        (["x" * 100], 1, "10.0.0.1"),
        (["203.0.113.9:"], 1, "10.0.0.1"),
        (["203.0.113.9:port"], 1, "10.0.0.1"),
        (["203.0.113.9:5000000"], 1, "10.0.0.1"),
        (["[2001:db8::7]443"], 1, "10.0.0.1"),
        (["[2001:db8::7"], 1, "2001:db8::7"),
        (["203.0.113.009"], 1, "10.0.0.1"),
        (["٢٠٣.0.113.9"], 1, "10.0.0.1"),
        (["6.6.6.6, unknown"], 1, "10.0.0.1"),  # never the entry before it, which anybody can write
    ],
)
def test_caller(forwarded: list[str], trusted: int, address: str) -> None:
    assert caller("10.0.0.1", forwarded, trusted) == address


@pytest.mark.parametrize(
    ("peer", "address"), [("::ffff:10.0.0.1", "10.0.0.1"), ("::1", "::1"), ("", ""), ("socket", "socket")]
)
def test_a_peer_has_one_spelling_too(peer: str, address: str) -> None:
    assert caller(peer, [], 0) == address


@pytest.mark.parametrize(
    ("address", "one"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::ffff", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("nowhere", "nowhere"),
    ],
)
def test_a_subscriber_counts_once(address: str, one: str) -> None:
    assert counted(address) == one
