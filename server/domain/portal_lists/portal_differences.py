"""Where the national portal's list and our certificates differ: what staff see of it, and each settled by a person."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.states import CertificateState
from server.domain.fault_points import transaction
from server.domain.levels import Level
from server.domain.paging import Page
from server.domain.people.free_text import clean_reason
from server.domain.portal_lists import queries
from server.domain.portal_lists.keeping import JOB
from server.domain.ports import Clock, FaultInjector, Queue
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import PortalDifference, PortalList

KINDS = {"theirs_only": "门户有，本系统没有", "ours_only": "本系统有，门户没有", "differs": "内容不同"}
WHAT = {
    "portal_number": "门户证书编号",
    "name": "姓名",
    "id_number": "证件号码",
    "level": "等级",
    "issued_on": "发证日期",
    "state": "状态",
}
SHORTEST_NOTE, LONGEST_NOTE = 4, 200


@dataclass(frozen=True, slots=True)
class FieldDiffering:
    """One field, as people read it: ours → theirs. An identity number is said to differ, and never shown."""

    what: str
    label: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class PortalDifferenceView:
    """One certificate. `plan_id` None: we have no such certificate."""

    id: int
    kind: str
    plan_id: int | None
    plan: str
    number: str
    portal_number: str
    fields: tuple[FieldDiffering, ...]
    found_at: datetime
    settled_at: datetime | None
    settled_by_name: str
    note: str


@dataclass(frozen=True, slots=True)
class PlanToSettle:
    """A plan that has differences nobody has settled."""

    id: int
    name: str
    open: int


@dataclass(frozen=True, slots=True)
class PortalSums:
    """What the last comparison came to: kept = same + differs + theirs_only, ours = listed + ours_only + uncompared.

    Attributes:
        compared_at: None while the newest list waits to be compared.
        kept: rows of the portal.
        ours: valid certificates of ours that are issued.
        uncompared: of plans of which no list has anything yet.
    """

    taken_at: datetime
    taken_by_name: str
    rows: int
    compared_at: datetime | None
    kept: int
    same: int
    differs: int
    theirs_only: int
    ours: int
    listed: int
    ours_only: int
    uncompared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which differences."""

    kind: str | None = None
    plan_id: int | None = None
    only_open: bool = True


async def listing(
    wanted: Wanted, *, after: int = 0, size: int = 50, actor: Actor
) -> Page[PortalDifferenceView]:
    """In the order in which they were found. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_PORTAL)
    found = await queries.listed(wanted.kind, wanted.plan_id, wanted.only_open, after, size + 1)
    items = [_view(row) for row in found[:size]]
    return Page(items, str(items[-1].id) if len(found) > size else None)


async def sums(*, actor: Actor) -> PortalSums | None:
    """What the last comparison came to; None before the first list. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_PORTAL)
    newest = await PortalList.all().order_by("-id").first()
    if newest is None:
        return None
    return PortalSums(**{name: getattr(newest, name) for name in PortalSums.__slots__})


async def plans(*, actor: Actor) -> list[PlanToSettle]:
    """The plans that have something to settle. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_PORTAL)
    return [PlanToSettle(**row) for row in await queries.plans()]


async def waiting(*, actor: Actor) -> int:
    """How many nobody has settled. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_PORTAL)
    return await queries.waiting()


async def compare_again(queue: Queue, *, actor: Actor) -> None:
    """Have the list compared with today's certificates. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SETTLE_PORTAL)
    await queue.put(JOB, lock=JOB, once=JOB)


async def settle(clock: Clock, faults: FaultInjector, difference_id: int, note: str, *, actor: Actor) -> None:
    """Say what is done about a difference. The same person's same note again changes nothing.

    Raises:
        Forbidden: role_not_allowed. NotFound: difference_unknown. Invalid: /note. Conflict: difference_settled.
    """
    roles.require(actor, Verb.SETTLE_PORTAL)
    kept = clean_reason(note)
    if not SHORTEST_NOTE <= len(kept) <= LONGEST_NOTE:
        message = f"请写明这项差异怎样处理，{SHORTEST_NOTE} 到 {LONGEST_NOTE} 个字。"
        raise Invalid(errors=[FieldError("/note", "note_length", message)])
    async with transaction(faults, "portal_differences.settle"):
        found = await PortalDifference.filter(id=difference_id).select_for_update().first()
        if found is None:
            raise NotFound("difference_unknown", "没有这项差异，请刷新后重试。")
        if found.settled_at is not None:
            if (found.settled_by, found.note) == (actor.id, kept):
                return
            message = f"这项差异已由{found.settled_by_name}处理，请刷新后再看。"
            raise Conflict("difference_settled", message)
        await PortalDifference.filter(id=found.id).update(
            settled_at=clock.now(), settled_by=actor.id, settled_by_name=actor.name, note=kept
        )
        await faults.reach("portal_differences.settle: the note is written")
        became = {"kind": found.kind, "number": found.number, "note": kept}
        await audit_log.record(
            clock, actor, "portal_difference.settle", "portal_difference", found.id, became=became
        )


def _view(row: dict[str, Any]) -> PortalDifferenceView:
    told = {**row, "fields": tuple(_field(one) for one in json.loads(row["fields_differing"]))}
    del told["fields_differing"]
    return PortalDifferenceView(**told)


def _field(one: dict[str, str | None]) -> FieldDiffering:
    what = one["what"] or ""
    ours, theirs = one["ours"] or "", one["theirs"] or ""
    if what == "level":
        ours, theirs = Level(ours).label, Level(theirs).label
    elif what == "state":
        ours, theirs = CertificateState(ours).label, "在门户清单里"
    return FieldDiffering(what, WHAT[what], ours, theirs)
