"""每日对账: a day against WeChat Pay's two bills, what differs, and the day closed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from server.domain.payments import reconciliation, reconciliation_queries
from server.domain.payments.reconciliation_differences import KINDS, THINGS
from server.domain.payments.reconciliation_queries import DayView, DifferenceView
from server.domain.payments.reconciliation_states import ReconciliationState
from server.domain.roles import Verb
from server.errors import NotFound
from server.web.console.auth import Call
from server.web.console.paging import Paging
from server.web.routes import Route
from server.web.schema import Answer, Day, Input, OneOf


class ReconciliationQuery(Paging):
    date: Day = Field(description="哪一天（北京）")


class Explanation(Input):
    note: str = Field(
        min_length=reconciliation.SHORTEST_NOTE,
        max_length=reconciliation.LONGEST_NOTE,
        description="这项差异是怎么回事",
    )


class Difference(Answer):
    id: int
    kind: Annotated[str, OneOf(KINDS)]
    kind_label: str
    what: Annotated[str, OneOf(THINGS)]
    what_label: str
    number: str
    wechat_number: str
    theirs_fen: int | None
    ours_fen: int | None
    found_at: datetime
    settled_at: datetime | None
    settled_by_name: str
    note: str


class ReconciledDay(Answer):
    date: date
    state: Annotated[str, OneOf(ReconciliationState)]
    state_label: str
    payments: int
    payments_fen: int
    refunds: int
    refunds_fen: int
    charges_fen: int
    flows: int = Field(description="资金账单的笔数")
    flows_in_fen: int
    flows_out_fen: int
    start_fen: int | None = Field(description="资金账单的期初余额")
    end_fen: int | None
    books_end_fen: int | None = Field(description="账上到这一天为止在微信支付的余额")
    compared_at: datetime | None
    next_try_at: datetime | None
    trouble: str
    closed_at: datetime | None
    closed_by_name: str
    differences: int
    unsettled: int
    items: list[Difference]
    next_cursor: str | None


async def show(call: Call, query: ReconciliationQuery) -> ReconciledDay:
    of, found = await reconciliation_queries.of_day(
        query.date, actor=call.actor, after=query.after, size=query.size
    )
    return _day(of, [_difference(one) for one in found.items], found.next_cursor)


async def compare_again(call: Call, day: str) -> None:
    await reconciliation.ask_again(call.s.clock, day_in_path(day), actor=call.actor)


async def settle(call: Call, body: Explanation, difference_id: int) -> None:
    await reconciliation.settle(call.s.clock, difference_id, body.note, actor=call.actor)


async def book(call: Call, difference_id: int) -> None:
    await reconciliation.book(call.s.clock, call.s.faults, difference_id, actor=call.actor)


async def close(call: Call, day: str) -> None:
    await reconciliation.close(call.s.clock, call.s.faults, day_in_path(day), actor=call.actor)


def day_in_path(text: str) -> date:
    """Raises NotFound: day_unknown, as for a day that was never compared."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotFound("day_unknown", "没有这一天，日期请写成 2026-12-01。") from None


def _day(of: DayView, items: list[Difference], next_cursor: str | None) -> ReconciledDay:
    return ReconciledDay(
        date=of.day,
        state=of.state.value,
        state_label=of.state.label,
        payments=of.payments,
        payments_fen=of.payments_fen,
        refunds=of.refunds,
        refunds_fen=of.refunds_fen,
        charges_fen=of.charges_fen,
        flows=of.flows,
        flows_in_fen=of.flows_in_fen,
        flows_out_fen=of.flows_out_fen,
        start_fen=of.start_fen,
        end_fen=of.end_fen,
        books_end_fen=of.books_end_fen,
        compared_at=of.compared_at,
        next_try_at=of.next_try_at,
        trouble=of.trouble,
        closed_at=of.closed_at,
        closed_by_name=of.closed_by_name,
        differences=of.differences,
        unsettled=of.unsettled,
        items=items,
        next_cursor=next_cursor,
    )


def _difference(one: DifferenceView) -> Difference:
    return Difference(
        id=one.id,
        kind=one.kind,
        kind_label=KINDS[one.kind],
        what=one.what,
        what_label=THINGS[one.what],
        number=one.number,
        wechat_number=one.wechat_number,
        theirs_fen=one.theirs_fen,
        ours_fen=one.ours_fen,
        found_at=one.found_at,
        settled_at=one.settled_at,
        settled_by_name=one.settled_by_name,
        note=one.note,
    )


ROUTES = [
    Route("GET", "/reconciliation", show, "一天的对账与差异", takes=ReconciliationQuery, gives=ReconciledDay, verb=Verb.RECONCILE),
    Route("POST", "/reconciliation/<day:str>/compare", compare_again, "再对一次账，一分钟之内", status=204, verb=Verb.RECONCILE),
    Route("POST", "/reconciliation/<day:str>/close", close, "结账；有没有处理的差异就不能结", status=204, verb=Verb.RECONCILE),
    Route("POST", "/reconciliation/differences/<difference_id:int>/settle", settle, "说明一项差异", takes=Explanation, status=204, verb=Verb.RECONCILE),
    Route("POST", "/reconciliation/differences/<difference_id:int>/book", book, "把资金账单上的提现或充值记账", status=204, verb=Verb.RECONCILE),
]  # fmt: skip
