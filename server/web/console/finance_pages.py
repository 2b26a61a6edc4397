"""The pages on which two of finance decide: 减免, and 对公转账 with its form and its proof."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.payments import (
    alarms,
    fee_overview,
    orders,
    queries,
    transfer_queries,
    transfers,
    waiver_queries,
)
from server.domain.payments.bank_proofs import CONTENT_TYPES, LARGEST
from server.domain.payments.bank_slips import HIGHEST_FEN
from server.domain.payments.fee_overview import FeeFilter, FeeRow
from server.domain.payments.fee_states import FeeState
from server.domain.payments.transfer_states import TransferState
from server.domain.payments.waiver_states import WaiverState
from server.domain.people.school_scope import is_school
from server.domain.roles import Verb
from server.web.console import money_words, page_base
from server.web.console.auth import Call
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_finance", url_prefix="/console")
PAGE = 50


class WaiversPage(Input):
    state: Annotated[str | None, OneOf(WaiverState)] = None
    plan_id: Whole | None = None
    school: str | None = Field(default=None, max_length=100)
    cursor: Whole | None = None


class TransfersPage(Input):
    state: Annotated[str | None, OneOf(TransferState)] = None
    school: str | None = Field(default=None, max_length=100)
    cursor: Whole | None = None


class NewTransferPage(Input):
    school_id: Whole | None = None
    plan_id: Whole | None = None


class AlarmsPage(Input):
    settled: bool | None = None
    cursor: Whole | None = None


async def waiver_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, WaiversPage)
    chosen = wanted.model_dump(exclude={"cursor"})
    found = await waiver_queries.waivers_page(**chosen, actor=call.actor, after=wanted.cursor or 0, size=PAGE)
    may_see_fees = roles.may(call.actor, Verb.SEE_MONEY)
    return await page_base.render(
        call,
        "waivers.html",
        title="减免",
        nav="/console/waivers",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/waivers", chosen.items()),
        tab_base=page_base.address("/console/waivers", {**chosen, "state": None}.items()),
        wanted=wanted,
        states=list(WaiverState),
        asked=WaiverState.ASKED,
        plans=await fee_overview.plans_with_fees(actor=call.actor) if may_see_fees else [],
        me=call.actor.id,
        may_decide=roles.may(call.actor, Verb.APPROVE_WAIVER),
        may_ask=roles.may(call.actor, Verb.WAIVE) and may_see_fees,
        tones=money_words.TONES,
    )


async def transfer_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, TransfersPage)
    chosen = wanted.model_dump(exclude={"cursor"})
    found = await transfer_queries.transfers_page(
        **chosen, actor=call.actor, after=wanted.cursor or 0, size=PAGE
    )
    return await page_base.render(
        call,
        "transfers.html",
        title="对公转账",
        nav="/console/transfers",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/transfers", chosen.items()),
        tab_base=page_base.address("/console/transfers", {**chosen, "state": None}.items()),
        wanted=wanted,
        states=list(TransferState),
        may_record=roles.may(call.actor, Verb.RECORD_TRANSFER),
        own=is_school(call.actor),
        tones=money_words.TONES,
    )


async def transfer_page(call: Call, transfer_id: int) -> HTTPResponse:
    """What came, what it pays, its proof, and what may be done with it by whom."""
    found, lines = await transfer_queries.detail(transfer_id, actor=call.actor)
    is_recorder = found.recorded_by == call.actor.id
    is_open = found.state is TransferState.RECORDED
    may_decide = is_open and roles.may(call.actor, Verb.APPROVE_TRANSFER)
    return await page_base.render(
        call,
        "transfer.html",
        title=f"对公转账 {found.bank_reference}",
        nav="/console/transfers",
        it=found,
        lines=lines,
        owed=FeeState.OWED,
        is_open=is_open,
        may_decide=may_decide and not is_recorder,
        by_another=may_decide and is_recorder,
        may_withdraw=is_open and is_recorder and roles.may(call.actor, Verb.RECORD_TRANSFER),
        may_see_proof=roles.may(call.actor, Verb.SEE_PROOFS),
        may_see_order=roles.may(call.actor, Verb.SEE_MONEY),
        own=is_school(call.actor),
        tones=money_words.TONES,
    )


async def new_transfer(call: Call) -> HTTPResponse:
    """The form: first the school, then which of its fees; the sum of the ticked ones has to be what came."""
    wanted = page_base.read(call, NewTransferPage)
    schools = await transfer_queries.schools_owing(actor=call.actor)
    school = next((one for one in schools if one.id == wanted.school_id), None)
    fees: list[FeeRow] = []
    has_more = False
    if school is not None:
        found = await fee_overview.fees_page(
            FeeFilter(plan_id=wanted.plan_id),
            actor=call.actor,
            state=FeeState.OWED.value,
            school_id=school.id,
            size=orders.MOST_FEES,
        )
        fees, has_more = found.items, found.next_cursor is not None
    today = beijing.day(call.s.clock.now())
    return await page_base.render(
        call,
        "transfer_new.html",
        title="登记对公转账",
        nav="/console/transfers",
        wanted=wanted,
        schools=schools,
        school=school,
        plans=await fee_overview.plans_with_fees(actor=call.actor),
        fees=fees,
        has_more=has_more,
        most=orders.MOST_FEES,
        highest=HIGHEST_FEN,
        today=today,
        oldest=today - transfers.OLDEST,
        kinds=",".join(CONTENT_TYPES.values()),
        largest=LARGEST,
    )


async def alarm_list(call: Call) -> HTTPResponse:
    """What finance has to look at, each with what to do; or what was settled, by whom and how."""
    wanted = page_base.read(call, AlarmsPage)
    listing = queries.settled_alarms if wanted.settled else queries.open_alarms
    found = await listing(actor=call.actor, after=wanted.cursor or 0, size=PAGE)
    return await page_base.render(
        call,
        "finance_alarms.html",
        title="缴费提醒",
        nav="/console/finance-alarms",
        items=[(one, alarms.KINDS[one.kind], money_words.alarm_facts(one)) for one in found.items],
        advice=money_words.advice,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/finance-alarms", wanted),
        settled=bool(wanted.settled),
        count=await queries.count_open_alarms(actor=call.actor),
        shortest=alarms.SHORTEST_NOTE,
        longest=alarms.LONGEST_NOTE,
    )


page_base.mount(bp, "/waivers", waiver_list, Verb.SEE_WAIVERS)
page_base.mount(bp, "/transfers", transfer_list, Verb.SEE_TRANSFERS)
page_base.mount(bp, "/transfers/new", new_transfer, Verb.RECORD_TRANSFER)
page_base.mount(bp, "/finance-alarms", alarm_list, Verb.SETTLE_ALARMS)
page_base.mount(bp, "/transfers/<transfer_id:int>", transfer_page, Verb.SEE_TRANSFERS)
