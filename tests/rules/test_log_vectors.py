"""The log's form, byte for byte: samples made by a program that knows the document alone, against the service's code."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.domain.public_log import merkle, signed_note
from server.domain.public_log.inclusion import Inclusion, read_proof
from server.domain.public_log.log_entry import Entry, certificate_hash, entry_of, read_entry
from server.domain.public_log.signed_note import VerifierKey
from server.domain.public_log.tree_growth import GrowingTree
from tests.kit.fakes import MemoryFileStore
from tests.kit.repository import ROOT

FOLDER = ROOT / "tests" / "vectors"
VECTORS: dict[str, Any] = json.loads((FOLDER / "public_log.json").read_text("utf-8"))


def test_the_vectors_are_what_their_program_makes() -> None:
    command = [sys.executable, str(FOLDER / "make_public_log.py")]
    assert json.loads(subprocess.run(command, capture_output=True, check=True).stdout) == VECTORS


@pytest.mark.parametrize("vector", VECTORS["entries"], ids=lambda one: str(one["index"]))
def test_entries_leaves_and_paths(vector: dict[str, Any]) -> None:
    data = vector["entry"].encode()
    entry = read_entry(data)
    assert entry.to_bytes() == data
    assert entry.certificate == certificate_hash(vector["code"]).hex()
    assert merkle.leaf_hash(data).hex() == vector["leaf"]
    path = [base64.b64decode(one) for one in vector["path"]]
    root = base64.b64decode(VECTORS["roots"]["302"])
    assert merkle.proves_inclusion(merkle.leaf_hash(data), vector["index"], 302, path, root)
    note = signed_note.read_note(VECTORS["checkpoint"].encode())
    proof = Inclusion(vector["index"], data, tuple(path), note)
    assert proof.holds and read_proof(str(proof).encode()) == proof


def test_the_service_writes_the_same_entry() -> None:
    vector = VECTORS["entries"][0]
    pdf = hashlib.sha256(vector["code"].encode()).digest()
    at = datetime(2026, 11, 27, 4, tzinfo=UTC)
    made = entry_of("issued", number="26SPS100000001X", code=vector["code"], at=at, pdf=pdf)
    assert made.to_bytes().decode() == vector["entry"]


async def test_roots_and_tiles() -> None:
    entries = await _all_entries()
    store = MemoryFileStore()
    tree = GrowingTree(store)
    for size, root in VECTORS["roots"].items():
        await tree.append(entries[tree.size : int(size)])
        assert base64.b64encode(tree.root()).decode() == root
    await tree.write_edge()
    made = {key.removeprefix("log/tile/"): data for key, data in store.files.items()}
    for path, said in VECTORS["tiles"].items():
        found = made[path].hex() if path.startswith("1/") else hashlib.sha256(made[path]).hexdigest()
        assert found == said


async def _all_entries() -> list[bytes]:
    def code(n: int) -> str:
        return str(int.from_bytes(b"\1" + hashlib.sha512(n.to_bytes(2, "big")).digest(), "big"))

    by_index = {one["index"]: one["entry"].encode() for one in VECTORS["entries"]}
    plain = [
        Entry(
            event="issued",
            certificate=certificate_hash(code(n)).hex(),
            at=datetime(2026, 11, 27, 4, tzinfo=UTC),
            series="26SPS1",
            serial_to=1000,
            pdf=hashlib.sha256(code(n).encode()).hexdigest(),
        ).to_bytes()
        for n in range(300)
    ]
    return [by_index.get(n, plain[n] if n < 300 else b"") for n in range(302)]


def test_the_checkpoint_and_its_cosignature() -> None:
    note = signed_note.read_note(VECTORS["checkpoint"].encode())
    head = signed_note.read_checkpoint(note)
    assert (head.origin, head.size) == (VECTORS["origin"], 302)
    ours, witness = VerifierKey.read(VECTORS["log_key"]), VerifierKey.read(VECTORS["witness_key"])
    assert [one.is_by(ours) for one in note.signatures] == [True, False]
    assert [one.is_by(witness) for one in note.signatures] == [False, True]
    Ed25519PublicKey.from_public_bytes(ours.raw).verify(note.signatures[0].data, note.text.encode())
    moment = signed_note.cosigned_at(note.signatures[1])
    message = signed_note.cosigned_message(moment, note.text)
    Ed25519PublicKey.from_public_bytes(witness.raw).verify(note.signatures[1].data[8:], message)
    assert str(note) == VECTORS["checkpoint"]


GOOD = VECTORS["entries"][0]["entry"]


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{}",
        "[]",
        GOOD + "\n",
        GOOD.replace('"v":1', '"v":2'),
        GOOD.replace(",", ", "),
        GOOD.replace("issued", "lost"),
        GOOD.replace('"serial_to":1000', '"serial_to":1001'),
        GOOD.replace('"serial_to":1000', '"serial_to":0'),
        GOOD.replace('"serial_to":1000', '"serial_to":true'),
        GOOD.replace("26SPS1", "26sps1"),
        GOOD.replace("04:00:00Z", "04:00:00+00:00"),
        GOOD.replace("2026-11-27", "2026-13-27"),
        GOOD.replace('"v":1', '"v":1,"x":"y"'),
        GOOD[:20],
        GOOD.replace("{", "{" + " " * 1000),
    ],
)
def test_what_is_no_entry_is_refused(data: str) -> None:
    with pytest.raises(ValueError):
        read_entry(data.encode())


def test_what_is_no_proof_is_refused() -> None:
    vector = VECTORS["entries"][0]
    path = tuple(base64.b64decode(one) for one in vector["path"])
    note = signed_note.read_note(VECTORS["checkpoint"].encode())
    good = str(Inclusion(0, vector["entry"].encode(), path, note))
    for wrong in (
        "",
        good.replace("v1", "v2", 1),
        good.replace("index 0", "index 00"),
        good.replace("index 0", "index -1"),
        good.replace("extra ", ""),
        good.replace("extra e", "extra f"),
        good.replace("\n\n", "\nAAAA\n\n", 1),
        good.replace("\n\n", "\n" + "\n".join([vector["path"][0]] * 60) + "\n\n", 1),
        good.partition("\n\n")[0],
        good + "x" * 200_000,
    ):
        with pytest.raises(ValueError):
            read_proof(wrong.encode())
    assert read_proof(good.replace("index 0", "index 1").encode()).holds is False
