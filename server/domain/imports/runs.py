"""The life of one import: queued → running → done or unreadable.

The file is sealed before it reaches the vault, for it is full of identity numbers. All rows are taken in one
transaction together with the run's own end, so a kill leaves either nothing or everything.
"""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
from base64 import b64encode
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta

from tortoise.transactions import in_transaction

from server.domain import audit, beijing
from server.domain.audit import Actor
from server.domain.imports import examination, reports, sheets
from server.domain.imports.drafts import RowError
from server.domain.imports.examination import Reading
from server.domain.imports.verdicts import Verdict
from server.domain.lookups.changes import changed
from server.domain.people.candidates import mask_numbers
from server.domain.ports import Services
from server.errors import Forbidden, OutsideFailure, Refused
from server.records import ImportRun
from server.records.database import rows

LOCK = 0x696D706F7274  # "import": one file is taken at a time
MOST_ATTEMPTS = 5
KEPT_DAYS = 30
_AT_A_TERMINAL = timedelta(minutes=30)
_INTERRUPTED = "这次导入是从命令行开始的，中途停了，没有导入任何一行。需要的话请重新运行命令。"
_TOO_OFTEN = "这个文件多次没能处理完，已停止。请分成几个小文件再导入，或联系管理员。"


async def submit(
    s: Services,
    kind: str,
    file_name: str,
    data: bytes,
    *,
    dry_run: bool,
    all_or_nothing: bool = False,
    actor: Actor,
) -> ImportRun:
    """Hand a file in: keep it, and queue its run in the same transaction.

    Args:
        kind: candidates, scores, practice or portal.
        file_name: shown to people; says nothing about what the file is.
        dry_run: examine only.
        all_or_nothing: one refused row refuses them all.

    Raises:
        Refused: kind_unknown, and what can be seen of a bad file in a moment (see `files`).
        Forbidden: not_for_schools.
    """
    return await keep(
        s, kind, file_name, data, dry_run=dry_run, all_or_nothing=all_or_nothing, actor=actor, queued=True
    )


async def keep(
    s: Services,
    kind: str,
    file_name: str,
    data: bytes,
    *,
    dry_run: bool,
    all_or_nothing: bool,
    actor: Actor,
    queued: bool,
) -> ImportRun:
    """`submit`, with the choice to run the import oneself (the command line)."""
    if actor.school_id is not None:
        raise Forbidden("not_for_schools", "导入由颁证机构的工作人员办理，请把表格交给对方。")
    examination.topic_of(kind)
    await asyncio.to_thread(sheets.check, data)
    digest, key = await _stored(s, data)
    async with in_transaction():
        run_row = await ImportRun.create(
            kind=kind,
            file_name=mask_numbers(file_name.replace("\\", "/").rpartition("/")[2])[:200],
            file_sha256=digest,
            file_key=key,
            is_dry_run=dry_run,
            all_or_nothing=all_or_nothing,
            created_by=actor.id,
            actor=asdict(actor),
            touched_at=s.clock.now(),
        )
        await audit.record(
            s.clock,
            actor,
            "import.submit",
            "import",
            run_row.id,
            became={"kind": kind, "dry_run": dry_run, "all_or_nothing": all_or_nothing},
        )
        if queued:
            await s.queue.put("imports.run", lock=f"imports.run:{run_row.id}", import_id=run_row.id)
    return run_row


async def _stored(s: Services, data: bytes) -> tuple[bytes, str]:
    """Seal the file and put it into the vault: its SHA-256, and its key there."""
    digest = hashlib.sha256(data).digest()
    key = f"imports/{digest.hex()}"
    sealed = await asyncio.to_thread(s.keys.encrypt, b64encode(data).decode(), about=reports.ABOUT_FILE)
    await s.vault.put(key, sealed)
    return digest, key


async def run(s: Services, import_id: int) -> None:
    """Examine the file and take its rows. Job `imports.run`; may be run again after any death, and twice at once."""
    run_row = await ImportRun.get_or_none(id=import_id)
    if run_row is None or run_row.state in ("done", "unreadable"):
        return
    if run_row.attempts >= MOST_ATTEMPTS:
        await _refuse(s, run_row, Refused("run_failed", _TOO_OFTEN))
        return
    await ImportRun.filter(id=import_id, state__in=("queued", "running")).update(
        state="running", attempts=run_row.attempts + 1, touched_at=s.clock.now()
    )
    try:
        data = await reports.file_of(s, run_row)
        reading = await examination.read(
            run_row.kind, data, _progress(s, import_id), today=beijing.day(s.clock.now())
        )
    except Refused as refused:
        await _refuse(s, run_row, refused)
        return
    await s.faults.reach("imports.read")
    await _take(s, run_row, reading)
    await s.faults.reach("imports.committed")
    if any(draft.errors for draft in reading.drafts):
        await reports.make(s, import_id)  # people ask for it at once, and here no visitor waits for it


