"""Erasing a candidate's personal data (PIPL Art. 47): asked for with the person's written request, approved by another.

Approving takes everything out of the database in one transaction; files are deleted by a job after it, so that a
process that dies leaves either nothing changed or a list of files that the sweep goes on with.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

from tortoise.exceptions import IntegrityError

from server.domain import beijing, freshness, roles
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.freshness import scope_of
from server.domain.people import bindings, ended_sessions
from server.domain.people.free_text import clean_reason
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import ALL
from server.domain.privacy import (
    erasure_facts,
    erasure_register,
    other_people,
    personal_copy,
    subjects,
    wiping,
)
from server.domain.privacy.erasure_transitions import advance, locked, require_at
from server.domain.privacy.personal_copy import Asked
from server.domain.privacy.states import UNDER_WAY_GUARDS, ErasureState, Standing
from server.domain.privacy.subjects import Subject
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, OutsideFailure
from server.models import Erasure
from server.models.database import breaks

JOB = "privacy.delete_files"
LOOKED_AFTER = timedelta(hours=1)  # no request draws for so long


async def ask(s: Services, who: int | Subject, asked: Asked, *, actor: Actor) -> int:
    """Ask that a person be erased; the case's number. Nothing changes until somebody else approves.

    Args:
        who: a number alone is a candidate's.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /asked_on, /reason · NotFound: the kind's ·
        Conflict: erased, erasure_open, and what is under way (`states`), so that nobody asks in vain.
    """
    of = subjects.candidate(who)
    subjects.require(actor, of, Verb.ASK_ERASURE)
    asked = personal_copy.clean(asked, beijing.day(s.clock.now()))
    if (await subjects.look(of)).erased_at is not None:
        raise _erased_already(of)
    _refuse_under_way(await erasure_facts.under_way(of, Standing()))
    try:
        async with transaction(s.faults, "erasing.ask"):
            if (await subjects.hold(of)).erased_at is not None:
                raise _erased_already(of)
            row = Erasure(
                asked_on=asked.on,
                reason=asked.reason,
                requested_by=actor.id,
                requested_by_name=actor.name,
                requested_at=s.clock.now(),
            )
            setattr(row, of.column, of.id)
            await row.save()
            became = {"asked_on": asked.on.isoformat(), "reason": asked.reason}
            await audit_log.record(s.clock, actor, "erasure.request", of.of.table, of.id, became=became)
    except IntegrityError as error:
        if not (
            breaks(error, "erasure_open")
            or breaks(error, "erasure_open_officer")
            or breaks(error, "erasure_open_staff")
            or breaks(error, "erasure_open_enrolment")
        ):
            raise
        raise Conflict("erasure_open", f"这位{of.of.label}已有一项删除待批准，请先处理那一项。") from error
    return int(row.id)


def _erased_already(of: Subject) -> Conflict:
    return Conflict("erased", f"这位{of.of.label}的个人信息已经删除，不用再办理。")


def _refuse_under_way(known: Standing) -> None:
    for guard in UNDER_WAY_GUARDS:
        if (reason := guard(known)) is not None:
            raise reason.as_refusal()


async def approve(s: Services, erasure_id: int, *, actor: Actor) -> ErasureState:
    """Take the person out of the database now; their files follow within a minute.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: erasure_unknown.
        Conflict: erasure_moved, and what is under way.
    """
    roles.require(actor, Verb.APPROVE_ERASURE)
    async with transaction(s.faults, "erasing.approve"):
        row = await locked(erasure_id)
        of = subjects.of_case(row)
        subjects.require(actor, of, Verb.APPROVE_ERASURE)
        require_at(row, "approve")
        await subjects.hold(of)
        known = await erasure_facts.under_way(of, await erasure_facts.people(row, actor))
        await advance(s.clock, row, "approve", known, actor=actor)
        await s.faults.reach("erasing.approve: the case is approved")
        ended = await take_out(s, row)
    forget(s, ended)
    return ErasureState(row.state)


async def take_out(s: Services, row: Erasure) -> list[tuple[WeChatIdentity, int]]:
    """Everything of the person out of the database, in the caller's transaction that holds them; files follow by the job.

    Returns: whose sessions have ended, and when; for `forget`, once that is committed.
    """
    of = subjects.of_case(row)
    if of.kind == "candidate":
        bound = [WeChatIdentity(*one) for one in await wiping.bound_to(of.id)]
        await Erasure.filter(id=row.id).update(files=await wiping.files(of.id))
        await wiping.wipe(s.keys, of.id, s.clock.now())
    else:
        bound = [WeChatIdentity(*one) for one in await other_people.bound_to(of)]
        await other_people.wipe(s.keys, of, s.clock.now())
    await s.faults.reach("erasing.approve: the record is erased")
    await s.queue.put(JOB, erasure_id=row.id, once=f"{JOB}:{row.id}")
    ends = [await ended_sessions.write(s.clock, s.keys, one) for one in bound]
    await freshness.tell(*(scope_of(one.account, one.openid) for one in bound), ALL)
    return list(zip(bound, ends, strict=True))


def forget(s: Services, ended: Iterable[tuple[WeChatIdentity, int]]) -> None:
    """This process knows at once that these people's sessions are over."""
    for one, moment in ended:
        ended_sessions.remember(s.keys, s.session_memory, one, moment)
        bindings.forget(s.lookup_watch, one)


