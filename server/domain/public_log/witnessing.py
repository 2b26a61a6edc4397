"""Witnesses: others who sign that they have seen the log only grow (C2SP tlog-witness, tlog-cosignature).

A witness that is away costs some seconds and nothing else. One that can show a checkpoint with our own signature which our
tree does not continue has proof that the log went back or split: then the log stands still.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
from datetime import UTC, datetime, timedelta

from server.domain.ports import LogWitnesses, Services, Witness
from server.domain.public_log import inclusion, log_state, merkle, queries
from server.domain.public_log.log_state import RECOVER, LogStopped
from server.domain.public_log.queries import Cosigned, Signed
from server.domain.public_log.signed_note import (
    COSIGNATURE,
    VerifierKey,
    cosigned_at,
    cosigned_message,
    read_checkpoint,
    read_note,
    read_signatures,
)
from server.errors import NotFound, OutsideFailure

log = logging.getLogger("xcert.log")
RENEW = timedelta(hours=12)  # a log that does not grow is signed anew, so that the moment of it stays young
AHEAD = timedelta(
    hours=1
)  # what is signed for later than this would never be signed anew, or is no moment at all
SECONDS = 20.0  # for all of them together


def read_key(witness: Witness) -> VerifierKey:
    """Raises ValueError when it is no key for cosignatures."""
    key = VerifierKey.read(witness.key)
    if key.kind != COSIGNATURE:
        raise ValueError("不是见证人的公钥（类型应为 4）")
    return key


async def ask(s: Services, witnesses: LogWitnesses) -> bool:
    """Show the newest checkpoint to every witness that has not signed it lately. Whether any signature came.

    Raises:
        LogStopped: a witness has proof that the log went back or split.
    """
    last = await queries.last_checkpoint()
    if last is None:
        return False
    old = await queries.newest_cosigned()
    have = {one.witness: one for one in await queries.cosignatures(last.size)}
    waiting = [
        one
        for one in witnesses.all()
        if one.key not in have or have[one.key].signed_at < s.clock.now() - RENEW
    ]
    answers = await asyncio.gather(
        *(_asked(s, witnesses, one, last, min(old.get(one.key, 0), last.size)) for one in waiting)
    )
    for answer in answers:
        if isinstance(answer, LogStopped):
            raise answer
    return any(answer is True for answer in answers)


async def _asked(
    s: Services, witnesses: LogWitnesses, witness: Witness, last: Signed, old: int
) -> bool | LogStopped:
    name = witness.name
    try:
        async with asyncio.timeout(SECONDS):
            return await _cosigned(s, witnesses, witness, last, old)
    except LogStopped as stopped:
        return stopped
    except (OutsideFailure, NotFound, ValueError, TimeoutError) as trouble:
        log.warning("the witness %s did not sign: %s", name, trouble or type(trouble).__name__)
        return False


async def _cosigned(s: Services, witnesses: LogWitnesses, witness: Witness, last: Signed, old: int) -> bool:
    key = read_key(witness)
    status, answer = await witnesses.add_checkpoint(witness, await _request(s, old, last))
    if status == 409:
        known = _size_in(answer)
        if known > last.size:
            await _look_at_proof(s, witnesses, witness, last)
            raise OutsideFailure(f"it knows {known} entries and can show no checkpoint of ours for them")
        status, answer = await witnesses.add_checkpoint(witness, await _request(s, known, last))
    if status == 422:
        await _look_at_proof(s, witnesses, witness, last)
    if status != 200:
        raise OutsideFailure(f"status {status}")
    text = read_note(last.note.encode()).text
    for signature in read_signatures(answer.decode()):
        if signature.is_by(key):
            moment = cosigned_at(signature)
            if not witnesses.is_genuine(key.raw, cosigned_message(moment, text), signature.data[8:]):
                raise OutsideFailure("its signature is not genuine")
            if moment > (s.clock.now() + AHEAD).timestamp():
                raise OutsideFailure("its clock is ahead of ours")
            at = datetime.fromtimestamp(moment, UTC)
            await queries.keep_cosignature(last.size, Cosigned(witness.key, str(signature), at))
            return True
    raise OutsideFailure("none of the signatures is by its key")


async def _request(s: Services, old: int, last: Signed) -> bytes:
    """The body of add-checkpoint: what it knows, the proof that ours continues it, and ours."""
    path = await inclusion.path_of(s.file_store, merkle.consistency_path(old, last.size), last.size)
    lines = "".join(f"{base64.b64encode(one).decode()}\n" for one in path)
    return f"old {old}\n{lines}\n{last.note}".encode()


def _size_in(answer: bytes) -> int:
    text = answer.decode("ascii", "replace").strip()
    if not text.isdigit() or len(text) > 19:
        raise OutsideFailure("a conflict without a size")
    return int(text)


async def _look_at_proof(s: Services, witnesses: LogWitnesses, witness: Witness, last: Signed) -> None:
    """What the witness signed last. Raises LogStopped when we signed it, too, and ours does not continue it."""
    origin = read_checkpoint(read_note(last.note.encode())).origin
    sha256 = hashlib.sha256(origin.encode()).hexdigest()
    note = read_note(await witnesses.checkpoint(witness, sha256))
    theirs = read_checkpoint(note)
    if theirs.origin != origin or not log_state.is_signed(s.keys, origin, note):
        return
    name = witness.name
    if theirs.size > last.size:
        raise LogStopped(
            f"见证人 {name} 有本机签过的更大的检查点（{theirs.size} 条，这里只有 {last.size} 条）："
            f"数据库和文件像是从较早的备份恢复的。签发已停止。{RECOVER}"
        )
    pieces = merkle.pieces(0, theirs.size)
    nodes = await inclusion.nodes_of(s.file_store, pieces, last.size)
    if merkle.fold([nodes[one] for one in pieces]) != theirs.root:
        raise LogStopped(
            f"见证人 {name} 有本机签过的另一份日志（{theirs.size} 条，树根不同）：日志有两个版本。"
            f"签发已停止，请保留现场。{RECOVER}"
        )
