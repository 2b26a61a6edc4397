"""The pages of 银行退款: the list beside 对公转账, and one with its proof, on which another of finance decides."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.paging import COUNTED
from server.domain.payments import bank_refund_queries
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.web.console import listing, money_words, page_base
from server.web.console.auth import Call
from server.web.console.bank_refund_desk import BankRefundQuery

bp = Blueprint("console_bank_refunds", url_prefix="/console")
PAGE = 50


async def bank_refund_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, BankRefundQuery, without=("limit",))
    chosen = wanted.model_dump(exclude=set(listing.TURNING))
    which = {name: value for name, value in chosen.items() if name != "sort"}
    found = await bank_refund_queries.bank_refunds_page(
        **which, actor=call.actor, turn=wanted.turn(bank_refund_queries.SORTS)
    )
    count = await bank_refund_queries.bank_refunds_count(**which, actor=call.actor)
    return await page_base.render(
        call,
        "bank_refunds.html",
        title="银行退款",
        nav="/console/transfers",
        items=found.items,
        of=listing.around(
            "bank-refunds",
            wanted,
            found,
            total=listing.about(count, COUNTED, "笔退款"),
            words={"school": ("院校", None)},
            sorts=bank_refund_queries.SORTS,
        ),
        tab_base=page_base.address("/console/bank-refunds", {**chosen, "state": None}.items()),
        wanted=wanted,
        states=list(BankRefundState),
        may_see_orders=roles.may(call.actor, Verb.SEE_MONEY),
        own=is_school(call.actor),
        tones=money_words.TONES,
    )


async def bank_refund_page(call: Call, bank_refund_id: int) -> HTTPResponse:
    """What went back of what came, its proof, and what may be done with it by whom."""
    found, transfer = await bank_refund_queries.detail(bank_refund_id, actor=call.actor)
    is_recorder = found.recorded_by == call.actor.id
    is_open = found.state is BankRefundState.RECORDED
    may_decide = is_open and roles.may(call.actor, Verb.APPROVE_BANK_REFUND)
    return await page_base.render(
        call,
        "bank_refund.html",
        title=f"银行退款 {found.bank_reference}",
        nav="/console/transfers",
        it=found,
        transfer=transfer,
        rest_fen=transfer.amount_fen - transfer.refunded_fen - found.amount_fen,
        is_open=is_open,
        may_decide=may_decide and not is_recorder,
        by_another=may_decide and is_recorder,
        may_withdraw=is_open and is_recorder and roles.may(call.actor, Verb.RECORD_BANK_REFUND),
        may_see_proof=roles.may(call.actor, Verb.SEE_PROOFS),
        may_see_order=roles.may(call.actor, Verb.SEE_MONEY),
        own=is_school(call.actor),
        tones=money_words.TONES,
    )


page_base.mount(bp, "/bank-refunds", bank_refund_list, Verb.SEE_TRANSFERS)
page_base.mount(bp, "/bank-refunds/<bank_refund_id:int>", bank_refund_page, Verb.SEE_TRANSFERS)
