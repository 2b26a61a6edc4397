"""The pages on which two of finance decide: 减免, and 对公转账 with its form and its proof."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.paging import COUNTED, Turn
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
from server.web.console import listing, money_words, page_base
from server.web.console.auth import Call
from server.web.console.fee_waivers import WaiverQuery
from server.web.console.transfer_desk import TransferQuery
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_finance", url_prefix="/console")
PAGE = 50


class NewTransferPage(Input):
    school_id: Whole | None = None
    plan_id: Whole | None = None


class AlarmsPage(Input):
    settled: bool | None = None
    kind: Annotated[str | None, OneOf(alarms.KINDS)] = None
    cursor: str | None = Field(default=None, max_length=40)
    before: str | None = Field(default=None, max_length=40)


async def waiver_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, WaiverQuery, without=("limit",))
    chosen = wanted.model_dump(exclude=set(listing.TURNING))
    which = {name: value for name, value in chosen.items() if name != "sort"}
    found = await waiver_queries.waivers_page(
        **which, actor=call.actor, turn=wanted.turn(waiver_queries.SORTS)
    )
    count = await waiver_queries.waivers_count(**which, actor=call.actor)
    may_see_fees = roles.may(call.actor, Verb.SEE_MONEY)
    plans = await fee_overview.plans_with_fees(actor=call.actor) if may_see_fees else []
    return await page_base.render(
        call,
        "waivers.html",
        title="减免",
        nav="/console/waivers",
        items=found.items,
        of=listing.around(
            "waivers",
            wanted,
            found,
            total=listing.about(count, COUNTED, "项减免"),
            words={
                "plan_id": ("考试计划", {one.id: one.name for one in plans}),
                "school": ("缴费院校", None),
            },
            sorts=waiver_queries.SORTS,
        ),
        tab_base=page_base.address("/console/waivers", {**chosen, "state": None}.items()),
        wanted=wanted,
        states=list(WaiverState),
        asked=WaiverState.ASKED,
        plans=plans,
        me=call.actor.id,
        may_decide=roles.may(call.actor, Verb.APPROVE_WAIVER),
        may_ask=roles.may(call.actor, Verb.WAIVE) and may_see_fees,
        tones=money_words.TONES,
    )


async def transfer_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, TransferQuery, without=("limit",))
    chosen = wanted.model_dump(exclude=set(listing.TURNING))
    which = {name: value for name, value in chosen.items() if name != "sort"}
    found = await transfer_queries.transfers_page(
        **which, actor=call.actor, turn=wanted.turn(transfer_queries.SORTS)
    )
    count = await transfer_queries.transfers_count(**which, actor=call.actor)
    return await page_base.render(
        call,
        "transfers.html",
        title="对公转账",
        nav="/console/transfers",
        items=found.items,
        of=listing.around(
            "transfers",
            wanted,
            found,
            total=listing.about(count, COUNTED, "笔转账"),
            words={"school": ("院校", None)},
            sorts=transfer_queries.SORTS,
        ),
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
            turn=Turn("id", limit=orders.MOST_FEES),
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
    read = queries.settled_alarms if wanted.settled else queries.open_alarms
    turn = Turn("-id" if wanted.settled else "id", wanted.cursor, wanted.before)
    found = await read(actor=call.actor, kind=wanted.kind, turn=turn)
    return await page_base.render(
        call,
        "finance_alarms.html",
        title="缴费提醒",
        nav="/console/finance-alarms",
        items=[(one, alarms.KINDS[one.kind], money_words.alarm_facts(one)) for one in found.items],
        advice=money_words.advice,
        page=found,
        more_base=page_base.address("/console/finance-alarms", wanted),
        kinds=alarms.KINDS,
        kind=wanted.kind,
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
