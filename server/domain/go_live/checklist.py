"""The list as it stands: each line by what the doctor saw last, by what this database says, and by who confirmed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.go_live import doctor_runs
from server.domain.go_live.lines import LINES, SECTIONS, ListLine, line_of
from server.domain.people import staff
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock
from server.domain.ports.doctor import BAD, LOOK, OK, Examined
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import AuditEntry, DoctorRun, GoLiveTick, Staff

ADMINS = 2
BACKUP_EVERY = timedelta(hours=36)  # daily, and it may be late


class Mark(Enum):
    """How a line stands."""

    DONE = "done"
    CONFIRM = "confirm"  # nothing is wrong; a person has to say that it is so
    UNKNOWN = "unknown"  # the doctor has not looked yet
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Standing:
    """One line and how it stands. `tick`: who confirmed it."""

    line: ListLine
    mark: Mark
    found: list[Examined]
    tick: GoLiveTick | None


@dataclass(frozen=True, slots=True)
class Checklist:
    """
    Attributes:
        run: whose findings these are.
        newer: a run that is under way, or came to no end.
        others: findings that belong to no line and are not well.
    """

    sections: list[tuple[str, list[Standing]]]
    run: DoctorRun | None
    newer: DoctorRun | None
    others: list[Examined] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(one.mark is Mark.DONE for _, lines in self.sections for one in lines)


async def checklist(clock: Clock, *, actor: Actor) -> Checklist:
    """Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.CHECK_UP)
    good, newer = await doctor_runs.latest()
    seen = doctor_runs.findings(good) if good is not None else []
    own = [await _admins(), await _backup(clock)]
    by_line: dict[str, list[Examined]] = {}
    for one in (*seen, *own):
        by_line.setdefault(line_of(one.title), []).append(one)
    ticks = {one.line: one for one in await GoLiveTick.all()}
    sections = [
        (title, [_standing(line, by_line.get(line.key, []), ticks.get(line.key)) for line in lines])
        for title, lines in SECTIONS
    ]
    others = [one for one in by_line.get("", []) if one.level != OK]
    return Checklist(sections, good, newer, others)


def _standing(line: ListLine, found: list[Examined], tick: GoLiveTick | None) -> Standing:
    levels = {one.level for one in found}
    if BAD in levels:
        mark = Mark.OPEN
    elif line.checks and not found:
        mark = Mark.UNKNOWN
    elif (line.by_person or LOOK in levels) and tick is None:
        mark = Mark.CONFIRM
    else:
        mark = Mark.DONE
    return Standing(line, mark, found, tick)


async def _admins() -> Examined:
    admins = await Staff.filter(role=roles.Role.ADMIN.value, is_active=True)
    ready = [one for one in admins if staff.has_second_factor(one)]
    if len(ready) >= ADMINS:
        return Examined(OK, "管理员", f"{len(ready)} 位，都启用了第二重验证")
    text = (
        f"正常使用的管理员 {len(admins)} 位，其中 {len(ready)} 位启用了第二重验证；请另建一位，并完成首次登录"
    )
    return Examined(BAD, "管理员", text)


async def last_backup() -> datetime | None:
    entry = await AuditEntry.filter(action="backup.make").order_by("-id").first()
    return entry.at if entry is not None else None


async def _backup(clock: Clock) -> Examined:
    at = await last_backup()
    if at is None:
        return Examined(BAD, "备份", "还没有做过备份；请每天运行 xcert backup")
    hours = int((clock.now() - at).total_seconds() // 3600)
    if clock.now() - at > BACKUP_EVERY:
        return Examined(BAD, "备份", f"上一次备份是 {hours} 小时以前；请每天运行 xcert backup")
    return Examined(OK, "备份", f"上一次备份是 {hours} 小时以前")


async def confirm(clock: Clock, key: str, note: str, *, actor: Actor) -> None:
    """This person has seen that the line is so. Numbers of people in the note are masked.

    Raises:
        Forbidden: role_not_allowed. NotFound: line_unknown. Conflict: line_open: the doctor sees that it is not.
    """
    roles.require(actor, Verb.CHECK_UP)
    standing = await _one(clock, key, actor)
    if standing.mark is Mark.OPEN:
        raise Conflict("line_open", "体检发现这一项还没有好，不能确认；请照说明处理，再做一次体检。")
    note = clean_reason(note)
    async with in_transaction():
        tick = {"staff_id": actor.id, "staff_name": actor.name, "note": note, "at": clock.now()}
        await GoLiveTick.update_or_create(defaults=tick, line=key)
        await audit_log.record(clock, actor, "go_live.confirm", "go_live", key, became={"note": note})


async def take_back(clock: Clock, key: str, *, actor: Actor) -> None:
    """The confirmation no longer holds. Raises Forbidden: role_not_allowed. NotFound: line_unknown. Conflict: not_confirmed."""
    roles.require(actor, Verb.CHECK_UP)
    await _one(clock, key, actor)
    async with in_transaction():
        if not await GoLiveTick.filter(line=key).delete():
            raise Conflict("not_confirmed", "这一项没有确认过，请刷新页面。")
        await audit_log.record(clock, actor, "go_live.take_back", "go_live", key)


async def _one(clock: Clock, key: str, actor: Actor) -> Standing:
    if key not in LINES:
        raise NotFound("line_unknown", "上线清单里没有这一项，请刷新页面。")
    found = await checklist(clock, actor=actor)
    return next(one for _, lines in found.sections for one in lines if one.line.key == key)
