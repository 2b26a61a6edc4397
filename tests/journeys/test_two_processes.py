"""Two web processes are one service: what happens on one is told on the other, and both count the same tries."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import httpx
import pytest

from server.domain.certificates import verification
from tests.adapters.documents.papers import program
from tests.journeys.people import Desk, Phone, release, until
from tests.journeys.service import ROOT, Service, after_its_first_start, last_four, open_folder, running
from tests.kit.processes import TwoProcesses

PIN = "739264"
STREAMS = 12  # the kernel deals connections out to both processes


@pytest.fixture(scope="module")
def pair(shared_folder: Path) -> Iterator[Service]:
    with (
        open_folder() as folder,
        running(after_its_first_start(folder, shared_folder, TwoProcesses)) as one,
    ):
        yield one


def listen(desk: Desk, batch: int, told: Queue[str], last: str) -> None:
    """Put every event of one stream into the queue, up to the last one awaited."""
    with (
        httpx.Client(cookies=desk.client.cookies, timeout=60) as client,
        client.stream("GET", f"{desk.service.url}/console/api/v1/issuances/{batch}/events") as stream,
    ):
        for line in stream.iter_lines():
            if line.startswith("event: "):
                told.put(name := line.removeprefix("event: "))
                if name == last:
                    return


def site_pending(service: Service, desk: Desk) -> tuple[int, Phone]:
    """A batch that waits for its school, and the school's officer with a PIN."""
    plan = desk.get("/plans")["items"][0]["id"]
    release(Desk(service, "operator"), desk, plan)
    desk.post("/issuances", {"plan_id": plan}, status=201)
    batch = desk.get("/issuances", plan_id=plan)["items"][0]
    desk.sign(batch["id"])
    school = batch["school"]["name"]
    line = next(one for one in service.first_greeting.splitlines() if school in one and "/h5/officer?" in one)
    phone = Phone(service, "p2")
    phone.open(line.partition("：")[2].strip())
    joined = phone.submit("/h5/officer", pin=PIN, pin_again=PIN, phone_last4=last_four(line))
    assert joined.status_code == 200
    return int(batch["id"]), phone


@dataclass
class Signed:
    """A batch that its school has signed, and what each desk's stream told meanwhile."""

    desk: Desk
    batch: int
    heard: list[list[str]]


@pytest.fixture(scope="module")
def signed(pair: Service) -> Signed:
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
    return Signed(desk, batch, [[queue.get() for _ in range(queue.qsize())] for queue in told])


@pytest.mark.slow
@pytest.mark.rule("S87")
def test_every_desk_hears_of_the_scan_whichever_process_it_came_to(signed: Signed) -> None:
    assert signed.heard == [["opened", "snapshot", "confirmed", "snapshot", "state"]] * STREAMS


@pytest.mark.slow
@pytest.mark.rule("S88")
def test_an_independent_checker_agrees_about_a_certificate_of_the_running_service(
    signed: Signed, tmp_path: Path
) -> None:
    pdfsig = program("pdfsig")
    signed.desk.post(f"/issuances/{signed.batch}/hand-over")
    until(lambda: signed.desk.get(f"/issuances/{signed.batch}")["state"] == "issued")
    answer = signed.desk.client.get(f"/issuances/{signed.batch}/certificates.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        [name, *_] = [name for name in archive.namelist() if name.endswith(".pdf")]
        (saved := tmp_path / "one.pdf").write_bytes(archive.read(name))
    said = subprocess.run([pdfsig, "-nocert", saved], capture_output=True, text=True).stdout
    lines = [line.strip(" -") for line in said.splitlines()]
    assert {"Signature Validation: Signature is Valid.", "Total document signed"} <= set(lines)
    verified = subprocess.run(
        [sys.executable, "-m", "server.cli", "verify", saved],
        cwd=ROOT,
        env=signed.desk.service.environment(),
        capture_output=True,
        text=True,
    )
    assert (verified.returncode, "结论：真实，未被改动。" in verified.stdout) == (0, True), verified.stdout


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
