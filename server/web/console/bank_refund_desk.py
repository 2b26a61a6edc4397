"""银行退款: what the bank has paid back of a transfer, recorded with its proof by one of finance and approved by another."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import HTTPResponse

from server.domain.payments import bank_proofs, bank_refund_queries, bank_refunds, bank_slips
from server.domain.payments.bank_refund_queries import BankRefundView
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.roles import Verb
from server.web.console import money_answers as a
from server.web.console.answers import Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.console.transfer_desk import handed_in
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Day, Input, OneOf, Whole


class BankRefundQuery(Turning):
    state: Annotated[str | None, OneOf(BankRefundState)] = None
    school: str | None = Field(default=None, max_length=100, description="院校的名称或其中几个字")
    sort: Annotated[str | None, OneOf(bank_refund_queries.SORTS)] = None


class NewBankRefund(Input):
    order_id: Whole = Field(description="对公转账付的订单")
    amount_fen: int = Field(
        ge=1, le=bank_slips.HIGHEST_FEN, description="分；不超过订单已付的减去已退的和待批准的"
    )
    paid_on: Day = Field(description="银行退回的日期（北京）")
    bank_reference: str = Field(min_length=1, max_length=80, description="银行回单上的流水号")
    reason: str = Field(
        min_length=bank_refunds.SHORTEST_REASON,
        max_length=bank_refunds.LONGEST_REASON,
        description="退款原因；院校会看到",
    )


async def record(call: Call, form: NewBankRefund) -> Id:
    wanted = bank_refunds.NewBankRefund(
        order_id=form.order_id,
        amount_fen=form.amount_fen,
        paid_on=form.paid_on,
        bank_reference=form.bank_reference,
        reason=form.reason,
        proof=handed_in(call),
    )
    made = await bank_refunds.record(call.s, wanted, actor=call.actor)
    return Id(id=made.id)


async def listing(call: Call, query: BankRefundQuery) -> Page[a.BankRefund]:
    found = await bank_refund_queries.bank_refunds_page(
        actor=call.actor, state=query.state, school=query.school, turn=query.turn(bank_refund_queries.SORTS)
    )
    return page_of(a.BankRefund, [_refund(one) for one in found.items], found.next_cursor, found.before)


async def proof(call: Call, bank_refund_id: int) -> HTTPResponse:
    file = await bank_refund_queries.proof(call.s, bank_refund_id, actor=call.actor)
    name = f"银行退款凭证-{bank_refund_id}.{file.kind}"
    return download(file.data, bank_proofs.CONTENT_TYPES[file.kind], name)


async def approve(call: Call, bank_refund_id: int) -> None:
    await bank_refunds.approve(call.s.clock, call.s.faults, bank_refund_id, actor=call.actor)


async def decline(call: Call, bank_refund_id: int) -> None:
    await bank_refunds.decline(call.s.clock, bank_refund_id, actor=call.actor)


async def withdraw(call: Call, bank_refund_id: int) -> None:
    await bank_refunds.withdraw(call.s.clock, bank_refund_id, actor=call.actor)


def _refund(one: BankRefundView) -> a.BankRefund:
    return a.BankRefund(
        id=one.id,
        order_id=one.order_id,
        order_number=one.order_number,
        school=one.school,
        amount_fen=one.amount_fen,
        paid_on=one.paid_on,
        bank_reference=one.bank_reference,
        reason=one.reason,
        proof_kind=one.proof_kind,
        state=one.state.value,
        state_label=one.state.label,
        recorded_by_name=one.recorded_by_name,
        recorded_at=one.recorded_at,
        decided_by_name=one.decided_by_name,
        decided_at=one.decided_at,
    )


_ONE = "/bank-refunds/<bank_refund_id:int>"
ROUTES = [
    Route("GET", "/bank-refunds", listing, "银行退款", takes=BankRefundQuery, gives=Page[a.BankRefund], verb=Verb.SEE_TRANSFERS),
    Route("POST", "/bank-refunds", record, "登记银行退回的一笔转账订单的款，附凭证；由另一位财务批准", takes=NewBankRefund, gives=Id, status=201, creates=True, file=True, verb=Verb.RECORD_BANK_REFUND),
    Route("GET", f"{_ONE}/proof", proof, "下载银行退款凭证", gives="application/octet-stream", verb=Verb.SEE_PROOFS),
    Route("POST", f"{_ONE}/approve", approve, "批准银行退款；订单和费用随之改变，并记账", status=204, verb=Verb.APPROVE_BANK_REFUND),
    Route("POST", f"{_ONE}/decline", decline, "不批准银行退款", status=204, verb=Verb.APPROVE_BANK_REFUND),
    Route("POST", f"{_ONE}/withdraw", withdraw, "登记人撤回银行退款", status=204, verb=Verb.RECORD_BANK_REFUND),
]  # fmt: skip
