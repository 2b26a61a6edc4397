"""证书生成中 (S88–S90): every certificate drawn and sealed once, in slices, through any kill.

The order for each: store what will be printed and its SHA-256 → claim it for some seconds → draw and seal → keep the
file → store the file's SHA-256. No transaction is open and no row is locked while it is drawn: a process that is frozen
or cut off loses its claim by the database's clock, and another goes on. The file stands under a key made of number and
claims, the first one kept there stays, and everybody adopts it: whoever comes back late changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from server.domain import freshness
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.certificates import files, supersession
from server.domain.certificates import transitions as certificate_transitions
from server.domain.certificates.claims import Line, complete, encode_code
from server.domain.certificates.states import UNSEALED, CertificateState
from server.domain.events import publish
from server.domain.fault_points import transaction
from server.domain.issuance import announcements, certificate_query, facts, preparing
from server.domain.issuance.certificate_query import Claimed
from server.domain.issuance.states import BY_NAME, BatchState
from server.domain.issuance.transitions import advance, locked, tell_state
from server.domain.ports import Clock, EventBus, FaultInjector, Queue, Services
from server.domain.public_log import log_state
from server.errors import OutsideFailure, Refused
from server.models import Certificate, Issuance

log = logging.getLogger("xcert.generation")

SLICE = 50
CORRECTED = "corrections.complete"  # the job that ends the cases of a batch of one
AT_ONCE = 2  # certificates under way in one process
TOLD_EVERY = 10  # certificates between two progress events
CLAIM_SECONDS = (
    20.0  # to draw, seal and keep one certificate takes well under one; late means: another may do it, too
)


async def generate(s: Services, *, issuance_id: int, ids: list[int]) -> None:
    """Make the certificates of one slice. Job `issuance.generate`; safe to repeat, at once or later.

    A certificate that fails keeps its attempts and the last error, and the sweep tries it again.
    """
    if problem := await log_state.problem(s):  # nothing is sealed that the public log could not tell
        log.error("no certificate is made while the public log stands still: %s", problem)
        await certificate_query.wait_for(ids, problem[:300])
        return
    await _make_all(s, issuance_id, await _draw(s, issuance_id, ids))
    await s.faults.reach("generation.generate: the slice is made")
    if await certificate_query.is_any_claimed(ids):  # somebody else is at it, or died over it
        await put_slice(
            s.queue, issuance_id, list(ids), at=s.clock.now() + timedelta(seconds=CLAIM_SECONDS + 1)
        )
    await _tell_progress(s.event_bus, issuance_id)
    if not await facts.unsealed(issuance_id):
        await s.queue.put(
            "issuance.complete", once=f"issuance.complete:{issuance_id}", issuance_id=issuance_id
        )
        await s.faults.reach("generation.generate: the end is put")


async def _draw(s: Services, issuance_id: int, ids: Sequence[int]) -> list[int]:
    """Store what will be printed on each, before anything is drawn. Returns those that have no sealed file yet."""
    async with transaction(s.faults, "generation.draw"):
        issuance = await Issuance.filter(id=issuance_id, state=BatchState.GENERATING.value).get_or_none()
        if issuance is None or issuance.issued_on is None:
            return []
        waiting = await Certificate.filter(id__in=ids, state=CertificateState.RESERVED.value).order_by(
            "number"
        )
        written = [complete(Line.from_bytes(bytes(c.line)), issuance.issued_on) for c in waiting]
        drawn = await certificate_transitions.advance(
            "draw",
            [c.id for c in waiting],
            issuance_id=issuance_id,
            changes={
                "claims": [claims.to_bytes() for claims in written],
                "claims_sha256": [claims.sha256() for claims in written],
                "code": [encode_code(s.keys, claims) for claims in written],
            },
        )
        await s.faults.reach("generation.draw: the claims are stored")
        if drawn:
            became = {
                "state": CertificateState.DRAWING.value,
                "numbers": drawn,
            }
            was = {"state": CertificateState.RESERVED.value}
            await audit_log.record(
                s.clock, SYSTEM, "certificate.draw", "issuance", issuance_id, was=was, became=became
            )
    unsealed = await Certificate.filter(id__in=ids, state=CertificateState.DRAWING.value).order_by("number")
    return [certificate.id for certificate in unsealed]


async def _make_all(s: Services, issuance_id: int, ids: Sequence[int]) -> None:
    """Every one of them, two at a time: while one is drawn, the database and the disk have the other."""
    waiting = enumerate(ids, 1)

    async def lane() -> None:
        for done, certificate_id in waiting:
            await _make(s, certificate_id)
            if done % TOLD_EVERY == 0:
                await _tell_progress(s.event_bus, issuance_id)

    lanes = [asyncio.create_task(lane()) for _ in range(AT_ONCE)]
    try:
        for ended in asyncio.as_completed(lanes):
            await ended
    finally:  # what ends one lane ends both
        for one in lanes:
            one.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


async def _make(s: Services, certificate_id: int) -> None:
    """One certificate, unless it is sealed already or another process is at it."""
    claim = secrets.token_hex(8)
    work = await certificate_query.claim(certificate_id, claim, CLAIM_SECONDS)
    if work is None:
        return
    try:
        is_ours = await _record(s.clock, s.faults, work, await _sealed(s, work))
        if not is_ours and await Certificate.filter(id=work.id, state=CertificateState.VOID.value).exists():
            await s.file_store.delete(work.key)  # its holder was erased meanwhile
    except Exception as error:
        log.warning("certificate %s was not made: %s", certificate_id, type(error).__name__, exc_info=error)
        await _failed(certificate_id, claim, error)


async def _failed(certificate_id: int, claim: str, error: Exception) -> None:
    """Keep why, and let go, so that the next try need not wait."""
    is_ours = isinstance(error, Refused | OutsideFailure)
    sentence = str(error) if is_ours else f"生成时遇到意外问题（{type(error).__name__}）"
    await certificate_query.let_go(certificate_id, claim, sentence[:300])


async def _sealed(s: Services, work: Claimed) -> bytes:
    """The file that stands for this certificate: drawn and sealed now, or kept by whoever was quicker or died."""
    if work.was_tried and await s.file_store.exists(work.key):  # by a process that died before it said so
        pdf = await s.file_store.get(work.key)
    else:
        page = await files.drawn_up(
            s, claims=work.claims, code=work.code, id_sealed=work.id_sealed, photo_key=work.photo_key
        )
        pdf = await s.pdf_renderer.make(page)
        await s.faults.reach("generation.seal: drawn and sealed")
        pdf = await s.file_store.put_once(work.key, pdf)
    await s.faults.reach("generation.seal: the file is kept")
    return pdf


async def _record(clock: Clock, faults: FaultInjector, work: Claimed, pdf: bytes) -> bool:
    """Store the file's SHA-256, if the claim is still ours or nobody has come since. False: it is not ours any more."""
    digest = hashlib.sha256(pdf).digest()
    async with transaction(faults, "generation.seal"):
        written = await certificate_transitions.advance(
            "seal",
            [work.id],
            claimed_by=work.claimed_by,
            changes={
                "pdf_key": [work.key],
                "pdf_sha256": [digest],
                "sealed_at": [clock.now()],
                "last_error": [""],
                "claimed_until": [None],
            },
        )
        if not written:
            log.warning("certificate %s was made by another meanwhile", work.id)
            return False
        await faults.reach("generation.seal: its digest is stored")
        became = {
            "state": CertificateState.VALID.value,
            "claims_sha256": work.claims_sha256.hex(),
            "pdf_sha256": digest.hex(),
        }
        was = {"state": CertificateState.DRAWING.value}
        await audit_log.record(
            clock, SYSTEM, "certificate.seal", "certificate", work.number, was=was, became=became
        )
    return True


