"""Refunds by bank of what a school transferred: one of finance records what the bank has paid back, with its proof;
another approves, and the order, its fees and the books say so.

WeChat Pay cannot give back what it never had. Until the approval nothing is changed; the account that the bank paid to
is kept nowhere but in the sealed proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.payments import (
    bank_proofs,
    bank_refund_transitions,
    bank_slips,
    fees,
    ledger,
    order_transitions,
)
from server.domain.payments.bank_proofs import Proof
from server.domain.payments.bank_refund_states import (
    STEPS,
    BankRefundFacts,
    BankRefundState,
    no_more_than_is_left,
    the_bank_was_paid,
)
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import BY_BANK, OrderFacts, OrderState
from server.domain.payments.order_states import STEPS as ORDER_STEPS
from server.domain.people import same_person
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, FaultInjector, Services
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid
from server.models import BankRefund, BankTransfer, FeeOrder
from server.models.database import breaks, rows

SHORTEST_REASON, LONGEST_REASON = 4, 80
# Those that wait: whoever records another holds the order, so that none comes in between.
_WAITING = """
SELECT COALESCE(sum(amount_fen), 0)::bigint AS fen FROM bank_refund WHERE order_id = $1 AND state = $2 AND id <> $3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBankRefund:
    """What the bank says it has paid back.

    Attributes:
        amount_fen: all of the order, or a part; the rest may follow.
        paid_on: in Beijing.
        bank_reference: the bank's number of it; blanks and small letters make no other number.
        reason: the school sees it; no names in it.
        proof: the file, of at most `bank_proofs.LARGEST` bytes.
    """

    order_id: int
    amount_fen: int
    paid_on: date
    bank_reference: str
    reason: str
    proof: bytes


