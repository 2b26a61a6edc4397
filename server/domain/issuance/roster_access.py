"""Who may see a batch's list, in order of number: by pages, and whole for those who answer for it.

A person has one row number everywhere, on the desk, the phone, in the workbook and on paper, so that "第 3 位" is the
same person for whoever says it and whoever looks it up. Names are in full for those who answer for the list
(`Verb.CHECK_LIST`); everybody else who may look sees them masked. Identity numbers are masked for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.certificates.claims import Line
from server.domain.certificates.visibility import seen_by
from server.domain.issuance import roster, roster_query
from server.domain.issuance.queries import BatchSummary, summary_of
from server.domain.issuance.roster_query import Listed
from server.domain.paging import Page, limited
from server.domain.people.school_scope import is_school
from server.domain.ports import Clock, Keys, Services
from server.domain.roles import Verb
from server.errors import NotFound, OutsideFailure
from server.models import Issuance


async def _batch(clock: Clock, issuance_id: int, actor: Actor) -> Issuance:
    issuance = await Issuance.get_or_none(id=issuance_id).prefetch_related("plan", "site__school", "corrects")
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(clock, issuance, actor)
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
    await _batch(s.clock, issuance_id, actor)
    size = limited(limit)
    after = await roster_query.page_before(issuance_id, before, size) if before else cursor or ""
    lines = await roster_query.lines(s.keys, issuance_id, after=after, limit=size + 1)
    in_full = roles.may(actor, Verb.CHECK_LIST)
    if in_full:
        await incidents.viewed(s, actor, "issuance_people", "issuance", issuance_id)
    items = [one if in_full else one.masked() for one in lines[:size]]
    more = items[-1].number if len(lines) > size else None
    return Page(items, more, items[0].number if items and items[0].row > 1 else None)


@dataclass(frozen=True, slots=True)
class SignedLine:
    """A line as it is signed, with the salt of its `id_hash` (hex; "" in form 1)."""

    line: Line
    salt: str


@dataclass(frozen=True, slots=True)
class Roll:
    """A whole list with what stands above it; with the signed lines by number, if salts are for whoever asked."""

    batch: BatchSummary
    people: tuple[Listed, ...]
    signed: Mapping[str, SignedLine] = field(default_factory=dict)


async def roll(clock: Clock, keys: Keys, issuance_id: int, *, given_as: str, actor: Actor) -> Roll:
    """The whole list in full, for a workbook or for paper; who took it is in the audit trail.

    A workbook for the school's own account has the salts: with them, hash and mask tell the identity number to whoever
    tries all that are possible, so they are for those alone who have the numbers anyway.

    Args:
        given_as: `xlsx` or `print`, for the trail.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found").
    """
    roles.require(actor, Verb.CHECK_LIST)
    issuance = await _batch(clock, issuance_id, actor)
    lines = await roster_query.lines(keys, issuance_id)
    signed: dict[str, SignedLine] = {}
    if given_as == "xlsx" and is_school(actor):
        for one in await roster_query.reserved(issuance_id):
            signed[one.number] = SignedLine(Line.from_bytes(one.line), one.salt(keys))
    await _record_taking(clock, issuance_id, given_as, len(lines), actor)
    return Roll(summary_of(issuance, clock.now()), tuple(lines), signed)


async def canonical_list(clock: Clock, issuance_id: int, *, actor: Actor) -> bytes:
    """The very bytes whose SHA-256 is the digest that the officer signs; the same for ever, also after a revocation.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found") · OutsideFailure: the stored lines are no longer
        those of the stored digest.
    """
    roles.require(actor, Verb.CHECK_LIST)
    issuance = await _batch(clock, issuance_id, actor)
    stored = await roster_query.reserved(issuance_id)
    if roster.stored_digest(stored) != bytes(issuance.list_sha256 or b""):
        raise OutsideFailure("批次的名单与其校验码不一致")
    await _record_taking(clock, issuance_id, "json", len(stored), actor)
    return roster.canonical_of((one.number, one.line) for one in stored)


async def _record_taking(clock: Clock, issuance_id: int, given_as: str, count: int, actor: Actor) -> None:
    became = {"as": given_as, "count": count}
    await audit_log.record(clock, actor, "issuance.list", "issuance", issuance_id, became=became)
