"""The pages of 对账: the days and how they stand, and one day with its sums, what differs, and its closing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import beijing
from server.domain.payments import reconciliation, reconciliation_queries, reconciliation_sums
from server.domain.payments.reconciliation_states import ReconciliationState
from server.domain.roles import Verb
from server.web.console import money_words, page_base
from server.web.console.auth import Call
from server.web.console.reconciliation import day_in_path
from server.web.schema import Day, Input, OneOf, Whole

bp = Blueprint("console_reconciliation", url_prefix="/console")
PAGE = 50


class DaysPage(Input):
    state: Annotated[str | None, OneOf(ReconciliationState)] = None
    before: Day | None = Field(default=None, description="这一天以前的")


class DayPage(Input):
    open: Whole | None = Field(default=None, description="1：只看没有处理的")
    cursor: Whole | None = None


async def day_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, DaysPage)
    found = await reconciliation_queries.days_page(
        actor=call.actor, state=wanted.state, before=wanted.before, size=PAGE
    )
    today = beijing.day(call.s.clock.now())
    return await page_base.render(
        call,
        "reconciliation.html",
        title="对账",
        nav="/console/reconciliation",
        items=found.items,
        next_cursor=found.next_cursor,
        more_base=page_base.address("/console/reconciliation", {"state": wanted.state}.items()),
        states=list(ReconciliationState),
        state=wanted.state,
        tones=money_words.DAY_TONES,
        ready=f"{reconciliation.READY:%H:%M}",
        today=today,
        month=today.replace(day=1),
    )


async def day_page(call: Call, day: str) -> HTTPResponse:
    """Sums of the two bills and the books, each difference with what to do, and the closing."""
    wanted = page_base.read(call, DayPage)
    of, found = await reconciliation_queries.of_day(
        day_in_path(day),
        actor=call.actor,
        after=wanted.cursor or 0,
        size=PAGE,
        only_open=bool(wanted.open),
    )
    base = f"/console/reconciliation/{of.day.isoformat()}"
    return await page_base.render(
        call,
        "reconciliation_day.html",
        title=f"对账 {of.day.isoformat()}",
        nav="/console/reconciliation",
        of=of,
        items=found.items,
        next_cursor=found.next_cursor,
        only_open=bool(wanted.open),
        base=base,
        more_base=page_base.address(base, {"open": wanted.open}.items()),
        sums=await reconciliation_sums.of_day(of.id, of.day),
        tones=money_words.DAY_TONES,
        say=money_words.difference_words,
        is_closed=of.state is ReconciliationState.CLOSED,
        was_compared=of.compared_at is not None,
        shortest=reconciliation.SHORTEST_NOTE,
        longest=reconciliation.LONGEST_NOTE,
        ready=f"{reconciliation.READY:%H:%M}",
    )


page_base.mount(bp, "/reconciliation", day_list, Verb.RECONCILE)
page_base.mount(bp, "/reconciliation/<day:str>", day_page, Verb.RECONCILE)
