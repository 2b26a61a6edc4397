"""The token in the QR: 32 characters, one ticket, and not a bit of it may be changed."""

from __future__ import annotations

import functools
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.issuance import scan_token
from server.domain.issuance.scan_token import Ticket, mint, prove, ticket_id_of
from server.errors import Unverified

SCENE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
AT = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
whole = st.integers(1, 2**63 - 1)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2120, 1, 1), timezones=st.just(UTC))
tickets = st.builds(
    Ticket,
    id=whole,
    issuance_id=whole,
    revision=st.integers(1, 10**6),
    list_sha256=st.binary(min_size=32, max_size=32),
    school_id=whole,
    key_epoch=st.integers(1, 99),
    created_at=moments,
    expires_at=moments,
    shown_by=st.text(max_size=20),
)


def mac(message: bytes, key: bytes = b"k" * 32) -> bytes:
    return hmac.digest(key, message, "sha256")


def refused(call: Any) -> str:
    with pytest.raises(Unverified) as said:
        call()
    return said.value.code


@pytest.mark.rule("C2")
@given(tickets)
def test_a_token_is_32_url_safe_characters_and_opens_its_own_ticket(ticket: Ticket) -> None:
    token = mint(mac, ticket)
    assert len(token) == 32
    assert set(token) <= SCENE
    assert ticket_id_of(token) == ticket.id
    prove(mac, ticket, token)
    assert mint(mac, ticket) == token


@given(tickets, st.integers(0, 24 * 8 - 1))
def test_one_changed_bit_is_forged(ticket: Ticket, bit: int) -> None:
    raw = bytearray(urlsafe_b64decode(mint(mac, ticket)))
    raw[bit // 8] ^= 1 << bit % 8
    token = urlsafe_b64encode(bytes(raw)).decode()
    assert refused(lambda: prove(mac, ticket, token)) == "scan_forged"


@given(tickets, tickets)
def test_every_field_of_the_row_stands_under_the_mac(ticket: Ticket, other: Ticket) -> None:
    token = mint(mac, ticket)
    for field in fields(Ticket):
        changed = replace(ticket, **{field.name: getattr(other, field.name)})
        if changed != ticket:
            assert refused(functools.partial(prove, mac, changed, token)) == "scan_forged", field.name


@given(tickets)
def test_resigned_with_another_key_is_forged(ticket: Ticket) -> None:
    token = mint(lambda message: mac(message, b"x" * 32), ticket)
    assert refused(lambda: prove(mac, ticket, token)) == "scan_forged"


@given(tickets, st.integers(0, 31))
def test_truncated_is_malformed(ticket: Ticket, length: int) -> None:
    assert refused(lambda: ticket_id_of(mint(mac, ticket)[:length])) == "scan_malformed"


@given(st.text(max_size=60).filter(lambda text: len(text) != 32 or not set(text) <= SCENE))
def test_any_other_text_is_malformed(text: str) -> None:
    assert refused(lambda: ticket_id_of(text)) == "scan_malformed"


@given(st.text(alphabet=sorted(SCENE), min_size=32, max_size=32))
def test_any_32_characters_are_read_without_a_surprise(text: str) -> None:
    try:
        assert 0 <= ticket_id_of(text) < 2**63
    except Unverified as said:
        assert said.code == "scan_forged" and text[0] not in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"


def test_neighbouring_lists_and_names_cannot_be_shifted_into_each_other() -> None:
    one = Ticket(1, 2, 1, b"a" * 32, 3, 1, AT, AT + scan_token.LIFETIME, "甲")
    assert mint(mac, one) != mint(mac, replace(one, list_sha256=b"a" * 31, shown_by="a甲"))


def test_ticket_numbers_are_63_random_bits() -> None:
    seen = {scan_token.new_id() for _ in range(1000)}
    assert len(seen) == 1000
    assert all(0 < one < 2**63 for one in seen)


def test_a_ticket_lives_five_minutes() -> None:
    assert timedelta(minutes=5) == scan_token.LIFETIME
