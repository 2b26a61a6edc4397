"""Bank transfers of schools: one of finance records what came, with its proof; another approves, and the fees are paid.

An approved transfer makes an order of its own that is paid in the same moment, settled by the code that settles all
orders; in the books the money is at the bank instead of WeChat Pay. Until then nothing is paid, and a transfer that
is declined or withdrawn has changed nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.payments import bank_proofs, bank_slips, settlement, transfer_transitions
from server.domain.payments.bank_proofs import Proof
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import BY_BANK
from server.domain.payments.orders import MOST_FEES, description
from server.domain.payments.settlement import Cashbox
from server.domain.payments.transfer_states import (
    STEPS,
    TransferFacts,
    the_amount_is_the_fees,
    the_fees_are_owed,
)
from server.domain.people import same_person
from server.domain.ports import Clock, Services
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import BankTransfer, BankTransferLine, Fee, FeeOrder, FeeOrderLine
from server.models.database import breaks

OLDEST = timedelta(days=730)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTransfer:
    """What the bank says came.

    Attributes:
        received_on: in Beijing.
        bank_reference: the bank's number of it; blanks and small letters make no other number.
        fee_ids: what it pays, all of one school.
        school_id: whose fees they have to be; None: of whichever school they are.
        proof: the file, of at most `bank_proofs.LARGEST` bytes.
    """

    amount_fen: int
    received_on: date
    bank_reference: str
    fee_ids: Collection[int]
    proof: bytes
    school_id: int | None = None


async def record(s: Services, wanted: NewTransfer, *, actor: Actor) -> BankTransfer:
    """Record a transfer; nothing is paid by it until somebody else approves.

    Raises:
        Forbidden: role_not_allowed. NotFound: fee_unknown.
        Invalid: /amount_fen, /received_on, /bank_reference, /fees, /file.
        Conflict: fee_not_owed; transfer_known — the bank's number is recorded already.
        OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.RECORD_TRANSFER)
    reference = _checked(s.clock, wanted)
    try:
        async with bank_proofs.kept(s, wanted.proof, of=BankTransfer) as proof:
            await s.faults.reach("transfers.record: the proof is kept")
            async with transaction(s.faults, "transfers.record"):
                return await _recorded(s.clock, wanted, reference, proof, actor)
    except IntegrityError as error:
        if not breaks(error, "bank_transfer_reference"):
            raise
        message = f"流水号 {reference} 的转账已经登记过，请勿重复登记；登记有误的，请先撤回那一笔。"
        raise Conflict("transfer_known", message) from error


async def _recorded(
    clock: Clock, wanted: NewTransfer, reference: str, proof: Proof, actor: Actor
) -> BankTransfer:
    fees = await _locked_fees(wanted.fee_ids)
    school_id = _school_of(fees, wanted)
    facts = await _facts(wanted.amount_fen, fees)
    only = (the_fees_are_owed, the_amount_is_the_fees)
    if (against := STEPS["approve"].refusal(facts, only=only)) is not None:
        raise against.as_refusal()
    transfer = await BankTransfer.create(
        school_id=school_id,
        amount_fen=wanted.amount_fen,
        received_on=wanted.received_on,
        bank_reference=reference,
        proof_key=proof.key,
        proof_kind=proof.kind,
        proof_sha256=proof.sha256,
        recorded_by=actor.id,
        recorded_by_name=actor.name,
        recorded_at=clock.now(),
    )
    await BankTransferLine.bulk_create(
        [BankTransferLine(transfer_id=transfer.id, fee_id=fee.id, amount_fen=fee.amount_fen) for fee in fees]
    )
    became = {"school": school_id, "amount_fen": wanted.amount_fen, "fees": len(fees)}
    await audit_log.record(clock, actor, "transfer.record", "bank_transfer", transfer.id, became=became)
    return transfer


async def approve(box: Cashbox, transfer_id: int, *, actor: Actor) -> FeeOrder:
    """The money is there: its order is paid, and its fees are settled.

    Raises:
        Forbidden: role_not_allowed, same_person. NotFound: transfer_unknown.
        Conflict: transfer_moved; fee_not_owed — one of the fees was paid or waived in the meantime.
    """
    roles.require(actor, Verb.APPROVE_TRANSFER)
    async with transaction(box.faults, "transfers.approve"):
        transfer = await transfer_transitions.locked(transfer_id)
        lines = await BankTransferLine.filter(transfer_id=transfer.id)
        fees = await _locked_fees([line.fee_id for line in lines])
        facts = await _facts(transfer.amount_fen, fees, transfer, actor)
        transfer_transitions.check(transfer, "approve", facts)
        order = await _order(box.clock, transfer, fees, actor)
        await transfer_transitions.advance(
            box.clock, transfer, "approve", facts, actor=actor, changes={"order_id": order.id}
        )
        await box.faults.reach("transfers.approve: the transfer is approved")
        await settlement.settle_by_bank(box, order, transfer.amount_fen, actor=actor)
        return order


