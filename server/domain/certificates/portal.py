"""The national portal's certificate numbers beside ours (S22, S94): theirs is the authoritative record, both are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from server.domain import freshness, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates import queries
from server.domain.certificates.claims import Line, is_number, tidy_number
from server.domain.fault_points import transaction
from server.domain.people.names import same_name, tidy
from server.domain.ports import Clock, FaultInjector
from server.domain.roles import Verb
from server.errors import Refused

LONGEST = 60


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of the portal's list: our number, theirs, and the holder's name if the list has it."""

    ours: str
    theirs: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a pair is not taken: which of its fields, a stable code, what to do."""

    field: str  # number | portal_number | name
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Standing:
    """What is on record: (portal's number, holder's name) by our number, and who holds which of the portal's."""

    ours: Mapping[str, tuple[str, str]]
    holders: Mapping[str, set[str]]


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a list comes to. `changes` holds (was, becomes) by our number; `objections` by place in the list."""

    unchanged: int
    changes: Mapping[str, tuple[str, str]]
    objections: Mapping[int, Objection]


def our_number(text: str) -> str:
    """Our number as it is kept. Raises Refused("number_form")."""
    number = tidy_number(tidy(text))
    if not is_number(number):
        raise Refused("number_form", "证书编号不完整或有误，请按证书上的编号填写。")
    return number


def their_number(text: str) -> str:
    """The portal's number, whatever its form, without spaces around. Raises Refused("portal_number_form")."""
    number = tidy(text)
    if not 0 < len(number) <= LONGEST or not number.isprintable() or number.startswith("="):
        raise Refused("portal_number_form", f"门户证书编号应为1至{LONGEST}个字符，请按门户导出的编号填写。")
    return number


async def standing(pairs: Sequence[Pair]) -> Standing:
    """What is on record about these pairs; the lists of others wait until the caller's transaction ends."""
    await queries.hold_portal_numbers()
    ours = await queries.numbered([pair.ours for pair in pairs])
    return Standing(
        {one.number: (one.portal_number, Line.from_bytes(one.line).name) for one in ours},
        await queries.holders([pair.theirs for pair in pairs]),
    )


def weigh(pairs: Mapping[int, Pair], on_record: Standing) -> Weighed:
    """Every pair against the others and the records: taken, the same already, or objected to."""
    unchanged = 0
    changes: dict[str, tuple[str, str]] = {}
    objections: dict[int, Objection] = {}
    by_ours: dict[str, set[str]] = {}
    by_theirs: dict[str, set[str]] = {}
    for pair in pairs.values():
        by_ours.setdefault(pair.ours, set()).add(pair.theirs)
        by_theirs.setdefault(pair.theirs, set()).add(pair.ours)
    for place, pair in pairs.items():
        if (why := _objection(pair, on_record, by_ours, by_theirs)) is not None:
            objections[place] = why
    refused = {pairs[place].ours for place in objections}
    for place, pair in pairs.items():
        if place in objections:
            continue
        others = on_record.holders.get(pair.theirs, set()) - {pair.ours}
        if any(one not in by_ours or one in refused for one in others):  # who gets another number gives it up
            objections[place] = Objection(
                "portal_number",
                "portal_number_taken",
                "这个门户证书编号已登记在另一份证书上；请把那一份也放进清单一起更正，或核对编号。",
            )
        elif on_record.ours[pair.ours][0] == pair.theirs or pair.ours in changes:
            unchanged += 1
        else:
            changes[pair.ours] = (on_record.ours[pair.ours][0], pair.theirs)
    return Weighed(unchanged, changes, objections)


def _objection(
    pair: Pair, on_record: Standing, by_ours: dict[str, set[str]], by_theirs: dict[str, set[str]]
) -> Objection | None:
    if pair.ours not in on_record.ours:
        return Objection("number", "number_unknown", "本系统没有发放过这个编号的证书，请与门户核对。")
    if pair.name and not same_name(pair.name, on_record.ours[pair.ours][1]):
        return Objection("name", "name_differs", "姓名与本系统这份证书的持证人不一致，请与门户核对。")
    if len(by_ours[pair.ours]) > 1:
        return Objection(
            "portal_number", "number_twice", "同一证书编号出现了不同的门户证书编号，请只保留正确的。"
        )
    if len(by_theirs[pair.theirs]) > 1:
        return Objection(
            "portal_number", "portal_number_twice", "同一门户证书编号用在了不同的证书上，请核对。"
        )
    return None


async def write(clock: Clock, faults: FaultInjector, weighed: Weighed, *, actor: Actor) -> None:
    """Keep the changes and say so in the audit trail, in the caller's transaction."""
    changes = weighed.changes
    await queries.write_portal_numbers(list(changes), [becomes for _, becomes in changes.values()])
    await faults.reach("portal.write: the numbers are written")
    trail = [
        (ours, {"portal_number": was}, {"portal_number": becomes}) for ours, (was, becomes) in changes.items()
    ]
    await audit_log.record_many(clock, actor, "certificate.portal", "certificate", trail)


async def record(clock: Clock, faults: FaultInjector, pairs: Iterable[Pair], *, actor: Actor) -> Weighed:
    """Reconcile a list at once. Rows that are objected to are left out; the same list again changes nothing.

    Args:
        pairs: as `our_number` and `their_number` made them.

    Raises:
        Forbidden("role_not_allowed").
    """
    roles.require(actor, Verb.IMPORT)
    by_place = dict(enumerate(pairs))
    async with transaction(faults, "portal.record"):
        weighed = weigh(by_place, await standing(list(by_place.values())))
        if weighed.changes:
            await write(clock, faults, weighed, actor=actor)
            await freshness.changed()
    return weighed


async def without_number() -> int:
    """How many issued certificates the portal has not numbered yet, as far as we know."""
    return await queries.without_portal_number()
