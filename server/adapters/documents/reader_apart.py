"""Foreign PDFs are read in a process of their own, with limits of time, memory and number; nothing is kept of them."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from server.adapters.spreadsheets.child_limits import environment
from server.domain.ports import Keys, PdfRevision, SealedPdf, SealMark, TimeMark
from server.errors import OutsideFailure, Refused

MEMORY = 1_000_000_000  # bytes of address space; a certificate of ours takes a quarter
SECONDS = 10  # of processor; a certificate of ours takes one, nearly all of it to import the parser
PATIENCE = 30.0  # seconds by the clock: the machine has other work
AT_ONCE = 2  # in one web process
WAITING = 10.0  # seconds for one's turn
_MOST_ANSWER = 4_000_000
_CHILD = "server.adapters.documents.pdf_child"
_ROOT = Path(__file__).resolve().parents[3]  # where the child is started


class PdfReaderApart:
    """Implements the PdfReader port."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def read(self, data: bytes) -> SealedPdf:
        try:
            async with asyncio.timeout(WAITING):
                await self._turns.acquire()
        except TimeoutError:
            raise OutsideFailure("正在核验的文件太多") from None
        try:
            return _pdf(await _asked(self._given(data)))
        finally:
            self._turns.release()

    def _given(self, data: bytes) -> bytes:
        seals = [
            {"key_id": key.key_id, "raw": base64.b64encode(key.raw).decode()}
            for key in self._keys.public()
            if key.purpose == "seal"
        ]
        head = orjson.dumps(seals)
        return len(head).to_bytes(4, "big") + head + data


def unreadable() -> Refused:
    return Refused("pdf_unreadable", "文件已损坏或不是 PDF，无法读取。")


async def _asked(given: bytes) -> dict[str, Any]:
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _CHILD, str(SECONDS), str(MEMORY),
            stdin=PIPE, stdout=PIPE,
            stderr=DEVNULL,  # a parser's last words may hold what the file says
            cwd=_ROOT,
            env=environment(),
            start_new_session=True,
        )  # fmt: skip
    except OSError:  # the machine has no process, memory or file left: nothing is said of the file
        raise OutsideFailure("读取文件的子进程启动不了") from None
    try:
        async with asyncio.timeout(PATIENCE):
            answer: dict[str, Any] = orjson.loads(await _talk(child, given))
            return answer
    except (TimeoutError, ValueError):
        raise unreadable() from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


async def _talk(child: Process, given: bytes) -> bytes:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(given)
    with suppress(ConnectionError):  # it died before it had read all
        await child.stdin.drain()
    child.stdin.close()
    out = bytearray()
    while piece := await child.stdout.read(1 << 16):
        out += piece
        if len(out) > _MOST_ANSWER:
            raise ValueError("more than any certificate has to say")
    return bytes(out)


def _pdf(answer: dict[str, Any]) -> SealedPdf:
    try:
        if "refused" in answer:
            code, message = answer["refused"]
            raise Refused(code, message)
        said = answer["pdf"]
        later = tuple(
            PdfRevision(one["number"], tuple(one["objects"]), tuple(one["pages"]), tuple(one["kinds"]))
            for one in said["later"]
        )
        return SealedPdf(
            **{**said, "marks": tuple(map(_mark, said["marks"])), "later": later, "held": tuple(said["held"])}
        )
    except (KeyError, TypeError, ValueError):
        raise unreadable() from None  # it did not say what it should


def _mark(said: dict[str, Any]) -> SealMark:
    valid, stamp = said["valid"], said["stamp"]
    return SealMark(
        **{
            **said,
            "moment": _moment(said["moment"]),
            "valid": tuple(map(datetime.fromisoformat, valid)) if valid else None,
            "stamp": TimeMark(**{**stamp, "moment": _moment(stamp["moment"])}) if stamp else None,
        }
    )


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
