"""`xcert log …` on a service of its own: made, proved, watched from outside, gone back, and brought to order again."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from server.adapters.keys import KeyFolder
from server.adapters.queue import JobQueue
from server.adapters.storage import FolderFileStore
from server.domain.ports import Services
from server.domain.public_log import sequencer
from server.models import Certificate, database
from server.models.database import rows
from tests.commands.conftest import Xcert
from tests.kit import issuing, log_auditor, log_desk
from tests.kit.exchange import exchange
from tests.kit.jobs import drained
from tests.kit.repository import ROOT


@pytest.fixture
async def number(services: Services, environment: dict[str, str], db_url: str) -> str:
    """A certificate in the log, and some more."""
    exchange(services, keys=KeyFolder(Path(environment["XCERT_KEYS_DIR"]), production=False))
    exchange(services, file_store=FolderFileStore(Path(environment["XCERT_DATA_DIR"]) / "vault"))
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    exchange(services, queue=JobQueue())
    await log_desk.logged(services, 0, 300)
    one = await Certificate.all().order_by("number").first()
    assert one is not None
    await database.close()
    return str(one.number)


@pytest.fixture
def site(environment: dict[str, str]) -> Iterator[str]:
    """The log's files on a web server of their own: a static one is enough for the format."""
    folder = Path(environment["XCERT_DATA_DIR"]) / "vault"

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/log"
    server.shutdown()
    server.server_close()
    thread.join()


async def changed(
    db_url: str, services: Services, *, first: int = 0, count: int = 0, sql: tuple[str, ...] = ()
) -> None:
    await database.connect(db_url, pool=2)
    try:
        for statement in sql:
            await rows(statement)
        if count:
            await log_desk.put(first, count)
        await sequencer.run(services)
    finally:
        await database.close()


GONE_BACK = (
    "ALTER TABLE log_entry DISABLE TRIGGER log_entry_no_change",
    "ALTER TABLE log_checkpoint DISABLE TRIGGER log_checkpoint_no_change",
    "DELETE FROM log_entry WHERE index >= 100",
    "DELETE FROM log_checkpoint",
)


