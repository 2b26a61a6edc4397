"""The published formats, by two implementations: what one writes the other reads, byte for byte, and both refuse alike."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from server.adapters.published_keys import PublishedKeys
from server.domain.certificates import data_integrity, packing, status_lists, wallet_credentials
from server.domain.certificates.claims import (
    Claims,
    Line,
    check_character,
    encode_code,
    id_hash_salted,
    key_of_code,
    list_digest,
    open_code,
)
from server.domain.certificates.wallet_credentials import Held
from server.domain.issuance import receipts, roster
from server.domain.issuance.offline_list import verify_list
from server.domain.issuance.receipts import Statement
from server.domain.ports import Signed
from server.errors import Unverified
from tests.kit.claims import CLAIMS

FOLDER = Path(__file__).parents[1] / "vectors"
Json = dict[str, Any]


def vectors(name: str) -> Json:
    read: Json = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return read


@pytest.fixture(scope="module")
def stranger() -> Any:
    """The second implementation, as somebody else's."""
    sys.path.insert(0, str(FOLDER))
    try:
        return import_module("independent")
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def form(stranger: Any) -> Any:
    return stranger.Form(vectors("form"))


PUBLISHED = PublishedKeys.read((FOLDER / "keys.json").read_bytes())


class VectorKeys:
    """Signs with the keys whose secrets are published, for vectors alone."""

    def epoch(self, purpose: str) -> int:
        return 1

    def sign(self, purpose: str, message: bytes, *, epoch: int | None = None) -> Signed:
        key = Ed25519PrivateKey.from_private_bytes(purpose.encode().ljust(32, b"."))
        return Signed(f"{purpose}-1", key.sign(message))


KEYS: Any = VectorKeys()


def test_the_second_implementation_knows_nothing_of_ours_and_makes_the_vectors() -> None:
    for name in ("independent", "make_vectors"):
        text = (FOLDER / f"{name}.py").read_text("utf-8")
        assert "server" not in text.replace("service", "")
    command = [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path.insert(0, {str(FOLDER)!r}); import make_vectors",
    ]
    whole = f"{command[-1]}; sys.exit(make_vectors.main(['--check']))"
    assert subprocess.run([*command[:-1], whole], cwd="/").returncode == 0


def test_the_form_of_the_vectors_is_the_published_one() -> None:
    published = asdict(packing.PUBLISHED)
    assert vectors("form") == {
        name: list(published[name]) if name == "phrases" else published[name]
        for name in ("symbols", "phrases_from", "phrases")
    }
    for body, character in vectors("keys")["check_characters"].items():
        assert check_character(body) == character


def claims_of(said: Json) -> Claims:
    return Claims(**said)


def test_codes_in_both_directions(stranger: Any, form: Any) -> None:
    public = PUBLISHED.find("certificate-1")
    assert public is not None
    for one in vectors("codes")["accepted"]:
        claims = claims_of(one["claims"])
        assert open_code(PUBLISHED, one["code"]) == claims
        assert encode_code(KEYS, claims) == one["code"] and key_of_code(one["code"]) == "certificate-1"
        assert packing.pack(asdict(claims)).hex() == one["packed"]
        assert stranger.read_code(form, public.raw, one["code"]) == one["claims"] == claims.said()
    for one in vectors("codes")["refused"]:
        with pytest.raises(Unverified):
            open_code(PUBLISHED, one["code"])
        with pytest.raises(stranger.Refused):
            stranger.read_code(form, public.raw, one["code"])


@settings(deadline=None, max_examples=60)
@given(claims=CLAIMS)
def test_any_code_of_ours_is_read_and_made_alike_elsewhere(stranger: Any, form: Any, claims: Claims) -> None:
    code = encode_code(KEYS, claims)
    assert stranger.make_code(form, claims.said()) == code
    assert stranger.read_code(form, stranger.raw("certificate"), code) == claims.said()


def test_lists_in_both_directions(stranger: Any) -> None:
    for one in vectors("rosters")["accepted"]:
        lines = [Line(**said) for said in one["lines"]]
        assert list_digest(line.to_bytes() for line in lines).hex() == one["sha256"]
        ours = roster.canonical_of((line.number, line.to_bytes()) for line in lines)
        assert ours.decode() == one["canonical"] and stranger.roster(one["lines"]) == ours
        report = verify_list(ours, None, None)
        assert any(one["sha256"] in finding.text for finding in report.findings) and report.is_open
    for one in vectors("rosters")["id_hashes"]:
        assert id_hash_salted(one["salt"], one["id_number"]) == one["id_hash"]
        assert stranger.id_hash(one["salt"], one["id_number"]) == one["id_hash"]
    for one in vectors("rosters")["refused"]:
        report = verify_list(json.dumps(one["lines"]).encode(), None, None)
        assert not report.is_genuine and not report.is_open, one["why"]
        with pytest.raises(stranger.Refused):
            stranger.roster(one["lines"])


def test_receipts_in_both_directions(stranger: Any) -> None:
    for one in vectors("receipts")["accepted"]:
        document = one["document"].encode()
        said = asdict(receipts.verify(PUBLISHED, document))
        assert one["said"].items() <= {**said, "format": one["said"]["format"]}.items()
        assert stranger.read_receipt(stranger.raw("receipt"), document) == one["said"]
    second = vectors("receipts")["accepted"][1]
    statement = Statement(**{k: v for k, v in second["said"].items() if k != "format"})
    assert receipts.make(KEYS, statement).decode() == second["document"]
    for one in vectors("receipts")["refused"]:
        with pytest.raises(Unverified):
            receipts.verify(PUBLISHED, one["document"].encode())
        with pytest.raises(stranger.Refused):
            stranger.read_receipt(stranger.raw("receipt"), one["document"].encode())


