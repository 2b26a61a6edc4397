"""A receipt: signed, canonical, and refused when a byte of it was changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.domain.claims import canonical
from server.domain.issuance.receipts import Statement, make, verify
from server.errors import Unverified
from server.machinery.keys import KeyFolder

SAID = Statement(
    action="confirm_scan",
    issuance=7,
    revision=2,
    list_sha256="ab" * 32,
    count=12,
    plan="2023年9月22日社会心理服务证书考试计划",
    level="初级",
    officer=3,
    officer_name="王签发",
    school=5,
    school_name="第一职业技术学院",
    ticket="00000000000000ff",
    at="2026-11-23T12:00:00.000+08:00",
)
once = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.rule("S87")
def test_a_genuine_receipt_says_what_was_signed(key_folder: KeyFolder) -> None:
    document = make(key_folder, SAID)
    assert verify(key_folder, document) == SAID
    assert json.loads(document)["proof"]["key"] == "receipt-1"


@once
@given(st.data())
def test_one_changed_byte_is_refused(key_folder: KeyFolder, data: st.DataObject) -> None:
    document = bytearray(make(key_folder, SAID))
    place = data.draw(st.integers(0, len(document) - 1))
    document[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Unverified) as refused:
        verify(key_folder, bytes(document))
    assert refused.value.code == "receipt_invalid"


@once
@given(
    st.one_of(
        st.binary(max_size=200), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(canonical)
    )
)
def test_rubbish_is_refused(key_folder: KeyFolder, document: bytes) -> None:
    with pytest.raises(Unverified) as refused:
        verify(key_folder, document)
    assert refused.value.code == "receipt_invalid"


def test_the_same_statement_under_another_form_is_refused(key_folder: KeyFolder) -> None:
    loose = json.dumps(json.loads(make(key_folder, SAID)), indent=1, ensure_ascii=False).encode()
    with pytest.raises(Unverified):
        verify(key_folder, loose)
