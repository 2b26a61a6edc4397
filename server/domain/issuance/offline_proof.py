"""核验日志证明 with public keys alone: that a certificate's issuing stands in the public log, and what else stands there."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from server.domain.beijing import say_minute
from server.domain.certificates.claims import Verifier
from server.domain.public_log.inclusion import read_proof
from server.domain.public_log.log_entry import LABELS, certificate_hash
from server.domain.public_log.signed_note import ED25519, Note, VerifierKey

if TYPE_CHECKING:
    from server.domain.issuance.offline import Report


def judge(report: Report, proof: bytes, *, code: str, pdf: bytes, keys: Verifier) -> None:
    """Add to the report what a proof proves of the certificate with this code and file."""
    try:
        found = read_proof(proof)
    except ValueError:
        report.wrong("日志证明的格式不对（应为 .tlog-proof 文件）。")
        return
    entry, head = found.entry, found.checkpoint
    if entry.certificate != certificate_hash(code).hex():
        report.wrong("日志证明说的是另一份证书。")
        return
    if not (by := _signers(keys, found.note, head.origin)):
        report.wrong("日志证明里的检查点不是公布的日志密钥签的；公钥文件较早时，请更新后再核验。")
        return
    if not found.holds:
        report.wrong("日志证明不成立：这一条不在签过的日志里。")
        return
    report.right(
        f"公开签发日志 {head.origin} 第 {found.index + 1} 条（共 {head.size} 条，{'、'.join(by)} 签名）："
        f"{LABELS[entry.event]}，{say_minute(entry.at)}（北京时间）"
    )
    others = {one.name for one in found.note.signatures if one.name != head.origin}
    if others:
        report.note(f"检查点另有见证人的签名（这里不核对）：{'、'.join(sorted(others))}")
    if entry.event != "issued":
        report.wrong(f"日志记载这份证书已{LABELS[entry.event]}。")
    elif entry.pdf and entry.pdf != hashlib.sha256(pdf).hexdigest():
        report.wrong("日志记载的电子证书文件与这一份不同。")


def _signers(keys: Verifier, note: Note, origin: str) -> list[str]:
    """Which of the published log keys signed; none when any signature in their name is wrong."""
    signers = []
    for epoch in range(1, keys.newest("log") + 1):
        key_id = f"log-{epoch}"
        if (key := keys.find(key_id)) is None:
            continue
        named = VerifierKey(origin, ED25519, key.raw)
        for one in note.signatures:
            if one.is_by(named):
                if not keys.verify("log", key_id, note.text.encode(), one.data):
                    return []
                signers += [key_id] if key.retired_at is None else []
    return signers