@pytest.mark.slow
async def test_the_whole_of_it(
    xcert: Xcert, number: str, site: str, services: Services, db_url: str, tmp_path: Path
) -> None:
    told = await asyncio.to_thread(xcert, "log", "key")
    assert told.returncode == 0
    key = told.stdout.split("公钥：")[1].strip()
    assert key.startswith("127.0.0.1:8000/log+")

    done = await asyncio.to_thread(xcert, "log", "verify")
    assert (done.returncode, "304 条" in done.stdout) == (0, True)
    proof = tmp_path / "one.tlog-proof"
    done = await asyncio.to_thread(xcert, "log", "prove", number, "--output", proof)
    assert done.returncode == 0 and proof.read_text("utf-8").startswith("c2sp.org/tlog-proof@v1\n")
    done = await asyncio.to_thread(xcert, "log", "prove", number)
    assert done.stdout == proof.read_text("utf-8")
    assert (await asyncio.to_thread(xcert, "log", "prove", number, "--event", "revoked")).returncode == 1
    assert (await asyncio.to_thread(xcert, "log", "prove", "26SPS1999999990")).returncode == 1

    state, theirs = tmp_path / "log.json", tmp_path / "theirs.json"
    monitor = ("log", "monitor", site, "--state", state)
    done = await asyncio.to_thread(xcert, *monitor)
    assert (done.returncode, "第一次请用 --key" in done.stdout) == (2, True)
    done = await asyncio.to_thread(xcert, *monitor, "--key", key)
    assert (done.returncode, "304 条，比上次多 304 条" in done.stdout) == (0, True)
    stranger = [sys.executable, str(ROOT / "docs" / "monitor_log.py"), site, str(theirs), key]
    ran = await asyncio.to_thread(subprocess.run, stranger, capture_output=True, text=True)
    assert (ran.returncode, "304 entries, 304 new" in ran.stdout) == (0, True)

    await changed(db_url, services, first=300, count=500)
    done = await asyncio.to_thread(xcert, *monitor)
    assert (done.returncode, "804 条，比上次多 500 条" in done.stdout) == (0, True)
    ran = await asyncio.to_thread(subprocess.run, stranger, capture_output=True, text=True)
    assert (ran.returncode, "804 entries, 500 new" in ran.stdout) == (0, True)

    await changed(db_url, services, sql=GONE_BACK)
    done = await asyncio.to_thread(xcert, "log", "verify")
    assert (done.returncode, "少于已公布的（804 条）" in done.stdout) == (1, True)
    done = await asyncio.to_thread(xcert, "log", "recover")
    assert (done.returncode, "804 条；补回 704 条，重写文件 0 个" in done.stdout) == (0, True), done.stderr
    assert "编号 26SPS1 已跳到 1000 之后" in done.stdout
    assert (await asyncio.to_thread(xcert, "log", "verify")).returncode == 0
    assert (await asyncio.to_thread(xcert, *monitor)).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "state"),
    [
        ([], "{}"),
        (["http://127.0.0.1:1", "STATE", "name+00000000+"], "{}"),
        (["http://127.0.0.1:1", "STATE"], '{"size": 3}'),
        (["http://127.0.0.1:1", "STATE"], "[]"),
    ],
    ids=["nothing said", "no key", "half a state", "no state"],
)
def test_a_monitor_that_cannot_tell_says_so_and_accuses_nobody(
    arguments: list[str], state: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state.json").write_text(state)
    program = log_auditor.load()
    assert program.main([str(tmp_path / "state.json") if one == "STATE" else one for one in arguments]) == 2
    assert capsys.readouterr().out.startswith("? ")


@pytest.mark.slow
async def test_a_monitor_sees_what_was_done_to_the_log(
    xcert: Xcert, number: str, site: str, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = Path(environment["XCERT_DATA_DIR"]) / "vault" / "log"
    key = (await asyncio.to_thread(xcert, "log", "key")).stdout.split("公钥：")[1].strip()
    state = tmp_path / "log.json"
    monitor = ("log", "monitor", site, "--state", state, "--key", key)
    assert (await asyncio.to_thread(xcert, *monitor)).returncode == 0
    good = state.read_text("utf-8")
    checkpoint = (folder / "checkpoint").read_text("utf-8")

    (folder / "checkpoint").write_text(checkpoint.replace("\n304\n", "\n305\n"), "utf-8")
    done = await asyncio.to_thread(xcert, *monitor)
    assert (done.returncode, "签名不对" in done.stdout) == (1, True)
    (folder / "checkpoint").write_text(checkpoint, "utf-8")

    longer = json.loads(good) | {"size": 305, "peaks": json.loads(good)["peaks"] + ["A" * 43 + "="]}
    state.write_text(json.dumps(longer), "utf-8")
    done = await asyncio.to_thread(xcert, *monitor)
    assert (done.returncode, "日志变短了" in done.stdout) == (1, True)

    forked = json.loads(good)
    forked["peaks"][0] = "A" * 43 + "="
    state.write_text(json.dumps(forked), "utf-8")
    done = await asyncio.to_thread(xcert, *monitor)
    assert (done.returncode, "以前的内容被改动过，或有两个版本" in done.stdout) == (1, True)
    assert json.loads(state.read_text("utf-8")) == forked  # what was seen is kept

    state.write_text("{}", "utf-8")
    assert (await asyncio.to_thread(xcert, *monitor)).returncode == 2
    state.write_text(good, "utf-8")
    gone = ("log", "monitor", "http://127.0.0.1:9/log", "--state", state)
    assert (await asyncio.to_thread(xcert, *gone)).returncode == 2


@pytest.mark.slow
async def test_a_restore_takes_nothing_back_that_was_published(
    xcert: Xcert, number: str, services: Services, db_url: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """The backup's older checkpoint does not take the newer one's place, so the restored service knows that it is behind."""
    kept = await asyncio.to_thread(xcert, "backup", tmp_path / "backup")
    assert kept.returncode == 0, kept.stderr
    await changed(db_url, services, first=300, count=100)
    folder = Path(environment["XCERT_DATA_DIR"]) / "vault" / "log"
    published = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "tile" / "entries" / "000").unlink()  # what is missing comes from the backup
    back = await asyncio.to_thread(xcert, "restore", tmp_path / "backup", "--replace")
    assert back.returncode == 0, back.stderr
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == published
    done = await asyncio.to_thread(xcert, "log", "verify")
    assert (done.returncode, "（304 条）少于已公布的（404 条）" in done.stdout) == (1, True)
    done = await asyncio.to_thread(xcert, "log", "recover")
    assert (done.returncode, "404 条；补回 100 条，重写文件 0 个" in done.stdout) == (0, True), done.stderr
    assert (await asyncio.to_thread(xcert, "log", "verify")).returncode == 0
