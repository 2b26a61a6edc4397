"""首页: what waits for this person today, each line with one click to do it, and how the batches stand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.auth import second_factor
from server.domain.campaigns import campaign_desk
from server.domain.corrections import case_views
from server.domain.issuance.states import BatchState
from server.domain.lookups import due_today, worklist
from server.domain.paper import paper_views
from server.domain.payments import finance_desk
from server.domain.people import staff_changes
from server.domain.portal_lists import portal_differences
from server.domain.privacy import erasure_views
from server.domain.roles import Verb
from server.web.console import campaign_words, home_words, money_words, page_base, wording
from server.web.console.auth import Call
from server.web.console.home_words import Line

bp = Blueprint("console_home", url_prefix="/console")


async def home(call: Call) -> HTTPResponse:
    waiting = await worklist.batches(call.s.clock, call.actor)
    mine = [one.state for one in waiting if wording.waits_for(call.actor, one.state)]
    lines = await _lines(call)
    return await page_base.render(
        call,
        "home.html",
        title="首页",
        nav="/console/",
        today=beijing.say_day(beijing.day(call.s.clock.now())),
        greeting=f"{call.account.name}，您好。",
        lines=sorted(lines, key=lambda one: not one.is_bad),
        batches=[one for one in waiting if one.batches and one.state is not BatchState.VOID],
        mine=await worklist.oldest(call.s.clock, call.actor, mine) if mine else [],
        plans=await worklist.unreleased_plans() if roles.may(call.actor, Verb.RELEASE) else [],
        imports=await worklist.poor_imports(call.s.clock) if roles.may(call.actor, Verb.IMPORT) else [],
    )


async def _lines(call: Call) -> list[Line]:
    """Of every kind that is this person's and of which there is something."""
    actor = call.actor
    found = [home_words.line(one) for one in await due_today.due(call.s, actor=actor)]
    if roles.may(actor, Verb.APPROVE_CORRECTION):
        count = await case_views.waiting(actor=actor)
        found.append(Line("更正等待您对照函件处理", "/console/corrections?state=requested", count, "去处理"))
    if roles.may(actor, Verb.SETTLE_PORTAL):
        count = await portal_differences.waiting(actor=actor)
        found.append(Line("与国家门户的差异没有处理", "/console/portal-differences", count, "去处理"))
    if roles.may(actor, Verb.HANDLE_PAPER):
        count = await paper_views.late(call.s.clock, actor=actor)
        label = "批次发放已超过 5 个工作日，纸质证书还没有寄出"
        found.append(Line(label, "/console/paper", count, "去办理", is_bad=True))
    if roles.may(actor, Verb.SETTLE_ALARMS):
        money = {one.what: (one.items, one.since) for one in await finance_desk.waiting(actor=actor)}
        found += _desk(money_words.WAITING, money)
    if roles.may(actor, Verb.SEND_CAMPAIGNS):
        sent = {one.what: (one.items, one.since) for one in await campaign_desk.waiting(actor=actor)}
        found += _desk(campaign_words.WAITING, sent)
    erasures = await erasure_views.waiting(actor)
    found.append(Line("删除个人信息等待您批准", "/console/erasures?state=requested", erasures, "去处理"))
    changes = await staff_changes.waiting(actor)
    found.append(Line("账号变更等待您批准", "/console/account-changes?state=requested", changes, "去处理"))
    found = [one for one in found if one.items]
    codes = await second_factor.few_codes(call.account)
    if codes is not None:
        said = "手机丢失时将无法登录" if not codes else ""
        found.append(
            Line(
                "个恢复码还没有用，请更换一组新的",
                "/console/account",
                codes,
                "去更换",
                said=said,
                is_bad=True,
            )
        )
    return found


def _desk(
    words: Mapping[str, tuple[str, str]], found: Mapping[str, tuple[int, datetime | None]]
) -> list[Line]:
    return [Line(label, href, found[what][0], since=found[what][1]) for what, (label, href) in words.items()]


page_base.mount(bp, "/", home)
