"""What `docs/verification.md` promises to people who write their own verifier: vectors that never change, and a program
of a hundred lines that agrees with them and with us."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.adapters.keys import KeyFolder
from server.adapters.published_keys import PublishedKeys
from server.domain.certificates import packing
from server.domain.certificates.claims import (
    Claims,
    canonical,
    check_character,
    complete,
    encode_code,
    list_digest,
)
from server.domain.issuance import receipts
from server.domain.ports import PublicKey, Signed
from server.web.verification import key_document
from tests.kit.claims import LINE
from tests.kit.receipts import SAID

DOCS = Path(__file__).parents[2] / "docs"
VECTORS: dict[str, Any] = json.loads((DOCS / "vectors.json").read_text("utf-8"))
RARE = replace(
    LINE,
    name="买买提·艾力䶮𠮷",
    number="26SPS200000042" + check_character("26SPS200000042"),
    level="intermediate",
)


class TestKeys:
    """Two keys whose secrets are published: for vectors alone."""

    __test__ = False

    def epoch(self, purpose: str) -> int:
        return 1

    def sign(self, purpose: str, message: bytes, *, epoch: int | None = None) -> Signed:
        return Signed(f"{purpose}-1", self._key(purpose).sign(message))

    def document(self) -> dict[str, Any]:
        keys = [PublicKey(f"{p}-1", p, 1, "Ed25519", self._raw(p), True) for p in ("certificate", "receipt")]
        return {"keys": [key_document(key) for key in keys], "code_forms": {"1": asdict(packing.PUBLISHED)}}

    def _raw(self, purpose: str) -> bytes:
        return self._key(purpose).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @staticmethod
    def _key(purpose: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(purpose.encode().ljust(32, b"."))


def made() -> dict[str, Any]:
    """The vectors as today's code makes them."""
    keys: Any = TestKeys()
    claims = [complete(line, date(2026, 11, 23)) for line in (LINE, RARE)]
    return {
        "description": "docs/verification.md; the private keys are the 32 bytes of the purpose's name filled up with dots",
        "keys": keys.document()["keys"],
        "codes": [
            {"code": encode_code(keys, one), "packed": packing.pack(asdict(one)).hex(), "claims": one.said()}
            for one in claims
        ],
        "list": {
            "lines": [json.loads(one.line.to_bytes()) for one in claims],
            "sha256": list_digest(one.line.to_bytes() for one in claims).hex(),
        },
        "receipt": VECTORS[
            "receipt"
        ],  # of the first days: later ones say more, and this one is read for ever
        "check_characters": {
            body: check_character(body) for body in ("23SPS100000001", "26SPS399999999", "A1B2C3")
        },
    }


def test_the_vectors_are_fixed_for_ever() -> None:
    """What is printed and signed cannot be called back: a change of phrases, order or rules shows here."""
    assert made() == VECTORS


@pytest.fixture(scope="module")
def stranger() -> Any:
    """The published program, as somebody else's."""
    spec = importlib.util.spec_from_file_location("verify_xcert", DOCS / "verify_xcert.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def published() -> dict[str, Any]:
    return {"keys": VECTORS["keys"], "code_forms": {"1": asdict(packing.PUBLISHED)}}


def test_the_published_program_reads_the_vectors(stranger: Any) -> None:
    for vector in VECTORS["codes"]:
        assert stranger.read_code(published(), vector["code"]) == vector["claims"]
        assert stranger.read_code(published(), f"https://x.example/v/{vector['code']}") == vector["claims"]
    old = VECTORS["receipt"].encode() + b"\n"
    said = stranger.read_receipt(published(), old)
    statement = receipts.verify(PublishedKeys.read(json.dumps(published()).encode()), old)
    assert said.items() <= {"format": "xcert-receipt-1", **asdict(statement)}.items()
    keys: Any = TestKeys()
    new = stranger.read_receipt(published(), receipts.make(keys, SAID))
    assert new == {"format": "xcert-receipt-2", **asdict(SAID)}
    assert {body: stranger.check_character(body) for body in VECTORS["check_characters"]} == VECTORS[
        "check_characters"
    ]
    lines = sorted(VECTORS["list"]["lines"], key=lambda line: line["number"])
    assert stranger.canonical(lines) == canonical(lines)


def test_the_published_program_refuses_what_was_changed(stranger: Any) -> None:
    code = VECTORS["codes"][0]["code"]
    for forged in (code[:-1] + str((int(code[-1]) + 1) % 10), code + "1", "0" + code, "12", "abc", ""):
        with pytest.raises((stranger.Forged, stranger.NotNow)):
            stranger.read_code(published(), forged)
    with pytest.raises(stranger.Forged):
        stranger.read_receipt(published(), VECTORS["receipt"].replace('"count":12', '"count":13').encode())
    with pytest.raises(stranger.NotNow):
        stranger.read_code({**published(), "keys": []}, code)
    retired = [{**key, "retired_at": "2026-11-23T12:00:00+08:00"} for key in VECTORS["keys"]]
    with pytest.raises(stranger.NotNow):
        stranger.read_code({**published(), "keys": retired}, code)


def test_the_published_program_agrees_with_us_on_real_keys(stranger: Any, key_folder: KeyFolder) -> None:
    keys = {
        "keys": [key_document(key) for key in key_folder.public()],
        "code_forms": {"1": asdict(packing.PUBLISHED)},
    }
    claims: Claims = complete(LINE, date(2023, 10, 20))
    assert stranger.read_code(keys, encode_code(key_folder, claims)) == claims.said()


def test_it_runs_as_it_is_described(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(published()), "utf-8")
    command = [sys.executable, str(DOCS / "verify_xcert.py"), str(keys), "code"]
    done = subprocess.run(
        [*command, VECTORS["codes"][0]["code"]], capture_output=True, text=True, check=False
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, VECTORS["codes"][0]["claims"])
    done = subprocess.run([*command, "123"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(":")[0]) == (1, "NOT GENUINE")
