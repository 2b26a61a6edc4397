"""核验证书连同日志证明, with public keys alone: one proof fits one certificate, one file and one signed log."""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from server.adapters.documents.verify import read_pdf
from server.adapters.keys import KeyFolder
from server.adapters.published_keys import PublishedKeys
from server.commands.verify import printed, verify
from server.domain.issuance import offline
from server.domain.public_log import checkpoints, merkle
from server.domain.public_log.inclusion import Inclusion
from server.domain.public_log.log_entry import entry_of
from server.domain.public_log.signed_note import Checkpoint, Note, Signature
from server.settings import Settings
from server.web.verification import key_document
from tests.kit import log_desk
from tests.kit.fakes import NOON

ORIGIN = "cert.example.org/log"


def code_of(sealed: bytes) -> str:
    return read_pdf(sealed, public_keys=[]).verification_url.rpartition("/v/")[2]


def proof_of(keys: KeyFolder, sealed: bytes, event: str = "issued", *, code: str = "") -> Inclusion:
    """The third entry of five."""
    said = entry_of(
        event,
        number="26SPS100000001X",
        code=code or code_of(sealed),
        at=NOON,
        pdf=hashlib.sha256(sealed).digest(),
    )
    entries = [log_desk.entry(n).to_bytes() for n in range(5)]
    entries[2] = said.to_bytes()
    row = [merkle.leaf_hash(one) for one in entries]
    nodes: dict[merkle.Node, bytes] = {}
    for level in range(3):
        nodes |= {(level, at): value for at, value in enumerate(row)}
        row = merkle.above(row)
    root = merkle.fold([nodes[one] for one in merkle.pieces(0, 5)])
    path = merkle.proof(merkle.inclusion_path(2, 5), nodes)
    return Inclusion(2, entries[2], tuple(path), checkpoints.sign(keys, Checkpoint(ORIGIN, 5, root), NOON))


def said_of(sealed: bytes, keys: KeyFolder, proof: bytes) -> tuple[bool, str]:
    published = PublishedKeys(keys.public())
    reader = partial(read_pdf, public_keys=published.public())
    report = offline.verify_file(sealed, published, reader, proof)
    return report.is_genuine, printed(report)


def test_a_proof_is_told_with_its_place(sealed: bytes, key_folder: KeyFolder) -> None:
    proof = proof_of(key_folder, sealed)
    is_genuine, said = said_of(sealed, key_folder, str(proof).encode())
    assert is_genuine, said
    assert (
        f"✓ 公开签发日志 {ORIGIN} 第 3 条（共 5 条，log-1 签名）：发放，2026年11月23日 12:00（北京时间）"
        in said
    )
    witnessed = Note(proof.note.text, (*proof.note.signatures, Signature("w.example/w1", b"1234", bytes(72))))
    _, said = said_of(sealed, key_folder, str(replace(proof, note=witnessed)).encode())
    assert "检查点另有见证人的签名（这里不核对）：w.example/w1" in said


def test_a_proof_that_does_not_fit_is_seen(sealed: bytes, key_folder: KeyFolder) -> None:
    good = proof_of(key_folder, sealed)
    [ours] = good.note.signatures
    forged = replace(good, note=Note(good.note.text, (replace(ours, data=bytes(64)),)))
    strange = replace(good, note=Note(good.note.text, (replace(ours, name="other/log"),)))
    revoked = proof_of(key_folder, sealed, "revoked")
    for proof, word in (
        (b"rubbish", "日志证明的格式不对"),
        (str(proof_of(key_folder, sealed, code="123")).encode(), "日志证明说的是另一份证书"),
        (str(forged).encode(), "日志证明里的检查点不是公布的日志密钥签的"),
        (str(strange).encode(), "日志证明里的检查点不是公布的日志密钥签的"),
        (str(replace(good, index=1)).encode(), "日志证明不成立"),
        (str(replace(good, path=good.path[:-1])).encode(), "日志证明不成立"),
        (str(revoked).encode(), "日志记载这份证书已撤销"),
        (
            str(proof_of(key_folder, sealed + b"x", code=code_of(sealed))).encode(),
            "日志记载的电子证书文件与这一份不同",
        ),
    ):
        is_genuine, said = said_of(sealed, key_folder, proof)
        assert (is_genuine, f"✗ {word}" in said) == (False, True), said


def test_the_command_takes_a_proof(
    sealed: bytes, key_folder: KeyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in (
        ("one.pdf", sealed),
        ("one.tlog-proof", str(proof_of(key_folder, sealed)).encode()),
        ("keys.json", json.dumps({"keys": [key_document(key) for key in key_folder.public()]}).encode()),
    ):
        (tmp_path / name).write_bytes(data)
    asked = argparse.Namespace(
        file=tmp_path / "one.pdf",
        list=None,
        keys=str(tmp_path / "keys.json"),
        proof=tmp_path / "one.tlog-proof",
    )
    assert verify(asked, Settings(keys_dir=tmp_path / "nowhere")) == 0
    assert "第 3 条（共 5 条，log-1 签名）" in capsys.readouterr().out