async def refuse(s: Services, erasure_id: int, note: str, *, actor: Actor) -> ErasureState:
    """Erase nothing, and say why. Raises as `approve`; Invalid: /note."""
    roles.require(actor, Verb.APPROVE_ERASURE)
    clean = clean_reason(note)
    if not clean:
        raise Invalid(errors=[FieldError("/note", "missing", "请写明不批准的原因。")])
    return await _end(s, erasure_id, "refuse", Verb.APPROVE_ERASURE, actor, note=clean)


async def withdraw(s: Services, erasure_id: int, *, actor: Actor) -> ErasureState:
    """Take back what one asked for. Raises Forbidden: role_not_allowed, not_yours; NotFound; Conflict."""
    roles.require(actor, Verb.ASK_ERASURE)
    return await _end(s, erasure_id, "withdraw", Verb.ASK_ERASURE, actor)


async def _end(
    s: Services, erasure_id: int, name: str, verb: Verb, actor: Actor, *, note: str = ""
) -> ErasureState:
    async with transaction(s.faults, f"erasing.{name}"):
        row = await locked(erasure_id)
        subjects.require(actor, subjects.of_case(row), verb)
        await advance(s.clock, row, name, await erasure_facts.people(row, actor), actor=actor, note=note)
    return ErasureState(row.state)


async def delete_files(s: Services, erasure_id: int) -> None:
    """Put the erasure on the register, delete what is left of its files, and end it. Job `privacy.delete_files`.

    Safe to repeat. It does not end before the register has it in every place: a backup that is put back would undo it.
    """
    row = await Erasure.get_or_none(id=erasure_id)
    if row is None or ErasureState(row.state) is not ErasureState.UNDER_WAY:
        return
    entries = await erasure_register.approved(erasure_id)
    await erasure_register.write(s.keys, s.file_store, entries)
    await s.faults.reach("erasing.delete_files: it is on the register")
    for key in row.files:
        await s.file_store.delete(key)
        await s.faults.reach("erasing.delete_files: a file is gone")
    for place in erasure_register.places(s)[1:]:
        await erasure_register.write(s.keys, place, entries)
    async with transaction(s.faults, "erasing.complete"):
        row = await locked(erasure_id)
        if ErasureState(row.state) is not ErasureState.UNDER_WAY:
            return
        await Erasure.filter(id=row.id).update(files=[])  # names of files are the person's, too
        await advance(s.clock, row, "complete", replace(Standing(), files=0), actor=SYSTEM)


async def sweep(s: Services) -> None:
    """Go on with erasures whose job was lost. Sweep `privacy.erasures`.

    For a while pictures are deleted again: a process that drew one may have died before it saw that its holder is erased.
    """
    for key in await wiping.pictures(s.clock.now() - LOOKED_AFTER):
        await s.file_store.delete(key)
    failed = None
    for row in await Erasure.filter(state=ErasureState.UNDER_WAY.value).only("id"):
        try:
            await delete_files(s, erasure_id=row.id)
        except OutsideFailure as failure:  # a place that is away is away for all; the rest of each is done
            failed = failure
    if failed is not None:
        raise failed
