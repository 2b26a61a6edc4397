"""The whole service started, killed in every way, started again, and stopped without a trace."""

from __future__ import annotations

import http.client
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.adapters.embedded import folders
from tests.journeys.people import until
from tests.journeys.service import ROOT, Service, after_its_first_start, open_folder, running
from tests.kit.processes import PlainService, family
from tests.kit.started import Started, end, free_port, proc

COHORT = 60
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # several whole starts each


@pytest.fixture(scope="module")
def service(shared_folder: Path) -> Iterator[Service]:
    """One service for both tests that kill it, stopped after them whatever state it is in by then."""
    with open_folder() as folder, running(after_its_first_start(folder, shared_folder, PlainService)) as one:
        yield one


def watch(pids: list[int]) -> list[int]:
    """Handles by which to learn of the end of processes, also when their numbers are used again.

    Who has ended since the list was made (PostgreSQL's helpers come and go) is not among them.
    """
    handles = []
    for pid in pids:
        with suppress(ProcessLookupError):
            handles.append(os.pidfd_open(pid))
    return handles


def all_end(handles: list[int], seconds: float = 60) -> bool:
    left = list(handles)
    while left:
        ready = select.select(left, [], [], seconds)[0]
        if not ready:
            break
        left = [handle for handle in left if handle not in ready]
    for handle in handles:
        os.close(handle)
    return not left


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return int(answer.status)


def is_ready(service: Service) -> bool:
    """Not yet, while a process that was killed comes back."""
    with suppress(urllib.error.HTTPError):
        return status(f"{service.url}/readyz") == 200
    return False


def candidates(service: Service) -> int:
    with database(service) as link:
        row = link.execute("SELECT count(*) FROM candidate").fetchone()
        assert row is not None
        return int(row[0])


# A campaign that runs, with one person who waits, and three seconds to its "not after".
CAMPAIGN = """
WITH made AS (
    INSERT INTO campaign (name, kind, ways, path, audience, state, not_after, quiet_from, quiet_until, per_second, per_day,
                          author_id, author_name, submitted_by, submitted_by_name, submitted_at,
                          decided_by, decided_by_name, decided_at, note, frozen_at, people, reachable,
                          allowance, calls_today, started_at, created_at)
    VALUES ('停机时过期', 'exam', '[]', '', '{}', 'running', now() + interval '3 seconds', '', '', 10, 1000,
            1, '通知员', 1, '通知员', now(), 2, '另一位', now(), '', now(), 1, 1, 10, 0, now(), now()) RETURNING id)
INSERT INTO delivery (dedup, campaign_id, topic, account, channel, openid, candidate_id, fields_shown, path, state,
                      attempts, msgid, last_error, next_try_at, created_at)
SELECT 'campaign:restart', made.id, 'campaign', 'oa', 'template', 'oNOBODY', (SELECT min(id) FROM candidate), '{}', '',
       'pending', 0, '', '', now(), now() FROM made
"""
ENDS = (
    "SELECT c.state, d.state, d.attempts, d.sent_at FROM campaign c JOIN delivery d ON d.campaign_id = c.id"
)


def database(service: Service) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect((service.folder / "var" / "postgres" / "url").read_text(), autocommit=True)


def campaign_ends(service: Service) -> tuple[object, ...] | None:
    with database(service) as link:
        return link.execute(ENDS).fetchone()


def pid_of(service: Service) -> int:
    assert service.process is not None
    return service.process.pid


def drop(service: Service) -> None:
    """Forget a process that was killed."""
    assert service.process is not None
    assert end(service.process) == -signal.SIGKILL
    service.process = None


