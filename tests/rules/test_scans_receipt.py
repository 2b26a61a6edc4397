"""A receipt: signed, canonical, and refused when a byte of it was changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.adapters.keys import KeyFolder, create, rotate
from server.adapters.published_keys import PublishedKeys
from server.domain.certificates.claims import canonical
from server.domain.issuance import receipts
from server.domain.issuance.receipts import Proof, Statement, make, read, verify
from server.errors import Unverified
from tests.kit.receipts import SAID

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
    # One byte can name another key, which may be newer than what we know; that is no proof either.
    assert refused.value.code in ("receipt_invalid", "key_unknown")


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


@pytest.mark.parametrize(
    "loosen",
    [
        lambda document: document + b"\n",
        lambda document: b"\xef\xbb\xbf" + document,
        lambda document: json.dumps(json.loads(document), indent=1, ensure_ascii=False).encode(),
        lambda document: json.dumps(json.loads(document), separators=(",\r\n", ":\t")).encode(),
    ],
    ids=["newline", "byte order mark", "pretty", "escaped"],
)
def test_what_editors_and_mail_gateways_do_changes_nothing_that_is_said(
    key_folder: KeyFolder, loosen: Callable[[bytes], bytes]
) -> None:
    document = make(key_folder, replace(SAID, reason="无"))
    assert read(key_folder, document) == (replace(SAID, reason="无"), Proof("receipt-1", True))
    assert read(key_folder, loosen(document)) == (replace(SAID, reason="无"), Proof("receipt-1", False))


def test_a_name_given_twice_is_refused(key_folder: KeyFolder) -> None:
    """Programs differ in which of the two they take."""
    twice = make(key_folder, SAID).replace(b'"count":', b'"count":1,"count":', 1)
    with pytest.raises(Unverified) as refused:
        verify(key_folder, twice)
    assert refused.value.code == "receipt_invalid"


def test_a_receipt_of_a_key_that_is_not_known_yet_is_neither_genuine_nor_forged(
    key_folder: KeyFolder, tmp_path: Path
) -> None:
    folder = tmp_path / "keys"
    create(folder, development=True, organisation="某机构")
    published = PublishedKeys(KeyFolder(folder, production=False).public())
    rotate(folder, "receipt", organisation="某机构")
    later = make(KeyFolder(folder, production=False), SAID)
    with pytest.raises(Unverified) as refused:
        verify(published, later)
    assert refused.value.code == "key_unknown"
    assert "暂时无法核验：公布的公钥里还没有 receipt-2" in refused.value.message


def test_a_receipt_of_the_first_form_is_verified_as_before(key_folder: KeyFolder) -> None:
    said = {
        name: getattr(SAID, name) for name in Statement.__dataclass_fields__ if name not in receipts._SECOND
    }
    said["format"] = "xcert-receipt-1"
    signed = key_folder.sign("receipt", canonical(said))
    proof = {"key": signed.key_id, "signature": base64.b64encode(signed.signature).decode()}
    assert verify(key_folder, canonical({**said, "proof": proof})) == SAID


@pytest.mark.parametrize(
    "change", [{"format": "xcert-receipt-1"}, {"site": None}, {"odd": "1"}, {"format": "xcert-receipt-3"}]
)
def test_a_form_has_its_own_fields_and_no_others(
    key_folder: KeyFolder, change: dict[str, str | None]
) -> None:
    said = json.loads(make(key_folder, SAID))
    said.pop("proof")
    said = {name: value for name, value in {**said, **change}.items() if value is not None}
    signed = key_folder.sign("receipt", canonical(said))
    proof = {"key": signed.key_id, "signature": base64.b64encode(signed.signature).decode()}
    with pytest.raises(Unverified):
        verify(key_folder, canonical({**said, "proof": proof}))
