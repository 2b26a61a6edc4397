"""What staff and schools see of corrections: the cases in pages, one in full."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.states import CertificateState
from server.domain.corrections import queries
from server.domain.corrections.case_letters import unknown
from server.domain.corrections.contents import CaseChange, CorrectionKind, changes, opened
from server.domain.corrections.states import CorrectionState
from server.domain.issuance.states import BatchState
from server.domain.paging import NEWEST, Page, Turn
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.people.school_scope import school_of
from server.domain.ports import Keys
from server.domain.roles import Verb


@dataclass(frozen=True, slots=True)
class MadeAnew:
    """An old certificate and the batch of one in which the new one is."""

    old_number: str
    old_state: CertificateState
    issuance_id: int
    batch_state: BatchState
    new_number: str | None


@dataclass(frozen=True, slots=True)
class CorrectionView:
    """One case. `needs_number`: who approves has to type the new identity number from the letter."""

    id: int
    kind: CorrectionKind
    state: CorrectionState
    candidate_id: int
    name: str
    id_masked: str
    school: str | None
    admission_number: str | None
    changes: tuple[CaseChange, ...]
    certificates: tuple[MadeAnew, ...]
    reason: str
    letter_kind: str
    requested_by: str
    requested_by_school: bool
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    done_at: datetime | None
    may_decide: bool
    may_withdraw: bool
    needs_number: bool


SORTS = {"-id": "新提出的在前", "id": "早提出的在前"}


async def listing(
    keys: Keys,
    *,
    state: str | None = None,
    kind: str | None = None,
    turn: Turn = NEWEST,
    actor: Actor,
) -> Page[CorrectionView]:
    """In any order of `SORTS`; a school's account sees its own.

    Raises Forbidden: role_not_allowed; Invalid: cursor_unknown.
    """
    roles.require(actor, Verb.SEE_CORRECTIONS)
    found = await queries.LISTED.page([state, None, school_of(actor), kind], turn)
    return Page(await _views(keys, found.items, actor), found.next_cursor, found.before)


async def count(*, state: str | None = None, kind: str | None = None, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.SEE_CORRECTIONS)
    return await queries.LISTED.count([state, None, school_of(actor), kind])


async def view(keys: Keys, correction_id: int, *, actor: Actor) -> CorrectionView:
    """One case. Raises Forbidden: role_not_allowed; NotFound: correction_unknown, also for another school's."""
    roles.require(actor, Verb.SEE_CORRECTIONS)
    found = await queries.LISTED.page([None, correction_id, school_of(actor), None], NEWEST)
    if not found.items:
        raise unknown()
    [one] = await _views(keys, found.items, actor)
    return one


async def waiting(*, actor: Actor) -> int:
    """How many cases wait for this person's decision. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.APPROVE_CORRECTION)
    return await queries.waiting(actor.id)


async def _views(keys: Keys, found: list[dict[str, Any]], actor: Actor) -> list[CorrectionView]:
    anew: dict[int, list[MadeAnew]] = {}
    for row in await queries.made_anew([one["id"] for one in found], school_of(actor)):
        anew.setdefault(row["correction_id"], []).append(
            MadeAnew(
                row["old_number"],
                CertificateState(row["old_state"]),
                row["issuance_id"],
                BatchState(row["batch"]),
                row["new_number"],
            )
        )
    return [_view(keys, row, tuple(anew.get(row["id"], ())), actor) for row in found]


def _view(
    keys: Keys, row: dict[str, Any], certificates: tuple[MadeAnew, ...], actor: Actor
) -> CorrectionView:
    state = CorrectionState(row["state"])
    is_open, is_mine = state is CorrectionState.REQUESTED, row["requested_by"] == actor.id
    was = opened(keys, "was", row["letter_key"], bytes(row["was_sealed"]))
    becomes = opened(keys, "becomes", row["letter_key"], bytes(row["becomes_sealed"]))
    return CorrectionView(
        id=row["id"],
        kind=CorrectionKind(row["kind"]),
        state=state,
        candidate_id=row["candidate_id"],
        name=row["name"],
        id_masked=mask_id(keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        school=row["school"],
        admission_number=row["admission_number"],
        changes=changes(was, becomes, in_full=not is_mine and roles.may(actor, Verb.APPROVE_CORRECTION)),
        certificates=certificates,
        reason=row["reason"],
        letter_kind=row["letter_kind"],
        requested_by=row["requested_by_name"],
        requested_by_school=row["requested_by_school"],
        requested_at=row["requested_at"],
        decided_by=row["decided_by_name"],
        decided_at=row["decided_at"],
        note=row["decision_note"],
        done_at=row["done_at"],
        may_decide=is_open and not is_mine and roles.may(actor, Verb.APPROVE_CORRECTION),
        may_withdraw=is_open and is_mine and roles.may(actor, Verb.ASK_CORRECTION),
        needs_number="id_number" in becomes,
    )
