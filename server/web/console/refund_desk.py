"""What finance does about refunds that do not come through by themselves: book, end, go on, pay to another card."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from server.domain.payments import refund_redirecting, refund_second_looks
from server.domain.payments.settlement import Cashbox
from server.domain.ports.payments import CARD_BANKS
from server.domain.roles import Verb
from server.web.console.auth import Call
from server.web.routes import Route
from server.web.schema import Input, OneOf


class RefundNumber(Input):
    number: str = Field(min_length=1, max_length=64, description="商户退款单号，在微信商户平台或账单里查到的")


class Card(Input):
    bank: Annotated[str, OneOf(CARD_BANKS)] = Field(description="开户银行；只支持借记卡")
    account: str = Field(min_length=12, max_length=40, description="卡号；只用来提交微信支付，不保存")
    holder: str = Field(
        min_length=2, max_length=refund_redirecting.LONGEST_HOLDER, description="持卡人姓名；不保存"
    )


def _box(call: Call) -> Cashbox:
    s = call.s
    return Cashbox.of(s.settings, s.clock, s.queue, s.faults)


async def book(call: Call, body: RefundNumber) -> None:
    await refund_second_looks.book_by_number(_box(call), call.s.pay, body.number, actor=call.actor)


async def ask_to_give_up(call: Call, refund_id: int) -> None:
    await refund_second_looks.ask_to_give_up(_box(call), call.s.pay, refund_id, actor=call.actor)


async def give_up(call: Call, refund_id: int) -> None:
    await refund_second_looks.give_up(_box(call), call.s.pay, refund_id, actor=call.actor)


async def go_on(call: Call, refund_id: int) -> None:
    await refund_second_looks.go_on(_box(call), refund_id, actor=call.actor)


async def ask_to_redirect(call: Call, body: Card, refund_id: int) -> None:
    to = refund_redirecting.card(body.bank, body.account, body.holder)
    await refund_redirecting.ask(_box(call), call.s.keys, refund_id, to, actor=call.actor)


async def redirect(call: Call, body: Card, refund_id: int) -> None:
    to = refund_redirecting.card(body.bank, body.account, body.holder)
    await refund_redirecting.confirm(_box(call), call.s.keys, call.s.pay, refund_id, to, actor=call.actor)


ROUTES = [
    Route("POST", "/refunds/book", book, "按退款单号向微信支付查询，照实记账", takes=RefundNumber, status=204, verb=Verb.REFUND),
    Route("POST", "/refunds/<refund_id:int>/ask-to-give-up", ask_to_give_up, "提出终止微信支付没有受理的退款", status=204, verb=Verb.REFUND),
    Route("POST", "/refunds/<refund_id:int>/give-up", give_up, "由另一位财务确认终止", status=204, verb=Verb.APPROVE_REFUND),
    Route("POST", "/refunds/<refund_id:int>/go-on", go_on, "不终止，继续提交", status=204, verb=Verb.REFUND),
    Route("POST", "/refunds/<refund_id:int>/ask-to-redirect", ask_to_redirect, "提出把异常的退款改退到银行卡；卡号不保存", takes=Card, status=204, verb=Verb.REFUND),
    Route("POST", "/refunds/<refund_id:int>/redirect", redirect, "由另一位财务填写同一张卡，提交微信支付", takes=Card, status=204, verb=Verb.APPROVE_REFUND),
]  # fmt: skip
