"""Who is on a batch's list, in order of number: by pages, and whole for those who answer for it.

A person has one row number everywhere, on the desk, the phone, in the workbook and on paper, so that "第 3 位" is the
same person for whoever says it and whoever looks it up. Names are in full for those who answer for the list
(`Verb.CHECK_LIST`); everybody else who may look sees them masked. Identity numbers are masked for all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.certificates.claims import Line
from server.domain.certificates.states import CertificateState
from server.domain.certificates.visibility import seen_by
from server.domain.issuance import roster
from server.domain.issuance.queries import BatchSummary, summary_of
from server.domain.paging import Page, limited
from server.domain.people.candidates import ABOUT_ID, mask_id
from server.domain.people.names import mask_name
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import NotFound, OutsideFailure
from server.models import Issuance
from server.models.database import rows

_LISTED = """
SELECT l.row, l.number, l.state, l.line, r.admission_number, c.id_sealed,
       (SELECT json_agg(json_build_array(s.subject, s.score, s.status) ORDER BY s.subject)::text
        FROM score s WHERE s.registration_id = l.registration_id) AS scores
FROM (SELECT x.number, x.state, x.line, x.registration_id, x.candidate_id,
             row_number() OVER (ORDER BY x.number) AS row
      FROM certificate x WHERE x.issuance_id = $1 AND x.state <> 'void') l
JOIN registration r ON r.id = l.registration_id JOIN candidate c ON c.id = l.candidate_id
WHERE l.number > $2 ORDER BY l.number LIMIT $3
"""
_BEFORE = """
SELECT number FROM certificate WHERE issuance_id = $1 AND state <> 'void' AND number < $2
ORDER BY number DESC LIMIT $3
"""
_ALL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Scored:
    """One subject's score; None where there is none, and `status` says why."""

    subject: str
    score: float | None
    status: str


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list. `row` counts from 1."""

    row: int
    number: str
    admission_number: str
    name: str
    name_masked: str
    id_masked: str
    scores: tuple[Scored, ...]
    state: CertificateState

    @property
    def score(self) -> str:
        """The scores in words: the number alone where there is one subject."""
        said = [(one.subject, "—" if one.score is None else f"{one.score:g}") for one in self.scores]
        if len(said) == 1:
            return said[0][1]
        return "；".join(f"{subject} {score}" for subject, score in said)

    def masked(self) -> Listed:
        """The line for those who do not answer for the list: neither name nor scores."""
        return replace(self, name="", scores=())


async def listed(s: Services, issuance_id: int, *, after: str = "", limit: int = _ALL) -> list[Listed]:
    """The lines after a number; voided numbers are left out. Asks nobody who may see them."""
    return [_row(s, row) for row in await rows(_LISTED, issuance_id, after, limit)]


def _row(s: Services, row: dict[str, Any]) -> Listed:
    name = Line.from_bytes(bytes(row["line"])).name
    return Listed(
        row=row["row"],
        number=row["number"],
        admission_number=row["admission_number"],
        name=name,
        name_masked=mask_name(name),
        id_masked=mask_id(s.keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        scores=tuple(Scored(*one) for one in json.loads(row["scores"] or "[]")),
        state=CertificateState(row["state"]),
    )


async def _batch(s: Services, issuance_id: int, actor: Actor) -> Issuance:
    issuance = await Issuance.get_or_none(id=issuance_id).prefetch_related("plan", "site__school")
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(s.clock, issuance, actor)
    return issuance


async def people(
    s: Services,
    issuance_id: int,
    *,
    cursor: str | None = None,
    before: str | None = None,
    limit: int | None = None,
    actor: Actor,
) -> Page[Listed]:
    """The list without voided numbers, masked for those who do not answer for it.

    Args:
        cursor: the last number shown, to go on; `before`: the first one, to go back.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found"), also for another school's batch.
    """
    roles.require(actor, Verb.SEE_ISSUANCES)
    await _batch(s, issuance_id, actor)
    size = limited(limit)
    after = await _page_before(issuance_id, before, size) if before else cursor or ""
    found = await listed(s, issuance_id, after=after, limit=size + 1)
    in_full = roles.may(actor, Verb.CHECK_LIST)
    if in_full:
        await incidents.viewed(s, actor, "issuance_people", "issuance", issuance_id)
    shown = [one if in_full else one.masked() for one in found[:size]]
    more = shown[-1].number if len(found) > size else None
    return Page(shown, more, shown[0].number if shown and shown[0].row > 1 else None)


async def _page_before(issuance_id: int, number: str, size: int) -> str:
    """The number after which a page has to begin to end just before this number; empty: at the beginning."""
    found = await rows(_BEFORE, issuance_id, number, size + 1)
    return str(found[-1]["number"]) if len(found) > size else ""


@dataclass(frozen=True, slots=True)
class Roll:
    """A whole list with what stands above it."""

    batch: BatchSummary
    people: tuple[Listed, ...]


async def roll(s: Services, issuance_id: int, *, given_as: str, actor: Actor) -> Roll:
    """The whole list in full, for a workbook or for paper; who took it is in the audit trail.

    Args:
        given_as: `xlsx` or `print`, for the trail.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found").
    """
    roles.require(actor, Verb.CHECK_LIST)
    issuance = await _batch(s, issuance_id, actor)
    found = await listed(s, issuance_id)
    await _taken(s, issuance_id, given_as, len(found), actor)
    return Roll(summary_of(issuance, s.clock.now()), tuple(found))


async def canonical_list(s: Services, issuance_id: int, *, actor: Actor) -> bytes:
    """The very bytes whose SHA-256 is the digest that the officer signs; the same for ever, also after a revocation.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found") · OutsideFailure: the stored lines are no longer
        those of the stored digest.
    """
    roles.require(actor, Verb.CHECK_LIST)
    issuance = await _batch(s, issuance_id, actor)
    stored = await roster.reserved(issuance_id)
    if roster.stored_digest(stored) != bytes(issuance.list_sha256 or b""):
        raise OutsideFailure("批次的名单与其校验码不一致")
    await _taken(s, issuance_id, "json", len(stored), actor)
    return roster.canonical_of((one.number, one.line) for one in stored)


async def _taken(s: Services, issuance_id: int, given_as: str, count: int, actor: Actor) -> None:
    became = {"as": given_as, "count": count}
    await audit_log.record(s.clock, actor, "issuance.list", "issuance", issuance_id, became=became)