async def _tell_progress(event_bus: EventBus, issuance_id: int) -> None:
    await publish(event_bus, issuance_id, "progress", **asdict(await certificate_query.progress(issuance_id)))


async def finish(s: Services, *, issuance_id: int) -> None:
    """已发放, once every certificate is sealed; holders are told by jobs. Job `issuance.complete`.

    Returns quietly when it is done already or something is still to be made.
    """
    async with transaction(s.faults, "generation.finish"):
        issuance = await locked(issuance_id)
        step, known = BY_NAME["complete"], await facts.of_worker(issuance)
        if BatchState(issuance.state) is not step.source or step.refusal(known) is not None:
            return
        now = s.clock.now()
        await advance(
            s,
            issuance,
            "complete",
            known,
            actor=SYSTEM,
            changes=_ending(issuance, now),
            became={"count": issuance.count},
        )
        await s.faults.reach("generation.finish: before the jobs")
        if issuance.corrects_id is not None:
            await _supersede(s, issuance, issuance.corrects_id)
        else:
            await announcements.put(s.queue, issuance_id)
        await s.faults.reach("generation.finish: the announcement is put")
        await freshness.changed()
    await tell_state(s.event_bus, issuance)


def _ending(issuance: Issuance, now: datetime) -> dict[str, datetime]:
    """A correction's holder is told by the case, of the old certificate and the new one together."""
    return {"issued_at": now} | ({"announced_at": now} if issuance.corrects_id is not None else {})


async def _supersede(s: Services, issuance: Issuance, old_id: int) -> None:
    """No moment without a valid certificate, and none with two that are shown (S68)."""
    await supersession.supersede(s.clock, s.faults, old_id, issuance.id, issuance.correction_word)
    await s.queue.put(CORRECTED, once=f"{CORRECTED}:{issuance.id}", issuance_id=issuance.id)


def slices(ids: Sequence[int]) -> list[list[int]]:
    """Parts of ≤ 50, the same whenever a batch's certificates are cut, so that a part waits in the queue once."""
    return [list(ids[start : start + SLICE]) for start in range(0, len(ids), SLICE)]


async def put_slice(queue: Queue, issuance_id: int, ids: list[int], *, at: datetime | None = None) -> None:
    """Put the job that makes one slice, in the caller's transaction; not before `at`."""
    once = f"issuance.generate:{issuance_id}:{ids[0]}"
    await queue.put("issuance.generate", at=at, once=once, issuance_id=issuance_id, ids=ids)


async def sweep(s: Services) -> None:
    """Find what was lost: slices to be made, batches to be finished, people to be told. Sweep `issuance.sweep`."""
    for issuance in await Issuance.filter(state=BatchState.GENERATING.value).order_by("id"):
        living = (
            Certificate.filter(issuance_id=issuance.id)
            .exclude(state=CertificateState.VOID.value)
            .order_by("number")
        )
        states = {int(str(one)): state for one, state in await living.values_list("id", "state")}
        lost = [part for part in slices(list(states)) if any(states[one] in UNSEALED for one in part)]
        for part in lost:
            await put_slice(s.queue, issuance.id, part)
        if not lost:
            await _put_finish(s.queue, issuance.id)
    await announcements.sweep(s)
    await preparing.sweep(s)


async def _put_finish(queue: Queue, issuance_id: int) -> None:
    await queue.put("issuance.complete", once=f"issuance.complete:{issuance_id}", issuance_id=issuance_id)
