"""The doctor in a process of its own, as a person would run it: `xcert doctor --json`, with an end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import suppress
from datetime import datetime

import orjson

from server.adapters.wechat import self_check
from server.domain.ports.doctor import BAD, LOOK, OK, Examined
from server.errors import OutsideFailure
from server.settings import Settings, as_environment

SECONDS = 90.0  # it asks WeChat, WeChat Pay and the time-stamp service one after the other
_MOST = 1_000_000  # bytes of its answer


class DoctorApart:
    """Implements the Doctor port."""

    def __init__(self, settings: Settings, *command: str) -> None:
        """
        Args:
            command: instead of the real one, for tests.
        """
        self._command = command or (sys.executable, "-m", "server.cli", "doctor", "--json")
        self._environment = as_environment(settings)
        self._public_url = settings.public_url

    async def tls_ends(self) -> datetime | str:
        return await self_check.certificate_ends(self._public_url)

    async def examine(self, seconds: float = SECONDS) -> list[Examined]:
        try:
            child = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=DEVNULL,
                stdout=PIPE,
                stderr=DEVNULL,
                env=self._environment,  # all settings: it sees what we do, wherever ours came from
                start_new_session=True,
            )
        except OSError:
            raise OutsideFailure("体检的进程启动不了") from None
        assert child.stdout is not None
        try:
            async with asyncio.timeout(seconds):
                said = await child.stdout.read(_MOST)
                while piece := await child.stdout.read(_MOST):
                    said += piece[: _MOST - len(said)]
                await child.wait()
        except TimeoutError:
            raise OutsideFailure(f"体检在 {seconds:.0f} 秒内没有做完") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            await child.wait()
        return _lines(said)


def _lines(said: bytes) -> list[Examined]:
    """Raises OutsideFailure: it said nothing, or something else than the doctor does."""
    try:
        found = [Examined(**orjson.loads(line)) for line in said.splitlines()]
    except (ValueError, TypeError):
        raise OutsideFailure("体检的回答读不懂") from None
    if not found or any(one.level not in (OK, LOOK, BAD) for one in found):
        raise OutsideFailure("体检没有回答")
    return found
