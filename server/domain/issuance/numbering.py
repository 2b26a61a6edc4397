"""A batch's certificates brought in step with its list: numbers reserved without gaps, and never given twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.domain import beijing
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.certificates.claims import number_of
from server.domain.certificates.states import UNSEALED
from server.domain.certificates.transitions import advance
from server.domain.issuance import certificate_query, roster, roster_query
from server.domain.issuance.roster import Entry
from server.domain.issuance.roster_query import Frame, Reserved
from server.domain.ports import Clock, FaultInjector, Services
from server.errors import Refused
from server.models import Certificate, Issuance

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What bringing the list up to date changed."""

    kept: int
    added: tuple[str, ...]  # new numbers
    voided: tuple[str, ...]  # numbers that never come again
    digest: bytes

    @property
    def is_changed(self) -> bool:
        return bool(self.added or self.voided)


async def reserve(clock: Clock, frame: Frame, count: int) -> list[str]:
    """The next `count` numbers of this Beijing year, kind and level, in the caller's transaction.

    The series' row is locked by its UPDATE until the caller commits; a rollback gives the serials back, so that
    there are neither doubles nor gaps.

    Raises:
        Refused("numbers_exhausted"): 99,999,999 certificates of one kind and level in one year.
    """
    if count == 0:
        return []
    year = f"{beijing.day(clock.now()):%y}"
    last = await certificate_query.take_serials(f"{year}{frame.kind_code}{frame.level.code}", count)
    if last >= 10**8:
        raise Refused("numbers_exhausted", "本年度这一等级的证书编号已用完，请联系管理员。")
    return [
        number_of(year, frame.kind_code, frame.level, serial) for serial in range(last - count + 1, last + 1)
    ]


async def refresh(s: Services, issuance: Issuance, *, actor: Actor) -> Refreshed:
    """Bring the certificates of a locked, prepared batch in step with today's data.

    Who is unchanged keeps the certificate and its number; a changed or removed line is voided and its number never
    comes again; new lines get new numbers. Digest and count are stored, and one audit row says what changed.
    """
    old = {one.registration_id: one for one in await roster_query.reserved(issuance.id)}
    frame, entries, _ = await roster.drawn_up(s.settings, s.keys, s.pdf_renderer, issuance, old)
    staying = {e.registration_id for e in entries if e.is_said_by(old.get(e.registration_id))}
    staying_rows = [one for one in old.values() if one.registration_id in staying]
    voided = [one for one in old.values() if one.registration_id not in staying]
    await _void(voided)
    await s.faults.reach("numbering.refresh: the old lines are void")
    added = await _add(s, issuance, frame, [e for e in entries if e.registration_id not in staying])
    await s.faults.reach("numbering.refresh: the new lines are reserved")
    lines = [(one.number, one.line) for one in staying_rows] + [
        (one.number, bytes(one.line)) for one in added
    ]
    digest = roster.digest_of(lines)
    out = Refreshed(
        len(staying_rows), tuple(c.number for c in added), tuple(c.number for c in voided), digest
    )
    if out.is_changed or issuance.list_sha256 is None or bytes(issuance.list_sha256) != digest:
        await _store(s.clock, s.faults, issuance, out, actor=actor)
    return out


async def drop(s: Services, issuance: Issuance, candidate_id: int) -> tuple[str, ...]:
    """Take what is not sealed of one person off the list of a locked batch, in whatever state; the rest stays as it is.

    Returns: the numbers that are void now.
    """
    unsealed = Certificate.filter(issuance_id=issuance.id, candidate_id=candidate_id, state__in=UNSEALED)
    ids = [int(str(one)) for one in await unsealed.values_list("id", flat=True)]
    dropped = tuple(await advance("drop", ids, issuance_id=issuance.id)) if ids else ()
    if dropped:
        left = await roster_query.reserved(issuance.id)
        done = Refreshed(len(left), (), dropped, roster.stored_digest(left))
        await _store(s.clock, s.faults, issuance, done, actor=SYSTEM)
    return dropped


async def _void(certificates: Sequence[Reserved]) -> None:
    ids = [c.id for c in certificates]
    for start in range(0, len(ids), _BATCH):
        await advance("void", ids[start : start + _BATCH])


async def _add(s: Services, issuance: Issuance, frame: Frame, entries: Sequence[Entry]) -> list[Certificate]:
    numbers = await reserve(s.clock, frame, len(entries))
    await s.faults.reach("numbering.refresh: the numbers are taken")
    certificates = [
        Certificate(
            number=number,
            issuance_id=issuance.id,
            registration_id=entry.registration_id,
            candidate_id=entry.candidate_id,
            line=entry.line(number),
            id_salt_sealed=roster_query.sealed_salt(s.keys, number, entry.salt) if entry.salt else None,
            corrects_id=issuance.corrects_id,
            created_at=s.clock.now(),
        )
        for number, entry in zip(numbers, entries, strict=True)
    ]
    await Certificate.bulk_create(certificates, batch_size=_BATCH)
    return certificates


async def _store(
    clock: Clock, faults: FaultInjector, issuance: Issuance, done: Refreshed, *, actor: Actor
) -> None:
    was = {"count": issuance.count, "list_sha256": bytes(issuance.list_sha256 or b"").hex()}
    count = done.kept + len(done.added)
    await Issuance.filter(id=issuance.id).update(list_sha256=done.digest, count=count)
    await faults.reach("numbering.refresh: the digest is stored")
    became = {
        "count": count,
        "list_sha256": done.digest.hex(),
        "reserved": len(done.added),
        "first": done.added[0] if done.added else "",
        "last": done.added[-1] if done.added else "",
        "voided": list(done.voided),
    }
    await audit_log.record(clock, actor, "issuance.refresh", "issuance", issuance.id, was=was, became=became)
    issuance.list_sha256, issuance.count = done.digest, count