def _progress(s: Services, import_id: int) -> examination.Progress:
    async def tell(done: int, total: int) -> None:
        await ImportRun.filter(id=import_id, state="running").update(
            rows_done=done, rows_total=total, touched_at=s.clock.now()
        )
        with suppress(OutsideFailure):  # a page that watches is told less; the import goes on
            await s.live.publish(f"import:{import_id}", {"event": "progress", "done": done, "total": total})

    return tell


async def _take(s: Services, run_row: ImportRun, reading: Reading) -> None:
    """Judge and write in one transaction, so that what was judged is what is taken."""
    actor = Actor(**run_row.actor)  # type: ignore[arg-type]  # written by `keep` from an Actor
    outside = contextvars.copy_context()
    async with in_transaction():
        await rows("SELECT pg_advisory_xact_lock($1)", -run_row.id if run_row.is_dry_run else LOCK)
        if await ImportRun.filter(id=run_row.id, state="running").first() is None:
            return  # another worker has finished it
        await s.faults.reach("imports.locked")
        verdict = await examination.judge(s, run_row.kind, reading)
        errors = examination.errors_of(reading)
        await _aside(outside, _progress(s, run_row.id)(len(reading.drafts) * 3 // 4, len(reading.drafts)))
        if run_row.all_or_nothing and errors:
            verdict.taken = 0
            verdict.notes.append("有未通过的行，按“全部成功才导入”的要求，一行也没有导入。")
        writes = verdict.taken > 0 and not run_row.is_dry_run
        if writes:
            await examination.topic_of(run_row.kind).take(s, verdict.work, actor=actor)
            await s.faults.reach("imports.written")
        await _finish(s, run_row, reading, verdict, errors, actor)
        await s.faults.reach("imports.before_commit")
        if writes:
            await changed(s)


async def _aside(outside: contextvars.Context, work: Awaitable[None]) -> None:
    """Do something on another connection, visible at once, while a transaction is open on this one."""

    async def alone() -> None:
        await work

    await asyncio.get_running_loop().create_task(alone(), context=outside)


async def _finish(
    s: Services,
    run_row: ImportRun,
    reading: Reading,
    verdict: Verdict,
    errors: list[RowError],
    actor: Actor,
) -> None:
    refused = len({error.row for error in errors})
    notes = reading.table.notes + verdict.notes
    if verdict.unchanged and not verdict.taken and not errors:
        notes.append("所有行都与系统里的记录相同，没有任何改动。")
    counts = {
        "rows_total": len(reading.drafts),
        "rows_taken": verdict.taken,
        "rows_unchanged": verdict.unchanged,
        "rows_refused": refused,
    }
    await ImportRun.filter(id=run_row.id).update(
        state="done",
        rows_done=len(reading.drafts),
        notes=notes,
        errors=[error.as_dict() for error in errors],
        finished_at=s.clock.now(),
        touched_at=s.clock.now(),
        **counts,
    )
    action = "import.examine" if run_row.is_dry_run else "import.take"
    await audit.record(s.clock, actor, action, "import", run_row.id, became={"kind": run_row.kind, **counts})


async def _refuse(s: Services, run_row: ImportRun, refused: Refused) -> None:
    async with in_transaction():
        ended = await ImportRun.filter(id=run_row.id, state__in=("queued", "running")).update(
            state="unreadable",
            refusal_code=refused.code,
            refusal=refused.message,
            finished_at=s.clock.now(),
            touched_at=s.clock.now(),
        )
        if ended:
            actor = Actor(**run_row.actor)  # type: ignore[arg-type]  # written by `keep` from an Actor
            await audit.record(
                s.clock, actor, "import.refuse", "import", run_row.id, became={"code": refused.code}
            )


async def sweep(s: Services) -> int:
    """Queue again what a dead worker left behind, and clear away files a month old. Job `imports.sweep`.

    Returns:
        how many runs were queued again.
    """
    now = s.clock.now()
    unfinished = ImportRun.filter(state__in=("queued", "running"))
    silent = unfinished.filter(touched_at__lt=now - timedelta(minutes=2), created_by__isnull=False)
    lost = await silent.values_list("id", flat=True)
    for import_id in lost:
        name = f"imports.run:{import_id}"
        await s.queue.put("imports.run", lock=name, once=name, import_id=import_id)
    # whoever began one in a terminal has seen it end there, and has not asked this service to go on with it
    for row in await unfinished.filter(touched_at__lt=now - _AT_A_TERMINAL, created_by__isnull=True):
        await _refuse(s, row, Refused("run_interrupted", _INTERRUPTED))
    await reports.clear_old(s, now - timedelta(days=KEPT_DAYS))
    return len(lost)
