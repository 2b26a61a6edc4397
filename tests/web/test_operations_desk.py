"""运行状况: what stands on the page, and a failed job that is done once more, once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sanic import Sanic

from server import worker
from server.adapters.queue import JobQueue
from server.domain.operations import failed_jobs
from server.domain.ports import ProcessBeat, Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import AuditEntry
from server.models.database import rows
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange
from tests.kit.noticing import clock, put

App = Sanic[Any, Any]


async def failed(task: str = "imports.run", **more: Any) -> int:
    found = await rows(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, status, attempts, queueing_lock)"
        " VALUES ('default', $1, 'failed', 2, $2) RETURNING id",
        task,
        more.get("once"),
    )
    await rows("INSERT INTO procrastinate_events (job_id, type) VALUES ($1, 'failed')", found[0]["id"])
    return int(found[0]["id"])


async def states() -> list[str]:
    return [row["status"] for row in await rows("SELECT status::text FROM procrastinate_jobs ORDER BY id")]


async def test_the_page_says_how_everything_stands(app: App, services: Services) -> None:
    s, now = services, services.clock.now()
    admin = await seated(app, s, Role.ADMIN)
    page = (await admin.page("/console/operations")).text
    assert "没有失败的任务。" in page and "没有进程报到。" in page and "还没有做过" in page
    await put(s)
    clock(s).forward(seconds=700)
    number = await failed()
    await s.process_board.tell(
        ProcessBeat(
            host="xcert-a", pid=77, kind="jobs", version="0.1.0", began=now, seen=s.clock.now(), pool_used=2, pool_most=6
        )
    )  # fmt: skip
    page = (await admin.page("/console/operations")).text
    for said in (
        "待发的通知",
        "最早的已等 11 分钟",
        "xcert-a",
        "2 / 6",
        "imports.run",
        failed_jobs.UNKNOWN,
        f"/jobs/{number}/retry",
    ):
        assert said in page, said
    assert page.count("要处理</span></div>") == 3  # jobs, messages, and the backup that was never made


async def test_what_is_away_leaves_the_rest_of_the_page(
    app: App, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = await seated(app, services, Role.ADMIN)

    async def away(*_: object) -> list[Any]:
        raise OutsideFailure("缓存暂时没有响应。")

    monkeypatch.setattr(services.wechat_health, "tokens", away)
    monkeypatch.setattr(services.process_board, "all", away)
    page = (await admin.page("/console/operations")).text
    assert page.count("这一部分暂时看不到") == 1
    assert "Redis 没有应答，看不到各进程。" in page and "审计的散列链" in page


async def test_a_failed_job_is_done_once_more(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    number = await failed()
    assert (await admin("POST", f"/jobs/{number}/retry")).status == 204
    assert await states() == ["todo"]
    assert code(await admin("POST", f"/jobs/{number}/retry")) == (409, "job_not_failed")
    assert code(await admin("POST", "/jobs/987654/retry")) == (404, "job_unknown")
    [entry] = await AuditEntry.filter(action="job.retry")
    assert (entry.subject_kind, entry.subject_id, entry.became) == (
        "job",
        str(number),
        {"task": "imports.run"},
    )
    page = (await admin.page("/console/audit")).text
    assert "重试失败的任务" in page


async def test_one_that_waits_already_is_not_put_again(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    number = await failed("audit.chain", once="audit.chain")
    await rows(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('default', 'audit.chain', 'audit.chain')"
    )
    assert code(await admin("POST", f"/jobs/{number}/retry")) == (409, "job_waits")
    assert sorted(await states()) == ["failed", "todo"]
    assert await AuditEntry.filter(action="job.retry").count() == 0


async def test_why_a_job_failed_is_told_without_its_words(services: Services, db: str, app: App) -> None:
    """The whole way: the worker's job breaks, the page says why, one click, and it is done."""
    s = replace(services, settings=replace(services.settings, database_url=db), queue=JobQueue())
    broken = [True]

    async def work(_: Services) -> None:
        if broken:
            exchange(services, faults=services.faults)
            await failed_jobs.retry(services, 0, actor=None)  # type: ignore[arg-type]  # breaks within our own code

    jobs = worker.create_jobs(s.settings, s, tasks={"test.break": work}, sweeps={})
    admin = await seated(app, services, Role.ADMIN)
    async with jobs.open_async():
        await s.queue.put("test.break")
        await jobs.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")
        page = (await admin.page("/console/operations")).text
        assert "AttributeError server/domain/roles.py:" in page
        assert "NoneType" not in page, "an error's own words may hold what people wrote"
        [row] = await rows("SELECT id FROM procrastinate_jobs WHERE task_name = 'test.break'")
        broken.clear()
        assert (await admin("POST", f"/jobs/{row['id']}/retry")).status == 204
        await jobs.run_worker_async(wait=False, install_signal_handlers=False, delete_jobs="successful")
    assert "没有失败的任务。" in (await admin.page("/console/operations")).text