async def record(s: Services, wanted: NewBankRefund, *, actor: Actor) -> BankRefund:
    """Record it; nothing is changed by it until somebody else approves.

    Raises:
        Forbidden: role_not_allowed. NotFound: order_unknown.
        Invalid: /amount_fen, /paid_on, /bank_reference, /reason, /file.
        Conflict: paid_by_wechat; order_moved; bank_refund_known — the bank's number is recorded already.
        OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.RECORD_BANK_REFUND)
    reference, reason = _checked(wanted)
    try:
        async with bank_proofs.kept(s, wanted.proof, of=BankRefund) as proof:
            await s.faults.reach("bank_refunds.record: the proof is kept")
            async with transaction(s.faults, "bank_refunds.record"):
                return await _recorded(s.clock, wanted, (reference, reason), proof, actor)
    except IntegrityError as error:
        if not breaks(error, "bank_refund_reference"):
            raise
        message = f"流水号 {reference} 的银行退款已经登记过，请勿重复登记；登记有误的，请先撤回那一笔。"
        raise Conflict("bank_refund_known", message) from error


async def _recorded(
    clock: Clock, wanted: NewBankRefund, said: tuple[str, str], proof: Proof, actor: Actor
) -> BankRefund:
    order = await order_transitions.locked(order_id=wanted.order_id)
    facts = await _facts(order, wanted.amount_fen)
    if (against := STEPS["approve"].refusal(facts, only=(the_bank_was_paid,))) is not None:
        raise against.as_refusal()
    state = OrderState(order.state)
    if state not in ORDER_STEPS["return_part"].sources:
        raise Conflict("order_moved", f"这个订单现在是“{state.label}”，不能登记银行退款；请刷新后再看。")
    await _check_day(clock, order, wanted.paid_on)
    if (against := STEPS["approve"].refusal(facts, only=(no_more_than_is_left,))) is not None:
        raise against.as_refusal()
    reference, reason = said
    assert order.school_id is not None  # a transfer is a school's, the database sees to it
    refund = await BankRefund.create(
        order_id=order.id,
        school_id=order.school_id,
        amount_fen=wanted.amount_fen,
        paid_on=wanted.paid_on,
        bank_reference=reference,
        reason=reason,
        proof_key=proof.key,
        proof_kind=proof.kind,
        proof_sha256=proof.sha256,
        recorded_by=actor.id,
        recorded_by_name=actor.name,
        recorded_at=clock.now(),
    )
    became = {"order": order.id, "amount_fen": wanted.amount_fen, "reason": reason}
    await audit_log.record(clock, actor, "bank_refund.record", "bank_refund", refund.id, became=became)
    return refund


async def approve(clock: Clock, faults: FaultInjector, bank_refund_id: int, *, actor: Actor) -> None:
    """The school has it: the order says so, its fees are given back once all of it is, and the books are written.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: bank_refund_unknown. Conflict: bank_refund_moved.
        Invalid: /amount_fen, it is more than is left.
    """
    roles.require(actor, Verb.APPROVE_BANK_REFUND)
    order_id = await _order_of(bank_refund_id)
    async with transaction(faults, "bank_refunds.approve"):
        order = await order_transitions.locked(order_id=order_id)
        refund = await bank_refund_transitions.locked(bank_refund_id)
        facts = await _facts(order, refund.amount_fen, refund, actor)
        await bank_refund_transitions.advance(clock, refund, "approve", facts, actor=actor)
        await faults.reach("bank_refunds.approve: the refund is approved")
        await _give_back(clock, order, refund.amount_fen, actor)
        await faults.reach("bank_refunds.approve: the order is given back")
        entries = {Account.INCOME: refund.amount_fen, Account.BANK: -refund.amount_fen}
        await ledger.post(clock, f"bank_refund:{refund.id}", order.id, entries)


async def decline(clock: Clock, bank_refund_id: int, *, actor: Actor) -> None:
    """Nothing is changed. Raises Forbidden: role_not_allowed, same_person; NotFound; Conflict: bank_refund_moved."""
    roles.require(actor, Verb.APPROVE_BANK_REFUND)
    await _end(clock, bank_refund_id, "decline", actor)


async def withdraw(clock: Clock, bank_refund_id: int, *, actor: Actor) -> None:
    """It was recorded wrongly. Raises Forbidden: role_not_allowed, not_the_recorder; NotFound; Conflict."""
    roles.require(actor, Verb.RECORD_BANK_REFUND)
    await _end(clock, bank_refund_id, "withdraw", actor)


async def _end(clock: Clock, bank_refund_id: int, name: str, actor: Actor) -> None:
    async with in_transaction():
        refund = await bank_refund_transitions.locked(bank_refund_id)
        await bank_refund_transitions.advance(clock, refund, name, await _who(refund, actor), actor=actor)


async def _give_back(clock: Clock, order: FeeOrder, fen: int, actor: Actor) -> None:
    back = order.refunded_fen + fen
    is_all = back == order.total_fen
    facts = OrderFacts(
        is_seen_by_two=True, is_in_bank=order.way == BY_BANK, total_fen=order.total_fen, refunded_fen=back
    )
    name = "return_all" if is_all else "return_part"
    await order_transitions.advance(clock, order, name, facts, actor=actor, changes={"refunded_fen": back})
    if is_all:
        await fees.give_back(order.id)


async def _order_of(bank_refund_id: int) -> int:
    """The order is locked before its refund, by everybody, so that nobody waits in a circle."""
    refund = await BankRefund.filter(id=bank_refund_id).first()
    if refund is None:
        raise bank_refund_transitions.unknown()
    return refund.order_id


async def _facts(
    order: FeeOrder, amount_fen: int, refund: BankRefund | None = None, actor: Actor | None = None
) -> BankRefundFacts:
    """In the caller's transaction, which holds the order."""
    own = 0 if refund is None else refund.id
    [waiting] = await rows(_WAITING, order.id, BankRefundState.RECORDED.value, own)
    who = BankRefundFacts() if refund is None or actor is None else await _who(refund, actor)
    return BankRefundFacts(
        is_another=who.is_another,
        is_recorder=who.is_recorder,
        is_paid_by_bank=order.way == BY_BANK,
        amount_fen=amount_fen,
        left_fen=order.total_fen - order.refunded_fen - int(waiting["fen"]),
    )


async def _who(refund: BankRefund, actor: Actor) -> BankRefundFacts:
    return BankRefundFacts(
        is_another=await same_person.is_another(actor, refund.recorded_by),
        is_recorder=refund.recorded_by == actor.id,
    )


def _checked(wanted: NewBankRefund) -> tuple[str, str]:
    """The bank's number and the reason as they are kept. Raises Invalid."""
    wrong: list[FieldError] = []
    reference = bank_slips.reference(wanted.bank_reference)
    if not reference:
        wrong.append(bank_slips.not_a_reference())
    reason = clean_reason(wanted.reason)
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        message = f"请写明退款原因，{SHORTEST_REASON} 到 {LONGEST_REASON} 个字；院校会看到。"
        wrong.append(FieldError("/reason", "reason_length", message))
    if wrong:
        raise Invalid(errors=wrong)
    return reference, reason


async def _check_day(clock: Clock, order: FeeOrder, paid_on: date) -> None:
    """The bank gives back nothing before it has it."""
    transfer = await BankTransfer.get(order_id=order.id)
    if not transfer.received_on <= paid_on <= beijing.day(clock.now()):
        came = beijing.say_day(transfer.received_on)
        message = f"退款日期不能早于这笔款的到账日期（{came}），也不能晚于今天，请核对。"
        raise Invalid(errors=[FieldError("/paid_on", "date_range", message)])
