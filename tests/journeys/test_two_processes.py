"""Two web processes are one service: what happens on one is told on the other, and both count the same tries."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import httpx
import pytest

from server.domain import verification
from tests.journeys.people import Desk, Phone
from tests.journeys.service import Service

PIN = "739264"
STREAMS = 12  # the kernel deals connections out to both processes


class TwoProcesses(Service):
    def environment(self) -> dict[str, str]:
        return super().environment() | {"XCERT_WORKERS": "2"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = TwoProcesses(tmp_path_factory.mktemp("pair")).start()
    yield running
    running.stop()


def listen(desk: Desk, batch: int, told: Queue[str], until: str) -> None:
    """Put every event of one stream into the queue, up to the one awaited."""
    with (
        httpx.Client(cookies=desk.client.cookies, timeout=60) as client,
        client.stream("GET", f"{desk.service.url}/console/api/v1/issuances/{batch}/events") as stream,
    ):
        for line in stream.iter_lines():
            if line.startswith("event: "):
                told.put(name := line.removeprefix("event: "))
                if name == until:
                    return


def site_pending(service: Service, desk: Desk) -> tuple[int, Phone]:
    """A batch that waits for its school, and the school's officer with a PIN."""
    plan = desk.get("/plans")["items"][0]["id"]
    desk.post("/issuances", {"plan_id": plan}, status=201)
    batch = desk.get("/issuances", plan_id=plan)["items"][0]
    desk.post(f"/issuances/{batch['id']}/sign")
    school = batch["school"]["name"]
    line = next(one for one in service.greeting.splitlines() if school in one and "/h5/officer?" in one)
    phone = Phone(service, "p2")
    phone.open(line.partition("：")[2].strip())
    assert phone.submit("/h5/officer", pin=PIN, pin_again=PIN).status_code == 200
    return int(batch["id"]), phone


@pytest.mark.slow
@pytest.mark.rule("S87")
def test_every_desk_hears_of_the_scan_whichever_process_it_came_to(pair: Service) -> None:
    desk = Desk(pair, "issuer")
    batch, officer = site_pending(pair, desk)
    told: list[Queue[str]] = [Queue() for _ in range(STREAMS)]
    threads = [threading.Thread(target=listen, args=(desk, batch, queue, "state")) for queue in told]
    for thread in threads:
        thread.start()
    assert [queue.get(timeout=30) for queue in told] == ["snapshot"] * STREAMS  # all listen now
    ticket = desk.post(f"/issuances/{batch}/scan-tickets", status=201)
    assert officer.open(ticket["url"]).status_code == 200
    path = ticket["url"].removeprefix(pair.url)
    assert officer.submit(f"{path}/confirm", pin=PIN).status_code == 200
    for thread in threads:
        thread.join(30)
    heard = [[queue.get() for _ in range(queue.qsize())] for queue in told]
    assert heard == [["opened", "snapshot", "confirmed", "snapshot", "state"]] * STREAMS


def let_through(url: str, most: int, **how: Any) -> int:
    """How many tries, each on a connection of its own, get past the limit before the first 429."""
    headers = {"accept": "application/json", "origin": "/".join(url.split("/")[:3])}
    for done in range(most):
        if httpx.post(url, headers=headers, timeout=60, **how).status_code == 429:
            return done
    return most


@pytest.mark.slow
def test_tries_are_counted_once_for_all_processes(pair: Service) -> None:
    log_in, form = f"{pair.url}/console/api/v1/session", f"{pair.url}/v"
    wrong = {"username": "finance", "password": "not-the-password"}
    assert let_through(log_in, 20, json=wrong) == 5
    assert let_through(log_in, 5, json=wrong) == 0
    asked = {"number": "26SPS199999999R", "name": "无此人"}
    assert let_through(form, 40, data=asked) == verification.MISSES_OF_NUMBER
    left = verification.FORM_TRIES - verification.MISSES_OF_NUMBER - 1
    assert let_through(form, 40, data=asked | {"number": "26SPS199999998S"}) == left
