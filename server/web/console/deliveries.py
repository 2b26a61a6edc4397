"""Who was told what: the messages of campaigns and of the system, what people decide about them, and their workbook."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import Field

from server.domain import beijing
from server.domain.actor import Actor
from server.domain.campaigns import deliveries_export, delivery_list
from server.domain.campaigns.deliveries_export import ExportDesk
from server.domain.campaigns.delivery_list import DeliveryView
from server.domain.campaigns.delivery_queries import CAMPAIGN, Wanted
from server.domain.notices.states import NoticeState
from server.domain.notices.topics import TOPICS
from server.domain.roles import Verb
from server.web.console import campaign_answers as a
from server.web.console import listing
from server.web.console.answers import Page
from server.web.console.auth import Call
from server.web.console.campaign_words import CHANNELS
from server.web.console.imports import XLSX
from server.web.console.paging import Paging, page_of
from server.web.responses import download_headers
from server.web.routes import Route
from server.web.schema import Day, Input, Moment, OneOf, Whole

DeliveryState = Annotated[str | None, OneOf(NoticeState)]


class DeliveryQuery(Paging):
    state: DeliveryState = None
    kind: Annotated[str | None, OneOf([*TOPICS, CAMPAIGN])] = None
    campaign_id: Whole | None = None
    candidate_id: Whole | None = None
    school_id: Whole | None = None
    since: Moment | None = Field(default=None, description="从这时起放进来的")
    until: Moment | None = Field(default=None, description="到这时为止，不含")


class Sought(Input):
    """What the page and its workbook are narrowed down to."""

    state: DeliveryState = None
    kind: Annotated[str | None, OneOf([*TOPICS, CAMPAIGN])] = None
    campaign_id: Whole | None = None
    school_id: Whole | None = None
    q: str | None = Field(default=None, max_length=60, description="完整姓名或准考证号；不接受证件号码")
    from_on: Day | None = Field(default=None, description="从哪天（北京）放进来的")
    to_on: Day | None = Field(default=None, description="到哪天，含当天")


async def wanted_by(chosen: Sought, *, actor: Actor) -> Wanted:
    """As the domain takes it. Raises Invalid: /q."""
    return Wanted(
        state=chosen.state,
        topic=chosen.kind,
        campaign_id=chosen.campaign_id,
        school_id=chosen.school_id,
        people=await delivery_list.whose(chosen.q, actor=actor) if chosen.q else None,
        since=_midnight(chosen.from_on) if chosen.from_on else None,
        until=_midnight(chosen.to_on + timedelta(days=1)) if chosen.to_on else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), beijing.BEIJING)


async def deliveries(call: Call, query: DeliveryQuery) -> Page[a.Delivery]:
    wanted = Wanted(
        state=query.state,
        topic=query.kind,
        campaign_id=query.campaign_id,
        candidate_id=query.candidate_id,
        school_id=query.school_id,
        since=query.since,
        until=query.until,
    )
    found = await delivery_list.page(wanted, actor=call.actor, after=query.after, size=query.size)
    return page_of(a.Delivery, [shown(one) for one in found.items], found.next_cursor, found.before)


async def export(call: Call, query: Sought) -> None:
    """The first piece is made before anything is sent, so that a refusal can still be told."""
    desk = ExportDesk(
        clock=call.s.clock, writer=call.s.workbook_writer, channels=CHANNELS, say=listing.words_of(call)
    )
    pieces = deliveries_export.pieces(desk, await wanted_by(query, actor=call.actor), actor=call.actor)
    first = await anext(pieces)
    name = f"群发-{query.campaign_id}-每个人的结局.xlsx" if query.campaign_id else "通知记录.xlsx"
    response = await call.request.respond(content_type=XLSX, headers=download_headers(name))
    assert response is not None
    await response.send(first)
    async for piece in pieces:
        await response.send(piece)
    await response.eof()


async def send_anew(call: Call, delivery_id: int) -> None:
    await delivery_list.send_anew(call.s.clock, call.s.queue, delivery_id, actor=call.actor)


async def let_be(call: Call, delivery_id: int) -> None:
    await delivery_list.let_be(call.s.clock, call.s.queue, delivery_id, actor=call.actor)


def shown(one: DeliveryView) -> a.Delivery:
    return a.Delivery(
        **{
            name: getattr(one, name)
            for name in a.Delivery.model_fields
            if name not in ("state", "state_label")
        },
        state=one.state.value,
        state_label=one.state.label,
    )


SEE, SEND = Verb.SEE_CAMPAIGNS, Verb.SEND_CAMPAIGNS
ROUTES = [
    Route("GET", "/deliveries", deliveries, "谁收到了什么：群发和系统通知", takes=DeliveryQuery, gives=Page[a.Delivery], verb=SEE),
    Route("GET", "/deliveries/export.xlsx", export, "谁收到了什么，作为表格；一边读一边写", takes=Sought, gives=XLSX, verb=SEE),
    Route("POST", "/deliveries/<delivery_id:int>/send-anew", send_anew, "结果未知的，决定再发一次", status=204, verb=SEND),
    Route("POST", "/deliveries/<delivery_id:int>/let-be", let_be, "结果未知的，决定不再发", status=204, verb=SEND),
]  # fmt: skip
