"""Whether the log may be written: what is on record, what is published and what is signed must be one history.

A log that has split or gone back is worse than none, so nothing is sealed and nothing appended while it is in doubt. Only
an operator lets it go on (`xcert log recover`), with a row in the trail.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Protocol

from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.ports import Clock, FaultInjector, Keys, Services
from server.domain.public_log import queries
from server.domain.public_log.signed_note import (
    ED25519,
    Checkpoint,
    Note,
    VerifierKey,
    read_checkpoint,
    read_note,
)
from server.domain.public_log.tile_layout import CHECKPOINT
from server.errors import NotFound, XcertError

log = logging.getLogger("xcert.log")
RECOVER = "请运行 xcert log recover，它会说明怎样继续（docs/public-log.md“停下来以后”）。"


class Reader(Protocol):
    """As much of a file store as reading a published log needs."""

    async def get(self, key: str) -> bytes: ...


class LogStopped(XcertError):
    """The log must not be written; the message says why and what to do, in Chinese."""


@dataclass(frozen=True, slots=True)
class Published:
    """The checkpoint that the public sees."""

    note: Note
    checkpoint: Checkpoint


def log_keys(keys: Keys, origin: str) -> dict[str, VerifierKey]:
    """Our public keys for checkpoints, by key id, with the name that they have in notes."""
    return {
        key.key_id: VerifierKey(origin, ED25519, key.raw) for key in keys.public() if key.purpose == "log"
    }


def is_signed(keys: Keys, origin: str, note: Note) -> bool:
    """Whether one of our keys signed it, and none of ours is there with a wrong signature."""
    found = [
        keys.verify("log", key_id, note.text.encode(), one.data)
        for key_id, key in log_keys(keys, origin).items()
        for one in note.signatures
        if one.is_by(key)
    ]
    return bool(found) and all(found)


async def published(file_store: Reader, keys: Keys, origin: str) -> Published | None:
    """The checkpoint in the file store; None before the first.

    Raises:
        LogStopped: what stands there is not ours.
    """
    try:
        data = await file_store.get(CHECKPOINT)
    except NotFound:
        return None
    try:
        note = read_note(data)
        checkpoint = read_checkpoint(note)
    except ValueError:
        raise LogStopped(f"已公布的检查点（{CHECKPOINT}）读不出来，文件可能损坏。{RECOVER}") from None
    if origin and (checkpoint.origin != origin or not is_signed(keys, origin, note)):
        raise LogStopped(
            f"已公布的检查点不是本机的日志密钥签的（{checkpoint.origin}）：密钥目录或文件目录可能属于另一套系统。{RECOVER}"
        )
    return Published(note, checkpoint)


async def recorded(start: int, stop: int) -> list[bytes]:
    """Entries of the record, some at least.

    Raises:
        LogStopped: the first of them is not there, so that nobody looks for it for ever.
    """
    found = await queries.entries(start, stop)
    if not found:
        raise LogStopped(f"数据库里的日志从第 {start} 条起缺失。{RECOVER}")
    return found


def disagreement(last: queries.Signed | None, public: Published | None) -> str:
    """Why the record and what is published are not one history; "" when they are."""
    if public is None:  # a death between the first record and the first publication leaves none
        return "" if last is None or last.is_first else f"已公布的日志文件不见了（{CHECKPOINT}）。{RECOVER}"
    size = last.size if last is not None else 0
    if last is None or public.checkpoint.size > size:
        return (
            f"数据库里的日志（{size} 条）少于已公布的（{public.checkpoint.size} 条）：数据库像是从较早的备份恢复的。"
            f"签发已停止。{RECOVER}"
        )
    if public.checkpoint.size == size and public.checkpoint.root != last.root:
        return f"数据库里的日志与已公布的不是同一份（都是 {size} 条，树根不同）。签发已停止，请保留现场。{RECOVER}"
    return ""


async def problem(s: Services) -> str:
    """Why nothing may be sealed now, in one sentence; "" when all is well. One row and one small file are read."""
    head = await queries.head()
    return head.stopped_reason or await problem_of(s, head, await queries.last_checkpoint())


async def problem_of(s: Services, head: queries.Head, last: queries.Signed | None) -> str:
    """The same for who has read both rows already."""
    if head.stopped_reason:
        return head.stopped_reason
    try:
        public = await published(s.file_store, s.keys, head.origin)
    except LogStopped as stopped:
        return str(stopped)
    return disagreement(last, public)


async def stop(clock: Clock, faults: FaultInjector, reason: str) -> None:
    """Let the log, and with it the sealing, stand still until an operator has looked; said once in the trail."""
    log.error("the public log stands still: %s", reason)
    async with transaction(faults, "log.stop"):
        if await queries.stop(reason):
            await audit_log.record(clock, SYSTEM, "log.stop", "log", "log", became={"reason": reason[:300]})
