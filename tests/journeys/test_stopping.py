"""A stop, and the restart of one web process of two, under a hail of visitors: whoever is let in is answered."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.journeys.service import Service, after_its_first_start, open_folder, running
from tests.kit.hail import hail, until
from tests.kit.processes import PlainService, TwoProcesses, family
from tests.kit.started import proc

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def web_processes(service: Service) -> list[int]:
    assert service.process is not None
    return [pid for pid in family(service.process.pid) if "web-process" in proc(pid, "cmdline").split("\0")]


def is_serving(pid: int, port: int) -> bool:
    """Whether a process has gone as far as to take visitors: it has connections of its own at this port."""
    links = set()
    with suppress(OSError):
        links = {os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()}
    mine = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(
        part[1].endswith(f":{port:04X}") and part[3] == "01" and f"socket:[{part[9]}]" in links
        for part in mine
    )


async def test_one_web_process_of_two_is_restarted_and_nobody_notices(shared_folder: Path) -> None:
    with (
        open_folder() as folder,
        running(after_its_first_start(folder, shared_folder, TwoProcesses)) as service,
    ):
        async with hail(service.port) as visits:
            for _ in range(2):
                await until(lambda: len(web_processes(service)) == 2)
                await until(lambda: all(is_serving(pid, service.port) for pid in web_processes(service)))
                victim = web_processes(service)[0]
                os.kill(victim, signal.SIGTERM)
                await until(lambda gone=victim: gone not in web_processes(service))  # type: ignore[misc]
        assert set(visits.fared) == {"answered"}, visits.fared


async def test_a_stop_answers_everybody_who_was_let_in(shared_folder: Path) -> None:
    with (
        open_folder() as folder,
        running(after_its_first_start(folder, shared_folder, PlainService)) as service,
    ):
        assert service.process is not None
        async with hail(service.port) as visits:
            await until(lambda: visits.fared["answered"] > 500)
            service.process.send_signal(signal.SIGTERM)
            await until(lambda: service.process is not None and service.process.poll() is not None)
        assert set(visits.fared) == {"answered", "refused"}, visits.fared
        assert service.process.returncode == 0