async def decline(clock: Clock, transfer_id: int, *, actor: Actor) -> None:
    """Nothing is paid. Raises Forbidden: role_not_allowed, same_person; NotFound; Conflict: transfer_moved."""
    roles.require(actor, Verb.APPROVE_TRANSFER)
    await _end(clock, transfer_id, "decline", actor)


async def withdraw(clock: Clock, transfer_id: int, *, actor: Actor) -> None:
    """It was recorded wrongly. Raises Forbidden: role_not_allowed, not_the_recorder; NotFound; Conflict."""
    roles.require(actor, Verb.RECORD_TRANSFER)
    await _end(clock, transfer_id, "withdraw", actor)


async def _end(clock: Clock, transfer_id: int, name: str, actor: Actor) -> None:
    async with in_transaction():
        transfer = await transfer_transitions.locked(transfer_id)
        facts = await _facts(transfer.amount_fen, [], transfer, actor)
        await transfer_transitions.advance(clock, transfer, name, facts, actor=actor)


async def _order(clock: Clock, transfer: BankTransfer, fees: list[Fee], actor: Actor) -> FeeOrder:
    """The order that the transfer pays, in the caller's transaction; nobody sees it before it is paid."""
    now = clock.now()
    order = await FeeOrder.create(
        number=f"xb{beijing.day(now):%Y%m%d}{secrets.token_hex(5)}",
        school_id=transfer.school_id,
        account="",
        way=BY_BANK,
        description=description(fees),
        total_fen=transfer.amount_fen,
        expires_at=now,
        created_at=now,
    )
    await FeeOrderLine.bulk_create(
        [FeeOrderLine(order_id=order.id, fee_id=fee.id, amount_fen=fee.amount_fen) for fee in fees]
    )
    became = {"number": order.number, "fees": len(fees), "total_fen": order.total_fen}
    await audit_log.record(clock, actor, "order.create", "fee_order", order.id, became=became)
    return order


async def _locked_fees(fee_ids: Collection[int]) -> list[Fee]:
    return await Fee.filter(id__in=list(fee_ids)).order_by("id").select_for_update()


async def _facts(
    amount_fen: int, fees: list[Fee], transfer: BankTransfer | None = None, actor: Actor | None = None
) -> TransferFacts:
    who = (transfer.recorded_by, actor) if transfer is not None and actor is not None else None
    return TransferFacts(
        is_another=who is not None and await same_person.is_another(who[1], who[0]),
        is_recorder=who is not None and who[0] == who[1].id,
        are_owed=all(FeeState(fee.state) is FeeState.OWED for fee in fees),
        amount_fen=amount_fen,
        fees_fen=sum(fee.amount_fen for fee in fees),
    )


def _school_of(fees: list[Fee], wanted: NewTransfer) -> int:
    if len(fees) != len(set(wanted.fee_ids)):
        raise NotFound("fee_unknown", "其中有费用不存在，请刷新后重新选择。")
    schools = {fee.school_id for fee in fees}
    [school_id] = schools if len(schools) == 1 else [None]
    if school_id is None or wanted.school_id not in (None, school_id):
        message = "一笔转账只能缴一所院校的费用，社会考生的费用由本人缴纳；请重新选择。"
        raise Invalid(errors=[FieldError("/fees", "fees_of_others", message)])
    return school_id


def _checked(clock: Clock, wanted: NewTransfer) -> str:
    """The bank's number in its one spelling. Raises Invalid."""
    wrong: list[FieldError] = []
    if not 0 < wanted.amount_fen <= bank_slips.HIGHEST_FEN:
        message = f"转账金额须大于零，不超过 {bank_slips.HIGHEST_FEN // 100:,} 元。"
        wrong.append(FieldError("/amount_fen", "transfer_range", message))
    today = beijing.day(clock.now())
    if not today - OLDEST <= wanted.received_on <= today:
        message = "到账日期不能晚于今天，也不能早于两年前，请核对。"
        wrong.append(FieldError("/received_on", "date_range", message))
    reference = bank_slips.reference(wanted.bank_reference)
    if not reference:
        wrong.append(bank_slips.not_a_reference())
    if not 0 < len(set(wanted.fee_ids)) <= MOST_FEES:
        message = f"请选择这笔转账缴的费用，一次最多 {MOST_FEES} 项。"
        wrong.append(FieldError("/fees", "fees_count", message))
    if wrong:
        raise Invalid(errors=wrong)
    return reference