def refused_start(service: Service) -> str:
    """What a start says that cannot be."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli", "serve", "--dev"],
        cwd=ROOT,
        env=service.environment(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def told(service: Service, what: str) -> None:
    """Wait until the service says this at the terminal."""
    assert service.process is not None and service.process.stdout is not None
    assert any(line.startswith(what) for line in service.process.stdout), f"never told: {what}"


def counted(service: Service) -> int | None:
    """The candidates, once the database answers."""
    with suppress(psycopg.OperationalError):
        return candidates(service)
    return None


def knocks(service: Service) -> list[str]:
    """How a visitor after the other fares until the service has ended."""
    fared = []
    while service.process is not None and service.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{service.url}/healthz", timeout=10) as answer:
                fared.append("answered" if answer.status == 200 else str(answer.status))
        except (ConnectionError, http.client.HTTPException) as error:
            fared.append("closed" if not isinstance(error, ConnectionRefusedError) else "refused")
        except urllib.error.URLError as error:
            refused = isinstance(error.reason, ConnectionRefusedError)
            fared.append(
                "refused" if refused else "closed" if isinstance(error.reason, ConnectionError) else "hung"
            )
        except TimeoutError:
            fared.append("hung")
        time.sleep(0.02)
    return fared


def test_what_dies_is_started_again_and_a_second_start_is_refused(service: Service) -> None:
    folder = service.folder
    again = PlainService(folder, port=free_port(), sandbox_port=free_port())
    assert (
        f"内嵌 PostgreSQL 已在运行（数据目录 {folder}/var/postgres，进程 {pid_of(service)}）"
        in refused_start(again)
    )
    same_port = PlainService(folder, port=service.port, sandbox_port=free_port())
    assert refused_start(same_port).startswith(f"端口 {service.port} 用不了（已被占用）。请停止")
    for name, title in (("web-process", "网页服务 1 "), ("worker", "后台任务 1 ")):
        victim = next(pid for pid in family(pid_of(service)) if name in proc(pid, "cmdline").split("\0"))
        os.kill(victim, signal.SIGKILL)
        told(service, f"{title}意外退出（代码 -9），0.5 秒后重新启动")
    postmaster = int((folder / "var" / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)
    told(service, "内嵌 PostgreSQL 意外停止，正在重新启动\n")
    assert status(f"{service.url}/healthz") == 200
    assert until(lambda: counted(service)) == COHORT


def test_killed_and_started_again(service: Service) -> None:
    until(lambda: is_ready(service))
    assert set(service.logins) == {"admin", "operator", "issuer", "finance", "notifier", "auditor", "school"}
    assert candidates(service) == COHORT
    names = {proc(pid, "comm").strip() for pid in family(pid_of(service))}
    assert {"postgres", "redis-server"} <= names

    with database(service) as link:
        link.execute(CAMPAIGN)

    # everything dies at once, as in a power cut
    handles = watch(family(pid_of(service)))
    for handle in handles:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    assert all_end(handles)
    drop(service)
    service.start()
    assert status(f"{service.url}/readyz") == 200
    assert candidates(service) == COHORT
    assert "账号和密码在首次启动时已显示" in service.greeting
    assert not [word for word in service.logins.values() if word in service.greeting]

    # the parent alone is killed: nothing of its family outlives it
    handles = watch(family(pid_of(service)))
    os.kill(pid_of(service), signal.SIGKILL)
    assert all_end(handles)
    drop(service)
    service.start()
    assert candidates(service) == COHORT

    # what was being sent is past its "not after" by now: a restarted service sends nothing of it
    assert until(lambda: "running" not in (campaign_ends(service) or ()), seconds=100)
    assert until(lambda: campaign_ends(service) == ("expired", "expired", 0, None))

    # Ctrl-C: all of it ends, and says so; whoever knocks meanwhile is answered or refused, and waits for nothing
    handles = watch(family(pid_of(service)))
    assert service.process is not None
    service.process.send_signal(signal.SIGINT)
    assert set(knocks(service)) <= {"answered", "refused", "closed"}
    assert isinstance(service.process, subprocess.Popen)
    said, _ = service.process.communicate(timeout=60)
    assert service.process.returncode == 0
    assert said.endswith("已全部停止。\n")
    assert all_end(handles)
    service.process = None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may start the service as somebody else")
def test_an_ordinary_user(started: Started) -> None:
    """The same as another user, by a Python and a checkout that this user can read."""
    nobody = folders.account()
    packages = Path(next(path for path in sys.path if path.endswith("site-packages")))
    python = Path("/usr/bin/python3")
    if not (nobody.may_pass(ROOT) and nobody.may_pass(packages)):
        pytest.skip(f"nobody cannot read {ROOT}")
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True
    )
    if version.stdout.strip() != str(sys.version_info[:2]):
        pytest.skip(f"{python} is not the version that the dependencies were installed for")
    folder = Path(tempfile.mkdtemp(prefix="xcert-restart-", dir="/tmp"))
    started.also(lambda: shutil.rmtree(folder))
    folder.chmod(0o777)
    service = PlainService(folder)
    environment = service.environment() | {"PYTHONPATH": f"{ROOT}:{packages}", "HOME": str(folder)}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    process = started.program(
        [python, "-m", "server.cli", "serve", "--dev"],
        cwd=folder,
        env=environment,
        user=nobody.uid,
        group=nobody.gid,
        extra_groups=[],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "按 Ctrl-C 停止" in line:
            break
    assert said and "按 Ctrl-C 停止" in said[-1], "".join(said) + service.log()[-3000:]
    assert status(f"{service.url}/readyz") == 200
    pids = family(process.pid)
    handles = watch(pids)
    owners = set()
    for pid in pids:
        with suppress(FileNotFoundError):
            owners.add(os.stat(f"/proc/{pid}").st_uid)
    assert owners == {nobody.uid}
    assert end(process) == 0
    assert all_end(handles)
