"""Erasures as staff see them: asked for, decided, done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.audit import incidents
from server.domain.paging import NEWEST, Page, Turn
from server.domain.people.candidates import id_masked
from server.domain.ports import Services
from server.domain.privacy import subjects
from server.domain.privacy.states import ErasureState
from server.domain.privacy.subjects import KINDS
from server.domain.roles import Verb
from server.models import Erasure


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureView:
    """One case. `name` and `id_masked` as they are on record now: nothing, once it is done.

    Attributes:
        kind: whose, a name in `subjects.KINDS`; `subject_id`: the number of the row. id_masked: of candidates alone.
    """

    id: int
    kind: str
    kind_label: str
    subject_id: int
    candidate_id: int | None
    name: str
    id_masked: str
    asked_on: date
    reason: str
    state: ErasureState
    requested_by: str
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    done_at: datetime | None
    may_decide: bool
    may_withdraw: bool


SORTS = {"-id": "新提出的在前", "id": "早提出的在前"}


async def listing(
    s: Services, *, state: str | None = None, turn: Turn = NEWEST, actor: Actor
) -> Page[ErasureView]:
    """In any order of `SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    roles.require(actor, Verb.ASK_ERASURE)
    query = _seen(actor) if state is None else _seen(actor).filter(state=state)
    found = await paging.turn(query.prefetch_related("candidate", "officer", "staff", "enrolment"), turn)
    if found.items:
        await incidents.viewed(s, actor, "erasures", "erasure", "-")
    return found.map(lambda one: _view(s, one, actor))


async def count(*, state: str | None = None, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.ASK_ERASURE)
    query = _seen(actor) if state is None else _seen(actor).filter(state=state)
    return await paging.counted(query, paging.COUNTED)


def _seen(actor: Actor) -> QuerySet[Erasure]:
    """The cases of those about whom this person may ask and decide: of accounts, whoever manages accounts."""
    hidden = [kind for kind, of in KINDS.items() if of.also is not None and not roles.may(actor, of.also)]
    return Erasure.filter(**{f"{kind}_id": None for kind in hidden})


def _view(s: Services, row: Erasure, actor: Actor) -> ErasureView:
    state, is_mine, of = ErasureState(row.state), row.requested_by == actor.id, subjects.of_case(row)
    is_open = state is ErasureState.REQUESTED
    return ErasureView(
        id=row.id,
        kind=of.kind,
        kind_label=of.of.label,
        subject_id=of.id,
        candidate_id=row.candidate_id,
        name=getattr(row, of.kind).name,
        id_masked=id_masked(s.keys, row.candidate) if row.candidate is not None else "",
        asked_on=row.asked_on,
        reason=row.reason,
        state=state,
        requested_by=row.requested_by_name,
        requested_at=row.requested_at,
        decided_by=row.decided_by_name,
        decided_at=row.decided_at,
        note=row.decision_note,
        done_at=row.done_at,
        may_decide=is_open
        and not is_mine
        and row.staff_id != actor.id
        and roles.may(actor, Verb.APPROVE_ERASURE),
        may_withdraw=is_open and is_mine,
    )


async def waiting(actor: Actor) -> int:
    """How many wait for this person's decision."""
    if not roles.may(actor, Verb.APPROVE_ERASURE):
        return 0
    asked = _seen(actor).filter(state=ErasureState.REQUESTED.value)
    return await asked.filter(~Q(requested_by=actor.id), Q(staff_id=None) | ~Q(staff_id=actor.id)).count()
