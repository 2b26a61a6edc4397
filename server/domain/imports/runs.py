"""The life of one import: queued → running → done or unreadable.

All rows are taken in one transaction together with the run's own end, so a kill leaves either nothing or everything.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.freshness import changed
from server.domain.imports import queries, reports, validation
from server.domain.imports.import_plan import Verdict
from server.domain.imports.new_names import Names
from server.domain.imports.parsed_rows import RowError
from server.domain.imports.states import UNFINISHED, ImportState
from server.domain.imports.transitions import advance
from server.domain.imports.validation import Reading
from server.domain.ports import Clock, EventBus, Services
from server.errors import OutsideFailure, Refused
from server.models import ImportRun

LOCK = 0x696D706F7274  # "import": one file is taken at a time
MOST_ATTEMPTS = 5
_AT_A_TERMINAL = timedelta(minutes=30)
_INTERRUPTED = "这次导入是从命令行开始的，中途停了，没有导入任何一行。需要的话请重新运行命令。"
CHECK_KEPT_DAYS = 1
_MOVED = "检查之后系统里的数据有变化，写入的内容会和检查时看到的不同，所以没有写入。请重新检查后再写入。"
_TOO_OFTEN = "这个文件多次没能处理完，已停止。请分成几个小文件再导入，或联系管理员。"


async def run(s: Services, import_id: int) -> None:
    """Examine the file and take its rows. Job `imports.run`; may be run again after any death, and twice at once."""
    run_row = await ImportRun.get_or_none(id=import_id)
    if run_row is None or run_row.state not in UNFINISHED:
        return
    if run_row.attempts >= MOST_ATTEMPTS:
        await _refuse(s.clock, run_row, Refused("run_failed", _TOO_OFTEN))
        return
    await advance(import_id, "begin", attempts=run_row.attempts + 1, touched_at=s.clock.now())
    try:
        data = await reports.file_of(s.keys, s.file_store, run_row)
        reading = await validation.read(
            s.table_reader,
            run_row.kind,
            data,
            _progress(s.clock, s.event_bus, import_id),
            today=beijing.day(s.clock.now()),
        )
    except Refused as refused:
        await _refuse(s.clock, run_row, refused)
        return
    await s.faults.reach("imports.read")
    try:
        await _take(s, run_row, reading)
    except Refused as refused:
        await _refuse(s.clock, run_row, refused)
        return
    await s.faults.reach("imports.committed")
    if validation.refused(reading):
        await reports.make(s, import_id)  # people ask for it at once, and here no visitor waits for it


def _progress(clock: Clock, event_bus: EventBus, import_id: int) -> validation.Progress:
    async def tell(done: int, total: int) -> None:
        await _note(clock, import_id, done, total)
        await _publish(event_bus, import_id, done, total)

    return tell


async def _note(clock: Clock, import_id: int, done: int, total: int) -> None:
    await ImportRun.filter(id=import_id, state=ImportState.RUNNING.value).update(
        rows_done=done, rows_total=total, touched_at=clock.now()
    )


async def _publish(event_bus: EventBus, import_id: int, done: int, total: int) -> None:
    with suppress(OutsideFailure):  # a page that watches is told less; the import goes on
        await event_bus.publish(f"import:{import_id}", {"event": "progress", "done": done, "total": total})


async def _take(s: Services, run_row: ImportRun, reading: Reading) -> None:
    """Judge and write in one transaction, so that what was judged is what is taken.

    Raises:
        Refused: moved_since_check.
    """
    actor = Actor.of(run_row.actor)
    outside = contextvars.copy_context()
    async with AsyncExitStack() as afterwards, in_transaction():
        await queries.lock(-run_row.id if run_row.is_dry_run else LOCK)
        if await ImportRun.filter(id=run_row.id, state=ImportState.RUNNING.value).first() is None:
            return  # another worker has finished it
        await s.faults.reach("imports.locked")
        verdict = await validation.judge(s, run_row.kind, reading, Names.of(run_row.creating))
        await _compare(run_row, verdict)
        errors = validation.errors_of(reading)
        share = (run_row.id, len(reading.drafts) * 3 // 4, len(reading.drafts))
        await _aside(outside, _note(s.clock, *share))
        # Told now, waited for after the commit: a slow Redis keeps nobody's rows locked.
        telling = asyncio.get_running_loop().create_task(_publish(s.event_bus, *share), context=outside)
        afterwards.push_async_callback(asyncio.wait, [telling])
        if run_row.all_or_nothing and validation.refused(reading):
            verdict.hold_back()
            verdict.notes.append("有未通过的行，按“全部成功才导入”的要求，一行也没有导入。")
        writes = (verdict.rows_taken > 0 or verdict.keeps) and not run_row.is_dry_run
        if writes:
            await validation.topic_of(run_row.kind).take(s, verdict.work, actor=actor)
            await s.faults.reach("imports.written")
        await _finish(s.clock, run_row, reading, verdict, errors, actor)
        await s.faults.reach("imports.before_commit")
        if writes:
            await changed()


async def _compare(run_row: ImportRun, verdict: Verdict) -> None:
    """What is written out of a check is what the check showed. Raises Refused: moved_since_check."""
    if run_row.check_id is None or run_row.is_dry_run:
        return
    check = await ImportRun.get(id=run_row.check_id)
    if bytes(check.fingerprint or b"") != verdict.fingerprint:
        raise Refused("moved_since_check", _MOVED)


async def _aside(outside: contextvars.Context, work: Awaitable[None]) -> None:
    """Do something on another connection, visible at once, while a transaction is open on this one."""

    async def alone() -> None:
        await work

    await asyncio.get_running_loop().create_task(alone(), context=outside)


async def _finish(
    clock: Clock,
    run_row: ImportRun,
    reading: Reading,
    verdict: Verdict,
    errors: list[RowError],
    actor: Actor,
) -> None:
    notes = reading.table.notes + verdict.notes
    refused = validation.refused(reading)
    if verdict.unchanged and not verdict.rows_taken and not refused:
        notes.append("所有行都与系统里的记录相同，没有任何改动。")
    counts = {
        "rows_total": len(reading.drafts) + len(reading.table.skipped),
        "rows_taken": verdict.rows_taken,
        "rows_new": verdict.new,
        "rows_changed": verdict.changed,
        "rows_unchanged": verdict.unchanged,
        "rows_refused": refused,
        "rows_skipped": len(reading.table.skipped),
    }
    await advance(
        run_row.id,
        "finish",
        rows_done=counts["rows_total"],
        notes=notes,
        errors=[error.as_json() for error in errors],
        differences=[difference.as_json() for difference in verdict.differences],
        asked=verdict.register.as_json() if verdict.register else {},
        fingerprint=verdict.fingerprint,
        finished_at=clock.now(),
        touched_at=clock.now(),
        **counts,
    )
    action = "import.examine" if run_row.is_dry_run else "import.take"
    became: dict[str, object] = {"kind": run_row.kind, **counts}
    if verdict.creates and not run_row.is_dry_run:
        became["created"] = verdict.creates.as_dict()
    await audit_log.record(clock, actor, action, "import", run_row.id, became=became)


async def _refuse(clock: Clock, run_row: ImportRun, refused: Refused) -> None:
    async with in_transaction():
        ended = await advance(
            run_row.id,
            "refuse",
            refusal_code=refused.code,
            refusal=refused.message,
            finished_at=clock.now(),
            touched_at=clock.now(),
        )
        if ended:
            actor = Actor.of(run_row.actor)
            await audit_log.record(
                clock, actor, "import.refuse", "import", run_row.id, became={"code": refused.code}
            )


async def sweep(s: Services) -> int:
    """Queue again what a dead worker left behind, and clear old files away. Job `imports.sweep`.

    The files of a check are kept a day, those of an import as long as XCERT_KEEP_FILES_DAYS says.

    Returns:
        how many runs were queued again.
    """
    now = s.clock.now()
    unfinished = ImportRun.filter(state__in=UNFINISHED)
    silent = unfinished.filter(touched_at__lt=now - timedelta(minutes=2), created_by__isnull=False)
    lost = await silent.values_list("id", flat=True)
    for import_id in lost:
        name = f"imports.run:{import_id}"
        await s.queue.put("imports.run", lock=name, once=name, import_id=import_id)
    # whoever began one in a terminal has seen it end there, and has not asked this service to go on with it
    for row in await unfinished.filter(touched_at__lt=now - _AT_A_TERMINAL, created_by__isnull=True):
        await _refuse(s.clock, row, Refused("run_interrupted", _INTERRUPTED))
    await reports.clear_old(
        s.file_store,
        checks=now - timedelta(days=CHECK_KEPT_DAYS),
        imports=now - timedelta(days=s.settings.keep_files_days),
    )
    return len(lost)