def test_credentials_in_both_directions(stranger: Any) -> None:
    said = vectors("credentials")
    origin, did, now = said["origin"], said["did"]["id"], datetime(2026, 11, 27, 4, tzinfo=UTC)
    claims = claims_of(said["claims"])
    held = Held(claims, encode_code(KEYS, claims), said["status_index"])
    whole = wallet_credentials.document(origin, held)
    assert [data_integrity.secured(KEYS, did, whole, now)] == said["accepted"]
    assert data_integrity.did_document(origin, PUBLISHED.public()) == said["did"]
    for one in said["accepted"]:
        content, key_id = data_integrity.opened(PUBLISHED, one)
        assert key_id == "credential-1" and content == stranger.verify_proof(stranger.raw("credential"), one)
        assert wallet_credentials.said_by(content).facts["证书编号"] == claims.number
    for one in said["refused"]:
        with pytest.raises(Unverified):
            data_integrity.opened(PUBLISHED, one["document"])
        with pytest.raises(stranger.Refused):
            stranger.verify_proof(stranger.raw("credential"), one["document"])
    for one in said["status_lists"]:
        subject = one["credentialSubject"]
        places = said["status_places"][subject["statusPurpose"]]
        assert stranger.places(one) == places
        ours = status_lists.document(origin, subject["statusPurpose"], 1, places, now)
        assert stranger.places(ours) == places
        keep = {"encodedList": subject["encodedList"]}
        assert ours | {"credentialSubject": ours["credentialSubject"] | keep} == {
            name: value for name, value in one.items() if name != "proof"
        }
        data_integrity.opened(PUBLISHED, one)
        stranger.verify_proof(stranger.raw("credential"), one)


def test_the_proof_is_that_of_the_standards_own_vector(stranger: Any) -> None:
    """W3C Data Integrity EdDSA Cryptosuites v1.0, A.2: hash, signature and its encoding."""
    given_ = vectors("w3c_eddsa_jcs_2022")["data"]
    signed = given_["signed"]
    document = {name: value for name, value in signed.items() if name != "proof"}
    options = {name: value for name, value in signed["proof"].items() if name != "proofValue"}
    secret = data_integrity.unbase58(given_["privateKeyMultibase"])[2:]
    key = Ed25519PrivateKey.from_private_bytes(secret)

    class Standards:
        def epoch(self, purpose: str) -> int:
            return 1

        def sign(self, purpose: str, message: bytes, *, epoch: int | None = None) -> Signed:
            return Signed("credential-1", key.sign(message))

    message = data_integrity._to_sign(document, options)
    assert key.sign(message).hex() == given_["signature"]
    assert data_integrity.base58(key.sign(message)) == signed["proof"]["proofValue"]
    made = stranger.prove(key, document, options["verificationMethod"], options["created"])
    assert made == signed
    public = data_integrity.unbase58(given_["publicKeyMultibase"])
    assert public[:2] == b"\xed\x01"
    assert stranger.verify_proof(public[2:], signed) == document
    ours = data_integrity.secured(Standards(), "did:web:x", document, datetime(2026, 1, 1, tzinfo=UTC))  # type: ignore[arg-type]
    assert stranger.verify_proof(public[2:], {**ours, "issuer": document["issuer"]}) == document


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAMES = st.text(st.characters(max_codepoint=0xD7FF), max_size=6)
SMALL = st.integers(-(2**53) + 1, 2**53 - 1)


@given(
    st.recursive(
        st.none() | st.booleans() | SMALL | TEXT,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
        max_leaves=12,
    )
)
def test_canonical_json_is_that_of_a_published_library(stranger: Any, value: Any) -> None:
    assert data_integrity.jcs(value) == rfc8785.dumps(value) == stranger.jcs(value)


@given(st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False), max_size=4))
def test_the_second_implementation_writes_numbers_as_the_standard_does(
    stranger: Any, value: dict[str, float]
) -> None:
    assert stranger.jcs(value) == rfc8785.dumps(value)


def test_the_vector_of_rfc_8785(stranger: Any) -> None:
    """RFC 8785, 3.2.2 and 3.2.3."""
    numbers = [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001]
    value = {"numbers": numbers, "string": '\u20ac$\u000f\nA\'B"\\\\"/', "literals": [None, True, False]}
    assert stranger.jcs(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    names = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    assert [json.loads(stranger.jcs(names))[name] for name in json.loads(stranger.jcs(names))] == [
        2, 4, 6, 7, 1, 5, 3,
    ]  # fmt: skip
    with pytest.raises(ValueError):
        data_integrity.jcs(names)  # ours never writes such names, and refuses rather than sorts them


@pytest.mark.parametrize("odd", [1.5, 2**53, {"\U0001f600": 1}, [{"a": [2.0]}]])
def test_what_ours_cannot_write_exactly_is_refused(odd: Any) -> None:
    with pytest.raises(ValueError):
        data_integrity.jcs(odd)


@given(st.binary(max_size=70))
def test_base58_reads_back(stranger: Any, data: bytes) -> None:
    assert data_integrity.unbase58(data_integrity.base58(data)) == data
    assert data_integrity.base58(data) == stranger.base58(data)


@pytest.mark.parametrize(
    "odd", ["", "abc", "z0", "zO", "u" + base64.b64encode(b"x").decode(), "z" + "1" * 300]
)
def test_what_is_no_base58_is_refused(odd: str) -> None:
    with pytest.raises(ValueError):
        data_integrity.unbase58(odd)
