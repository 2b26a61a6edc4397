"""Handing a spreadsheet in: from outside, out of a check that is to be written, or to be checked once more.

The file is sealed before it reaches the file store, for it is full of identity numbers.
"""

from __future__ import annotations

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.imports import queries, reports, validation
from server.domain.imports.new_names import NOTHING, Names
from server.domain.imports.states import UNFINISHED, ImportState
from server.domain.people.candidates import mask_numbers
from server.domain.ports import Clock, FileStore, Keys, Queue, Services
from server.domain.roles import Verb
from server.errors import Conflict, Forbidden, Refused
from server.models import ImportRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a file is to be taken.

    Attributes:
        dry_run: examine only.
        all_or_nothing: one refused row refuses them all.
        creating: unknown names that may be made.
    """

    dry_run: bool = False
    all_or_nothing: bool = False
    creating: Names = field(default_factory=Names)


TAKE = Wish()


async def submit(
    s: Services,
    kind: str,
    file_name: str,
    data: bytes,
    wish: Wish,
    *,
    actor: Actor,
) -> int:
    """Hand a file in: keep it, and queue its run in the same transaction. The number of the import.

    Args:
        kind: candidates, scores, practice or portal.
        file_name: shown to people; says nothing about what the file is.
        wish: what to do with it.

    Raises:
        Refused: kind_unknown, and what can be seen of a bad file in a moment (see `TableReader`).
        Forbidden: not_for_schools, role_not_allowed.
    """
    return await keep(s, kind, file_name, data, wish, actor=actor, queued=True)


async def keep(
    s: Services, kind: str, file_name: str, data: bytes, wish: Wish, *, actor: Actor, queued: bool
) -> int:
    """`submit`, with the choice to run the import oneself (the command line)."""
    _require(actor)
    validation.topic_of(kind)
    await asyncio.to_thread(s.table_reader.check, data)
    digest, key = await _stored(s.keys, s.file_store, data)
    display_name = mask_numbers(file_name.replace("\\", "/").rpartition("/")[2])[:200]
    file = {"kind": kind, "file_name": display_name, "file_sha256": digest, "file_key": key}
    async with in_transaction():
        return await _begin(s.clock, s.queue, file, wish, actor=actor, queued=queued)


async def take_in(clock: Clock, queue: Queue, import_id: int, *, actor: Actor) -> int:
    """Write what a check found, with exactly the settings that it was checked with; once, however often it is asked.

    If the records have moved so far that something else would be written, the run ends refused.

    Raises:
        NotFound: import_unknown.
        Conflict: not_a_check, import_running, nothing_to_take, check_cleared.
        Forbidden: role_not_allowed.
    """
    _require(actor)
    async with in_transaction():
        check = await _check(import_id)
        if not queries.has_something(check):
            raise Conflict("nothing_to_take", "这次检查没有可以写入的行，请改好表格后重新检查。")
        earlier = (
            await ImportRun.filter(check_id=check.id, is_dry_run=False)
            .exclude(state=ImportState.UNREADABLE.value)
            .first()
        )
        return earlier.id if earlier else await _again(clock, queue, check, dry_run=False, actor=actor)


async def check_again(clock: Clock, queue: Queue, import_id: int, creating: Names, *, actor: Actor) -> int:
    """Check the same file once more, with these unknown names confirmed to be new.

    Raises:
        NotFound: import_unknown.
        Conflict: not_a_check, import_running, check_cleared.
        Refused: name_not_asked.
        Forbidden: role_not_allowed.
    """
    _require(actor)
    async with in_transaction():
        check = await _check(import_id)
        unknown = {kind: [one["name"] for one in names] for kind, names in (check.asked or {}).items()}
        for kind, names in creating.as_dict().items():
            if strange := sorted(set(names) - set(unknown.get(kind, ()))):
                raise Refused(
                    "name_not_asked", f"这次检查没有问到“{strange[0]}”，请刷新页面后按列出的名称确认。"
                )
        return await _again(clock, queue, check, dry_run=True, creating=creating, actor=actor)


def _require(actor: Actor) -> None:
    if actor.school_id is not None:
        raise Forbidden("not_for_schools", "导入由颁证机构的工作人员办理，请把表格交给对方。")
    roles.require_unless_system(actor, Verb.IMPORT)


async def _check(import_id: int) -> ImportRun:
    """A finished check whose file is still there; locked."""
    check = await queries.row_of(import_id, lock=True)
    if not check.is_dry_run:
        raise Conflict("not_a_check", "这不是一次检查，请先检查表格再写入。")
    if check.state in UNFINISHED:
        raise Conflict("import_running", "检查还在进行，请等完成后再继续。")
    if not check.file_key:
        raise Conflict("check_cleared", "检查用的文件只保留一天，已经清理；请重新上传检查。")
    return check


async def _again(
    clock: Clock, queue: Queue, check: ImportRun, *, dry_run: bool, creating: Names = NOTHING, actor: Actor
) -> int:
    wish = Wish(
        dry_run=dry_run, all_or_nothing=check.all_or_nothing, creating=Names.of(check.creating) | creating
    )
    file = {name: getattr(check, name) for name in ("kind", "file_name", "file_sha256", "file_key")}
    return await _begin(clock, queue, file, wish, check_id=check.id, actor=actor, queued=True)


async def _begin(
    clock: Clock,
    queue: Queue,
    file: Mapping[str, Any],
    wish: Wish,
    *,
    check_id: int | None = None,
    actor: Actor,
    queued: bool,
) -> int:
    run_row = await ImportRun.create(
        **file,
        is_dry_run=wish.dry_run,
        all_or_nothing=wish.all_or_nothing,
        creating=wish.creating.as_dict(),
        check_id=check_id,
        created_by=actor.id,
        actor=actor.as_json(),
        touched_at=clock.now(),
    )
    became: dict[str, object] = {
        "kind": file["kind"],
        "dry_run": wish.dry_run,
        "all_or_nothing": wish.all_or_nothing,
    }
    if wish.creating:
        became["confirmed"] = sorted({n for names in wish.creating.as_dict().values() for n in names})
    await audit_log.record(clock, actor, "import.submit", "import", run_row.id, became=became)
    if queued:
        await queue.put("imports.run", lock=f"imports.run:{run_row.id}", import_id=run_row.id)
    return int(run_row.id)


async def _stored(keys: Keys, file_store: FileStore, data: bytes) -> tuple[bytes, str]:
    """Seal the file and put it into the file store: its SHA-256, and its key there.

    Every upload has a file of its own, so that clearing an old one never takes a new one's away.
    """
    digest = hashlib.sha256(data).digest()
    key = f"imports/{digest.hex()[:16]}-{uuid4().hex}"
    sealed = await asyncio.to_thread(keys.encrypt, b64encode(data).decode(), about=reports.ABOUT_FILE)
    await file_store.put(key, sealed)
    return digest, key
