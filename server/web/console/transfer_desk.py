"""对公转账: what a school transferred, recorded with its proof by one of finance and approved by another."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError
from sanic import HTTPResponse

from server.domain.payments import bank_proofs, bank_slips, orders, transfer_queries, transfers
from server.domain.payments.settlement import Cashbox
from server.domain.payments.transfer_queries import TransferView
from server.domain.payments.transfer_states import TransferState
from server.domain.roles import Verb
from server.web.console import money_answers as a
from server.web.console.answers import Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Day, Input, OneOf, Whole, row_number


def _number(text: object) -> int:
    """A fee's number, which a form writes as text."""
    try:
        return row_number(text if isinstance(text, str) else "")
    except ValueError:
        raise PydanticCustomError("not_numbers", "请填费用的编号，用逗号隔开。") from None


FeeNumber = Annotated[Whole, BeforeValidator(_number)]


class TransferQuery(Turning):
    state: Annotated[str | None, OneOf(TransferState)] = None
    school: str | None = Field(default=None, max_length=100, description="院校的名称或其中几个字")
    sort: Annotated[str | None, OneOf(transfer_queries.SORTS)] = None


class NewTransfer(Input):
    amount_fen: int = Field(ge=1, le=bank_slips.HIGHEST_FEN, description="分；等于所缴费用的合计")
    received_on: Day = Field(description="到账日期（北京）")
    bank_reference: str = Field(min_length=1, max_length=80, description="银行回单上的流水号")
    fees: list[FeeNumber] = Field(
        min_length=1, max_length=orders.MOST_FEES, description="缴哪些费用：编号，用逗号隔开；同一所院校的"
    )
    school_id: Whole | None = Field(default=None, description="院校；不填：费用所属的院校")


def handed_in(call: Call) -> bytes:
    """The proof in the form; nothing where there is none."""
    file = call.request.files.get("file") if call.request.files else None
    return file.body if file is not None else b""


async def record(call: Call, form: NewTransfer) -> Id:
    wanted = transfers.NewTransfer(
        amount_fen=form.amount_fen,
        received_on=form.received_on,
        bank_reference=form.bank_reference,
        fee_ids=form.fees,
        proof=handed_in(call),
        school_id=form.school_id,
    )
    made = await transfers.record(call.s, wanted, actor=call.actor)
    return Id(id=made.id)


async def listing(call: Call, query: TransferQuery) -> Page[a.Transfer]:
    found = await transfer_queries.transfers_page(
        actor=call.actor, state=query.state, school=query.school, turn=query.turn(transfer_queries.SORTS)
    )
    return page_of(a.Transfer, [_transfer(one) for one in found.items], found.next_cursor, found.before)


async def proof(call: Call, transfer_id: int) -> HTTPResponse:
    file = await transfer_queries.proof(call.s, transfer_id, actor=call.actor)
    return download(file.data, bank_proofs.CONTENT_TYPES[file.kind], f"转账凭证-{transfer_id}.{file.kind}")


async def approve(call: Call, transfer_id: int) -> None:
    s = call.s
    box = Cashbox.of(s.settings, s.clock, s.queue, s.faults)
    await transfers.approve(box, transfer_id, actor=call.actor)


async def decline(call: Call, transfer_id: int) -> None:
    await transfers.decline(call.s.clock, transfer_id, actor=call.actor)


async def withdraw(call: Call, transfer_id: int) -> None:
    await transfers.withdraw(call.s.clock, transfer_id, actor=call.actor)


def _transfer(one: TransferView) -> a.Transfer:
    return a.Transfer(
        id=one.id,
        school=one.school,
        amount_fen=one.amount_fen,
        received_on=one.received_on,
        bank_reference=one.bank_reference,
        fees=one.fees,
        proof_kind=one.proof_kind,
        state=one.state.value,
        state_label=one.state.label,
        order_number=one.order_number,
        recorded_by_name=one.recorded_by_name,
        recorded_at=one.recorded_at,
        decided_by_name=one.decided_by_name,
        decided_at=one.decided_at,
    )


_ONE = "/transfers/<transfer_id:int>"
ROUTES = [
    Route("GET", "/transfers", listing, "对公转账", takes=TransferQuery, gives=Page[a.Transfer], verb=Verb.SEE_TRANSFERS),
    Route("POST", "/transfers", record, "登记一笔对公转账，附凭证；由另一位财务批准", takes=NewTransfer, gives=Id, status=201, creates=True, file=True, verb=Verb.RECORD_TRANSFER),
    Route("GET", f"{_ONE}/proof", proof, "下载转账凭证", gives="application/octet-stream", verb=Verb.SEE_PROOFS),
    Route("POST", f"{_ONE}/approve", approve, "批准转账；所缴的费用缴清", status=204, verb=Verb.APPROVE_TRANSFER),
    Route("POST", f"{_ONE}/decline", decline, "不批准转账", status=204, verb=Verb.APPROVE_TRANSFER),
    Route("POST", f"{_ONE}/withdraw", withdraw, "登记人撤回转账", status=204, verb=Verb.RECORD_TRANSFER),
]  # fmt: skip
