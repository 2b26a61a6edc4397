"""The pages of 通知: who was told what and how it ended, and one person's whole history: why did she not get it?"""

from __future__ import annotations

from typing import Annotated, Any

from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.campaigns import delivery_history, delivery_list
from server.domain.campaigns.delivery_history import History
from server.domain.campaigns.delivery_list import DeliveryView
from server.domain.campaigns.delivery_queries import CAMPAIGN
from server.domain.lookups import worklist
from server.domain.lookups.worklist import Choice
from server.domain.notices.states import NoticeState
from server.domain.notices.topics import TOPICS
from server.domain.paging import Page
from server.domain.roles import Verb
from server.errors import Invalid
from server.web.console import campaign_words as words
from server.web.console import listing, page_base
from server.web.console.auth import Call
from server.web.console.deliveries import Sought, wanted_by
from server.web.console.paging import Turning
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_deliveries", url_prefix="/console")
PAGE = 50
AT = "/console/deliveries"


class DeliveriesPage(Sought, Turning):
    sort: Annotated[str | None, OneOf(delivery_list.SORTS)] = None


class HistoryPage(Input):
    cursor: Whole | None = None


async def delivery_page(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, DeliveriesPage, without=("limit",))
    chosen: dict[str, Any] = wanted.model_dump(exclude=set(listing.TURNING))
    problem = ""
    found: Page[DeliveryView] = Page()
    try:
        meant = await wanted_by(wanted, actor=call.actor)
        found = await delivery_list.turned(meant, actor=call.actor, turn=wanted.turn(delivery_list.SORTS))
    except Invalid as refused:
        # what was typed may be an identity number: no address holds it
        problem, chosen = refused.errors[0].detail, {**chosen, "q": None}
        wanted = wanted.model_copy(update={"q": None})
    without_state = {**chosen, "state": None}
    narrowed = {name: value for name, value in chosen.items() if name != "sort"}
    kinds = {CAMPAIGN: "群发", **{name: topic.label for name, topic in TOPICS.items()}}
    campaigns = await delivery_list.campaigns(wanted.campaign_id, actor=call.actor)
    schools = await worklist.schools(call.actor)
    return await page_base.render(
        call,
        "deliveries.html",
        title="通知记录",
        nav=AT,
        wanted=wanted,
        q="" if problem else wanted.q or "",
        problem=problem,
        items=found.items,
        of=listing.around(
            "deliveries",
            wanted,
            found,
            total=f"本页 {len(found.items)} 条",
            words=_words(kinds, campaigns, schools),
            sorts=delivery_list.SORTS,
            export=listing.Export(asked=narrowed),
        ),
        tab_base=page_base.address(AT, without_state.items()),
        states=list(NoticeState),
        kinds=kinds,
        campaigns=campaigns,
        schools=schools,
        channels=words.CHANNELS,
        tones=words.NOTICE_TONES,
        filtered=any(value is not None for name, value in narrowed.items() if name != "state"),
        may_decide=roles.may(call.actor, Verb.SEND_CAMPAIGNS),
        today=beijing.day(call.s.clock.now()),
    )


def _words(kinds: dict[str, str], campaigns: list[tuple[int, str]], schools: list[Choice]) -> listing.Words:
    """What the filters are called, and how their values are written."""
    return {
        "kind": ("类别", kinds),
        "campaign_id": ("群发", dict(campaigns)),
        "school_id": ("院校", {one.id: one.name for one in schools}),
        "from_on": ("从", None),
        "to_on": ("到", None),
    }


async def history_page(call: Call, candidate_id: int) -> HTTPResponse:
    """Everything that was ever sent to one candidate, by which ways she can be reached now, and what each end means."""
    after = page_base.read(call, HistoryPage).cursor or 0
    found = await delivery_history.of_candidate(
        call.s, candidate_id, actor=call.actor, after=after, size=PAGE
    )
    return await _history(call, found, f"{AT}/people/{candidate_id}")


async def officers_history(call: Call, officer_id: int) -> HTTPResponse:
    """The same of a school's signing officer."""
    after = page_base.read(call, HistoryPage).cursor or 0
    found = await delivery_history.of_officer(call.s, officer_id, actor=call.actor, after=after, size=PAGE)
    return await _history(call, found, f"{AT}/officers/{officer_id}")


async def _history(call: Call, found: History, path: str) -> HTTPResponse:
    return await page_base.render(
        call,
        "delivery_history.html",
        title=f"{found.name_masked}的通知",
        nav=AT,
        it=found,
        items=found.messages.items,
        next_cursor=found.messages.next_cursor,
        more_base=page_base.address(path, []),
        channels=words.CHANNELS,
        tones=words.NOTICE_TONES,
        means=words.MEANS,
        may_decide=roles.may(call.actor, Verb.SEND_CAMPAIGNS),
    )


page_base.mount(bp, "/deliveries", delivery_page, Verb.SEE_CAMPAIGNS)
page_base.mount(bp, "/deliveries/people/<candidate_id:int>", history_page, Verb.SEE_CAMPAIGNS)
page_base.mount(bp, "/deliveries/officers/<officer_id:int>", officers_history, Verb.SEE_CAMPAIGNS)
