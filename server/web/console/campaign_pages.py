"""The pages of 群发: the list, the form of a draft, and one campaign with what may be done, how far it is, and for whom."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.campaigns import campaign_names, campaign_views, delivery_list
from server.domain.campaigns.audience import BINDING, CERTIFICATE, LEVELS, OUTCOMES, PAYMENT, Audience
from server.domain.campaigns.campaign_views import CampaignView
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.campaigns.kinds import CampaignKind
from server.domain.campaigns.letters import Way
from server.domain.campaigns.person_fields import PERSON_FIELDS
from server.domain.campaigns.states import CampaignState
from server.domain.lookups import worklist
from server.domain.notices.states import NoticeState
from server.domain.paging import COUNTED
from server.domain.roles import Verb
from server.errors import Conflict
from server.web import templating
from server.web.console import campaign_words as words
from server.web.console import listing, page_base
from server.web.console.auth import Call
from server.web.console.paging import Turning
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_campaigns", url_prefix="/console")
PAGE = 50
UNKNOWN = 20  # of those of unknown outcome, so many on the campaign's own page
AT = "/console/campaigns"


class CampaignsPage(Turning):
    state: Annotated[str | None, OneOf(CampaignState)] = None
    name: str | None = Field(default=None, max_length=60)
    sort: Annotated[str | None, OneOf(campaign_views.SORTS)] = None


class NewPage(Input):
    like: Whole | None = None


async def campaign_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, CampaignsPage, without=("limit",))
    which = {"state": wanted.state, "name": wanted.name}
    found = await campaign_views.listed(actor=call.actor, **which, turn=wanted.turn(campaign_views.SORTS))
    count = await campaign_views.count(actor=call.actor, **which)
    return await page_base.render(
        call,
        "campaigns.html",
        title="群发",
        nav=AT,
        items=found.items,
        of=listing.around(
            "campaigns",
            wanted,
            found,
            total=listing.about(count, COUNTED, "次群发"),
            words={"name": ("名称", None)},
            sorts=campaign_views.SORTS,
        ),
        states=list(CampaignState),
        state=wanted.state,
        wanted=wanted,
        tones=words.TONES,
        may_send=roles.may(call.actor, Verb.SEND_CAMPAIGNS),
    )


async def campaign_page(call: Call, campaign_id: int) -> HTTPResponse:
    view = await campaign_views.one(call.s.settings, call.s.clock, campaign_id, actor=call.actor)
    names = await campaign_names.of(view.audience)
    offers = words.offers(view, call.actor)
    return await page_base.render(
        call,
        "campaign.html",
        title=view.campaign.name,
        nav=AT,
        it=view.campaign,
        view=view,
        life=words.life(view),
        say=words.next_words(view, call.actor, call.s.clock.now()),
        offers=offers,
        approval=words.approval_question(view),
        by_another=view.state is CampaignState.SUBMITTED
        and roles.may(call.actor, Verb.APPROVE_CAMPAIGN)
        and not offers.decide,
        audience=words.audience_words(view.audience, *names),
        paths=words.PATHS,
        channels=words.CHANNELS,
        person_fields=PERSON_FIELDS,
        list_counts=view.campaign.list_counts,
        may_list=offers.edit and view.audience.uses_list,
        has_template=any(way.channel == "template" for way in view.ways),
        limits=(call.s.settings.campaign_per_second, call.s.settings.campaign_per_day),
        may_copy=roles.may(call.actor, Verb.SEND_CAMPAIGNS),
        **await _progress(call, view),
    )


async def progress(call: Call, campaign_id: int) -> HTTPResponse:
    """The part of the campaign's page that lives; the page's script puts it in place of what is there."""
    view = await campaign_views.one(call.s.settings, call.s.clock, campaign_id, actor=call.actor)
    return await templating.render(
        call.request,
        "console/campaign_progress.html",
        it=view.campaign,
        view=view,
        **await _progress(call, view),
    )


async def _progress(call: Call, view: CampaignView) -> dict[str, Any]:
    unknown = view.ends.get(NoticeState.UNKNOWN, 0)
    wanted = Wanted(campaign_id=view.campaign.id, state=NoticeState.UNKNOWN.value)
    undecided = await delivery_list.page(wanted, actor=call.actor, size=UNKNOWN) if unknown else None
    may_send = roles.may(call.actor, Verb.SEND_CAMPAIGNS)
    return {
        "ends": [(state, view.ends[state]) for state in NoticeState if state in view.ends],
        "left": words.waiting(view.ends),
        "unknown": unknown,
        "undecided": undecided.items if undecided else [],
        "forecast": words.forecast(view, call.s.clock.now()),
        "notice_tones": words.NOTICE_TONES,
        "tones": words.TONES,
        "means": words.MEANS,
        "may_let_be": may_send,
        "may_send_anew": may_send and (view.state.is_under_way or view.state is CampaignState.DONE),
    }


async def new_campaign(call: Call) -> HTTPResponse:
    """The empty form; or filled in like another campaign, with times of its own."""
    wanted = page_base.read(call, NewPage)
    view = None
    if wanted.like is not None:
        view = await campaign_views.one(call.s.settings, call.s.clock, wanted.like, actor=call.actor)
    return await _form(call, view, title="起草群发", campaign_id=None)


async def edit_campaign(call: Call, campaign_id: int) -> HTTPResponse:
    view = await campaign_views.one(call.s.settings, call.s.clock, campaign_id, actor=call.actor)
    if view.state is not CampaignState.DRAFT:
        message = f"这个群发现在是“{view.state.label}”，不能修改；要改请先退回修改。"
        raise Conflict("campaign_moved", message)
    return await _form(call, view, title=f"修改 {view.campaign.name}", campaign_id=campaign_id)


async def _form(
    call: Call, view: CampaignView | None, *, title: str, campaign_id: int | None
) -> HTTPResponse:
    settings, now = call.s.settings, call.s.clock.now()
    row = view.campaign if view is not None else None
    is_new = campaign_id is None
    path = row.path if row is not None else "/h5/results"
    return await page_base.render(
        call,
        "campaign_edit.html",
        title=title,
        nav=AT,
        campaign_id=campaign_id,
        row=row,
        kinds=list(CampaignKind),
        paths=words.PATHS if path in words.PATHS else {path: path, **words.PATHS},
        path=path,
        ways=orjson.dumps([_way(way) for way in view.ways] if view is not None else []).decode(),
        audience=view.audience if view is not None else Audience(),
        plans=await worklist.plans(call.s.clock, call.actor),
        schools=await worklist.schools(call.actor),
        choices={
            "levels": ("等级", LEVELS),
            "outcomes": ("考证结果（只限成绩已公布的考试计划）", OUTCOMES),
            "payment": ("缴费", PAYMENT),
        },
        certificate=CERTIFICATE,
        binding=BINDING,
        start_at="" if row is None or is_new or row.start_at is None else _minute(row.start_at),
        not_after=_minute(_evening(now)) if row is None or is_new else _minute(row.not_after),
        quiet=(row.quiet_from, row.quiet_until) if row is not None else ("22:00", "08:00"),
        pace=(row.per_second, row.per_day)
        if row is not None
        else (min(10, settings.campaign_per_second), min(50_000, settings.campaign_per_day)),
        limits=(settings.campaign_per_second, settings.campaign_per_day),
    )


def _way(way: Way) -> dict[str, Any]:
    return {
        "channel": way.channel,
        "template": way.template,
        "constants": dict(way.constants),
        "personal": dict(way.personal),
    }


def _minute(moment: datetime) -> str:
    """As an input of a minute takes it, in Beijing."""
    return f"{beijing.local(moment):%Y-%m-%dT%H:%M}"


def _evening(now: datetime) -> datetime:
    """Tomorrow at eight in the evening."""
    return (beijing.local(now) + timedelta(days=1)).replace(hour=20, minute=0, second=0, microsecond=0)


page_base.mount(bp, "/campaigns", campaign_list, Verb.SEE_CAMPAIGNS)
page_base.mount(bp, "/campaigns/new", new_campaign, Verb.SEND_CAMPAIGNS)
page_base.mount(bp, "/campaigns/<campaign_id:int>", campaign_page, Verb.SEE_CAMPAIGNS)
page_base.mount(bp, "/campaigns/<campaign_id:int>/progress", progress, Verb.SEE_CAMPAIGNS)
page_base.mount(bp, "/campaigns/<campaign_id:int>/edit", edit_campaign, Verb.SEND_CAMPAIGNS)
