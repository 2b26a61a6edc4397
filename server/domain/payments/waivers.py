"""Waivers: one of finance asks that a fee need not be paid, another approves. Until then it is owed as before.

A waived fee is settled by no order. Whoever had the cashier open and pays all the same has it back by itself
(`settlement`).
"""

from __future__ import annotations

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.notices import overtaken
from server.domain.payments import fees, open_orders, waiver_transitions
from server.domain.payments.fee_states import FeeState
from server.domain.payments.payer_notices import due_notice
from server.domain.payments.waiver_states import STEPS, WaiverFacts, the_fee_is_owed
from server.domain.people import same_person
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, FaultInjector, Queue
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import Fee, FeeWaiver
from server.models.database import breaks

SHORTEST_REASON, LONGEST_REASON = 4, 200


async def ask(clock: Clock, fee_id: int, reason: str, *, actor: Actor) -> FeeWaiver:
    """Ask for a fee to be waived; it is owed until somebody else approves.

    Args:
        reason: finance and auditors see it; no names in it.

    Raises:
        Forbidden: role_not_allowed. NotFound: fee_unknown.
        Invalid: /reason. Conflict: fee_not_owed, waiver_open.
    """
    roles.require(actor, Verb.WAIVE)
    kept = clean_reason(reason)
    if not SHORTEST_REASON <= len(kept) <= LONGEST_REASON:
        message = f"请写明减免原因，{SHORTEST_REASON} 到 {LONGEST_REASON} 个字。"
        raise Invalid(errors=[FieldError("/reason", "reason_length", message)])
    try:
        async with in_transaction():
            fee = await _locked_fee(fee_id)
            only = (the_fee_is_owed,)
            if (against := STEPS["approve"].refusal(await _facts(fee), only=only)) is not None:
                raise against.as_refusal()
            waiver = await FeeWaiver.create(
                fee_id=fee.id,
                reason=kept,
                asked_by=actor.id,
                asked_by_name=actor.name,
                asked_at=clock.now(),
            )
            became = {"fee": fee.id, "amount_fen": fee.amount_fen, "reason": kept}
            await audit_log.record(clock, actor, "waiver.ask", "fee_waiver", waiver.id, became=became)
    except IntegrityError as error:
        if not breaks(error, "fee_waiver_open"):
            raise
        raise Conflict("waiver_open", "这项费用已有一项减免待批准，请等它结束后再提出。") from error
    return waiver


async def approve(clock: Clock, queue: Queue, faults: FaultInjector, waiver_id: int, *, actor: Actor) -> None:
    """The fee need not be paid any more; open orders over it are asked to close.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: waiver_unknown.
        Conflict: waiver_moved; fee_not_owed — it was paid in the meantime.
    """
    roles.require(actor, Verb.APPROVE_WAIVER)
    fee_id = await _fee_of(waiver_id)
    async with transaction(faults, "waivers.approve"):
        fee = await _locked_fee(fee_id)
        waiver = await waiver_transitions.locked(waiver_id)
        await waiver_transitions.advance(
            clock, waiver, "approve", await _facts(fee, waiver, actor), actor=actor
        )
        await faults.reach("waivers.approve: the waiver is approved")
        await fees.waive(fee.id)
        await overtaken.stop(clock.now(), [due_notice(fee.id)], "费用已减免")
        await open_orders.ask_to_close(queue, [fee.id])


async def decline(clock: Clock, waiver_id: int, *, actor: Actor) -> None:
    """It is owed as before. Raises Forbidden: role_not_allowed, same_person; NotFound; Conflict: waiver_moved."""
    roles.require(actor, Verb.APPROVE_WAIVER)
    await _end(clock, waiver_id, "decline", actor)


async def withdraw(clock: Clock, waiver_id: int, *, actor: Actor) -> None:
    """Who asked thinks better of it. Raises Forbidden: role_not_allowed, not_the_asker; NotFound; Conflict."""
    roles.require(actor, Verb.WAIVE)
    await _end(clock, waiver_id, "withdraw", actor)


async def _end(clock: Clock, waiver_id: int, name: str, actor: Actor) -> None:
    fee_id = await _fee_of(waiver_id)
    async with in_transaction():
        fee = await _locked_fee(fee_id)
        waiver = await waiver_transitions.locked(waiver_id)
        await waiver_transitions.advance(clock, waiver, name, await _facts(fee, waiver, actor), actor=actor)


async def _locked_fee(fee_id: int) -> Fee:
    fee = await Fee.filter(id=fee_id).select_for_update().first()
    if fee is None:
        raise NotFound("fee_unknown", "没有这项费用，请刷新后重试。")
    return fee


async def _fee_of(waiver_id: int) -> int:
    """The fee is locked before its waiver, by everybody, so that nobody waits in a circle."""
    waiver = await FeeWaiver.filter(id=waiver_id).first()
    if waiver is None:
        raise NotFound("waiver_unknown", "没有这项减免，请刷新后重试。")
    return waiver.fee_id


async def _facts(fee: Fee, waiver: FeeWaiver | None = None, actor: Actor | None = None) -> WaiverFacts:
    if waiver is None or actor is None:
        return WaiverFacts(fee=FeeState(fee.state))
    return WaiverFacts(
        is_another=await same_person.is_another(actor, waiver.asked_by),
        is_asker=waiver.asked_by == actor.id,
        fee=FeeState(fee.state),
    )
