"""Lines, claims and their canonical bytes; numbers and their check character."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict, fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters.keys import KeyFolder
from server.domain.certificates.claims import (
    FORM,
    Claims,
    Line,
    canonical,
    check_character,
    complete,
    id_hash_of,
    id_hash_salted,
    is_number,
    list_digest,
    new_salt,
    number_of,
    page_of,
    tidy_number,
)
from server.domain.certificates.numbers import ALPHABET
from server.domain.levels import Level
from server.domain.ports import CertificatePage
from tests.kit.claims import CLAIMS, LINE, LINES, NUMBERS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_canonical_json_is_one_form_and_reads_back(value: Any) -> None:
    data = canonical(value)
    assert json.loads(data) == value
    assert canonical(json.loads(data)) == data


def test_canonical_json_does_not_depend_on_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": "证"}) == canonical({"a": "证", "b": 1}) == '{"a":"证","b":1}'.encode()


@pytest.mark.parametrize("value", [1.5, {"a": [1, {"b": 0.0}]}, (2.0,), {1: "a"}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)


@given(LINES)
def test_a_line_reads_back(line: Line) -> None:
    assert Line.from_bytes(line.to_bytes()) == line
    assert line.to_bytes() == canonical(line.said())
    assert (line.said() == asdict(line)) == (line.form == FORM)


@given(CLAIMS)
def test_claims_read_back_and_keep_their_line(claims: Claims) -> None:
    assert Claims.from_bytes(claims.to_bytes()) == claims
    assert Line.from_bytes(claims.line.to_bytes()) == claims.line
    assert complete(claims.line, date.fromisoformat(claims.issued_on)) == claims


@given(CLAIMS, st.data())
def test_any_changed_byte_changes_the_digest_or_is_refused(claims: Claims, data: st.DataObject) -> None:
    original = claims.to_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        read = Claims.from_bytes(bytes(changed))
    except ValueError:
        return
    assert read.sha256() != claims.sha256()


def test_only_the_canonical_bytes_are_read() -> None:
    data = LINE.to_bytes()
    for other in (data + b"\n", data.replace(b",", b", ", 1), data[:-1], b"[]", b"{}", b"1", b""):
        with pytest.raises(ValueError):
            Line.from_bytes(other)
    with pytest.raises(ValueError):
        Line.from_bytes(canonical({**LINE.said(), "extra": "1"}))
    with pytest.raises(ValueError):
        Line.from_bytes(canonical({**LINE.said(), "name": 1}))
    with pytest.raises(ValueError, match="does not name itself"):
        Line.from_bytes(canonical(asdict(LINE)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "23SPS100000001A"},
        {"id_hash": "0" * 31},
        {"id_hash": "G" * 32},
        {"level": "初级"},
        {"outcome": "failed"},
        {"form": "3"},
        {"exam_date": "2023-9-22"},
        {"exam_date": "20230922"},
        {"exam_date": "2023-02-30"},
    ],
)
def test_what_cannot_stand_on_a_certificate_is_no_line(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        replace(LINE, **wrong)


def test_the_digest_of_a_list_does_not_depend_on_its_order_but_on_every_line() -> None:
    lines = [
        replace(LINE, number=number_of("23", "SPS", Level.PRIMARY, serial)).to_bytes() for serial in (3, 1, 2)
    ]
    assert list_digest(lines) == list_digest(sorted(lines)) == list_digest(reversed(lines))
    other = replace(Line.from_bytes(lines[1]), name="崔子函").to_bytes()
    assert list_digest([lines[0], other, lines[2]]) != list_digest(lines)
    assert list_digest(lines[:2]) != list_digest(lines)


def test_the_hash_of_an_identity_number_is_keyed_and_not_the_index(key_folder: KeyFolder) -> None:
    number = "990101200001010014"
    found = id_hash_of(key_folder, number)
    assert found == id_hash_of(key_folder, number) and len(found) == 32
    assert found != id_hash_of(key_folder, "990101200001010022")
    assert found not in key_folder.blind(number, about="candidate.id_number").hex()


@pytest.mark.rule("S7")
@pytest.mark.rule("S8")
@pytest.mark.rule("S11")
@pytest.mark.rule("S87")
@pytest.mark.rule("S94")
def test_the_page_says_the_claims_and_knows_no_officer() -> None:
    claims = complete(LINE, date(2023, 10, 20))
    page = page_of(claims, id_masked="99************4055", code_url="https://x/v/1", photo=None)
    assert page == CertificatePage(
        number=LINE.number,
        name="崔子涵",
        id_masked="99************4055",
        certificate_title="社会心理服务职业技能等级证书",
        level="初级",
        standard_version="2021年3.0版",
        plan_name="2023年9月22日社会心理服务证书考试计划",
        exam_date="2023年9月22日",
        issued_on="2023年10月20日",
        issuer="北京中文在线教育科技发展有限公司",
        school="京华职业技术学院",
        verification_url="https://x/v/1",
        statement="证书信息以国家职业技能等级证书信息管理服务平台（1+X门户）的记录为准。",
        photo_jpeg=None,
    )
    assert not [f.name for f in fields(page) if "officer" in f.name or "sign" in f.name]


def test_a_number_is_year_kind_level_serial_and_check() -> None:
    number = number_of("23", "SPS", Level.INTERMEDIATE, 42)
    assert number[:-1] == "23SPS200000042" and number[-1] == check_character(number[:-1])
    assert is_number(number)


@given(NUMBERS, st.data())
def test_every_wrong_character_is_caught(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from(ALPHABET.replace(number[at], "")))
    changed = number[:at] + other + number[at + 1 :]
    assert check_character(changed[:-1]) != changed[-1]
    assert not is_number(changed)


@given(NUMBERS, st.data())
def test_every_swap_of_neighbours_is_caught(number: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(number) - 2))
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    assert is_number(swapped) == (swapped == number)


def test_no_pair_of_characters_hides_an_error_at_any_place() -> None:
    """All pairs, after and before anything: the code is linear, so what stands around them does not matter."""
    for first, second in itertools.permutations(ALPHABET, 2):
        for before, after in (("", ""), ("23", "0"), ("7Q", "K7")):
            whole = check_character(before + first + second + after)
            assert whole != check_character(before + second + first + after)
            assert whole != check_character(before + second + second + after)


@given(st.text(max_size=24))
def test_hardly_anything_else_is_a_number(text: str) -> None:
    assert not is_number(text) or (text.isascii() and text[-1] == check_character(text[:-1]))


@pytest.mark.parametrize(
    ("year2", "code", "serial"),
    [
        ("2023", "SPS", 1),
        ("23", "sps", 1),
        ("23", "", 1),
        ("23", "SPS", 0),
        ("23", "SPS", 10**8),
        ("23", "社", 1),
    ],
)
def test_what_cannot_stand_in_a_number_is_refused(year2: str, code: str, serial: int) -> None:
    with pytest.raises(ValueError):
        number_of(year2, code, Level.PRIMARY, serial)


def test_a_typed_number_is_tidied() -> None:
    assert tidy_number(" ２３sps1-0000 0001x\t") == "23SPS100000001X"


def test_form_2_of_the_hash_needs_the_salt_and_nothing_of_ours() -> None:
    salt, number = "000102030405060708090a0b0c0d0e0f", "99010120000101001X"
    whole = b"xcert certificate id 2\0" + bytes(range(16)) + number.encode()
    assert id_hash_salted(salt, number) == hashlib.sha256(whole).digest()[:16].hex()
    assert id_hash_salted(new_salt(), number) != id_hash_salted(new_salt(), number)
    assert len(bytes.fromhex(new_salt())) == 16
