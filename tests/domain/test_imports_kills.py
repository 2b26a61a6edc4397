"""An import killed anywhere leaves nothing half-taken and can be run again; two at once do the work once."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from server import demo_cohort
from server.domain import imports
from server.domain.imports import runs
from server.domain.ports import Services
from server.errors import NotFound
from server.models import AuditEntry, Candidate, ImportRun, PracticeRecord, Registration, Score
from tests.kit import importing, make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, Killed, KillerFaultInjector, ListQueue, MemoryFileStore
from tests.kit.importing import everything

PEOPLE = demo_cohort.people(40)
BOOKS = {"candidates": demo_cohort.people_book(PEOPLE), "scores": demo_cohort.score_book(PEOPLE)}
NAMES = imports.Names.of(demo_cohort.names(PEOPLE))
BEFORE_COMMIT = {
    "candidates": (
        "imports.read",
        "imports.locked",
        "imports.schools_written",
        "imports.people_written",
        "imports.written",
        "imports.before_commit",
    ),
    "scores": (
        "imports.read",
        "imports.locked",
        "imports.places_written",
        "imports.registrations_written",
        "imports.scores_written",
        "imports.outcomes_written",
        "imports.written",
        "imports.before_commit",
    ),
}


async def submit(s: Services, kind: str, **more: Any) -> int:
    return await imports.submit(
        s, kind, f"{kind}.xlsx", BOOKS[kind], imports.Wish(creating=NAMES, **more), actor=make.OPERATOR
    )


async def prepared(s: Services, kind: str) -> None:
    if kind == "scores":
        await importing.take(s, "candidates", "c.xlsx", BOOKS["candidates"])


@pytest.mark.parametrize(
    ("kind", "place"), [(kind, place) for kind, places in BEFORE_COMMIT.items() for place in places]
)
async def test_a_kill_before_the_commit_leaves_nothing_and_the_next_run_takes_all(
    services: Services, kind: str, place: str
) -> None:
    await prepared(services, kind)
    before = await everything()
    import_id = await submit(services, kind)
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await imports.run(services, import_id)
    assert await everything() == before
    assert (await ImportRun.get(id=import_id)).state == "running"
    exchange(services, faults=KillerFaultInjector())
    await imports.run(services, import_id)
    row = await ImportRun.get(id=import_id)
    assert (row.state, row.rows_taken, row.rows_refused, row.attempts) == ("done", 40, 0, 2)
    assert await AuditEntry.filter(action="import.take", subject_id=str(import_id)).count() == 1
    assert await (Candidate if kind == "candidates" else Score).all().count() == 40


async def test_a_kill_after_the_commit_is_not_run_twice(services: Services) -> None:
    import_id = await submit(services, "candidates")
    exchange(services, faults=KillerFaultInjector("imports.committed"))
    with pytest.raises(Killed):
        await imports.run(services, import_id)
    exchange(services, faults=KillerFaultInjector())
    before = await everything()
    await imports.run(services, import_id)
    assert await everything() == before
    assert (await ImportRun.get(id=import_id)).attempts == 1


async def test_every_place_of_a_run_is_in_the_matrix(services: Services) -> None:
    """A new fault point without a kill fails here."""
    await prepared(services, "scores")
    for kind in BOOKS:
        faults = KillerFaultInjector()
        exchange(services, faults=faults)
        if kind == "candidates":
            await Candidate.all().delete()
        await imports.run(services, await submit(services, kind))
        assert faults.reached == [*BEFORE_COMMIT[kind], "imports.committed"]
        if kind == "candidates":
            await Registration.all().delete()


async def test_the_sweep_finds_what_died_and_only_that(services: Services, clock: FakeClock) -> None:
    import_id = await submit(services, "candidates")
    exchange(services, faults=KillerFaultInjector("imports.people_written"))
    with pytest.raises(Killed):
        await imports.run(services, import_id)
    exchange(services, faults=KillerFaultInjector())
    assert isinstance(services.queue, ListQueue)
    services.queue.jobs.clear()
    assert await imports.sweep(services) == 0
    clock.forward(minutes=3)
    assert await imports.sweep(services) == 1
    await services.queue.drain(services, {"imports.run": imports.run})
    assert (await ImportRun.get(id=import_id)).state == "done"
    clock.forward(minutes=3)
    assert await imports.sweep(services) == 0


async def test_a_file_that_kills_every_worker_is_given_up(services: Services) -> None:
    import_id = await submit(services, "candidates")
    exchange(services, faults=KillerFaultInjector("imports.locked"))
    for _ in range(runs.MOST_ATTEMPTS):
        exchange(services, faults=KillerFaultInjector("imports.locked"))
        with pytest.raises(Killed):
            await imports.run(services, import_id)
    await imports.run(services, import_id)
    row = await ImportRun.get(id=import_id)
    assert (row.state, row.refusal_code) == ("unreadable", "run_failed")


async def test_one_import_run_by_three_workers_is_taken_once(services: Services) -> None:
    import_id = await submit(services, "candidates")
    await asyncio.gather(*(imports.run(services, import_id) for _ in range(3)))
    row = await ImportRun.get(id=import_id)
    assert (row.state, row.rows_taken, row.rows_unchanged) == ("done", 40, 0)
    assert await AuditEntry.filter(action="import.take").count() == 1
    assert await Candidate.all().count() == 40


async def test_the_same_file_handed_in_twice_at_once_is_taken_once(services: Services) -> None:
    ids = [await submit(services, "candidates") for _ in range(2)]
    await asyncio.gather(*(imports.run(services, import_id) for import_id in ids))
    taken = sorted([(await ImportRun.get(id=import_id)).rows_taken for import_id in ids])
    assert taken == [0, 40]


async def test_progress_is_seen_while_the_transaction_is_open(services: Services, db: str) -> None:
    seen: list[tuple[str, int, int]] = []

    class Watcher(KillerFaultInjector):
        async def reach(self, place: str) -> None:
            if place == "imports.people_written":
                seen.append(await progress(db))

    exchange(services, faults=Watcher())
    await imports.run(services, await submit(services, "candidates"))
    assert seen == [("running", 30, 40)]


async def progress(url: str) -> tuple[str, int, int]:
    """What another connection sees of the run."""
    connection = await asyncpg.connect(url)
    row = await connection.fetchrow("SELECT state, rows_done, rows_total FROM import_run")
    await connection.close()
    return (row["state"], row["rows_done"], row["rows_total"])


async def test_files_are_cleared_after_a_month_and_the_answer_stays(
    services: Services, clock: FakeClock
) -> None:
    ended = await importing.take(services, "candidates", "c.xlsx", BOOKS["candidates"])
    await imports.report(services, ended.id, actor=make.OPERATOR)
    stored = services.file_store
    assert isinstance(stored, MemoryFileStore)
    assert len(stored.files) == 2
    clock.forward(days=31)
    await imports.sweep(services)
    assert stored.files == {}
    assert (await imports.view(ended.id, actor=make.OPERATOR)).rows_taken == 40
    with pytest.raises(NotFound) as refused:
        await imports.report(services, ended.id, actor=make.OPERATOR)
    assert refused.value.code == "import_file_cleared"


async def test_practice_hours_killed_half_way(services: Services) -> None:
    await prepared(services, "scores")
    book = demo_cohort.book(
        ["姓名", "证件号码", "证书等级", "督导学时", "实践学时"],
        [[p.name, p.id_number, "中级", 50, 125] for p in PEOPLE],
    )
    import_id = await imports.submit(
        services, "practice", "p.xlsx", book, wish=imports.Wish(dry_run=False), actor=make.OPERATOR
    )
    exchange(services, faults=KillerFaultInjector("imports.hours_written"))
    with pytest.raises(Killed):
        await imports.run(services, import_id)
    assert await PracticeRecord.all().count() == 0
    exchange(services, faults=KillerFaultInjector())
    await imports.run(services, import_id)
    assert await PracticeRecord.all().count() == 40
