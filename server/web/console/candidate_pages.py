"""The pages of 考生管理: finding a candidate, and one candidate with everything that is on record."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import beijing, roles
from server.domain.dossiers import candidate_dossier, candidate_list
from server.domain.dossiers.uncovering import Covered
from server.domain.levels import Level
from server.domain.lookups import worklist
from server.domain.roles import Verb
from server.web.console import campaign_words, listing, page_base
from server.web.console.auth import Call
from server.web.console.people import ACCOUNTS, CandidateQuery

bp = Blueprint("console_candidates", url_prefix="/console")
NAV = "/console/people"
TONES = {"passed": "good", "failed": "bad", "misconduct": "bad", "pending": "wait"}
FEES = {"owed": "wait", "settled": "good"}
CHANGES = {"requested": "wait", "under_way": "wait", "approved": "good", "done": "good", "refused": "bad"}


async def candidates(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, CandidateQuery)
    page = await candidate_list.listing(
        call.s, wanted.wanted, cursor=wanted.cursor, before=wanted.before, actor=call.actor
    )
    plans = await worklist.plans(call.s.clock, call.actor)
    total = await candidate_list.total(wanted.wanted, actor=call.actor)
    levels = {level.value: level.label for level in Level}
    return await page_base.render(
        call,
        "people.html",
        title="考生管理",
        nav=NAV,
        wanted=wanted,
        items=page.items,
        of=listing.around(
            "people",
            wanted,
            page,
            total=listing.about(total, candidate_list.COUNTED, "人"),
            words={
                "school": ("院校名称", None),
                "plan_id": ("考试计划", {one.id: one.name for one in plans}),
                "level": ("等级", levels),
            },
        ),
        plans=plans,
        levels=levels,
        own_school=call.actor.school_id,
    )


async def candidate(call: Call, candidate_id: int) -> HTTPResponse:
    it = await candidate_dossier.opened(call.s, candidate_id, actor=call.actor)
    numbers = {
        Covered.ID_NUMBER: True,
        Covered.MOBILE: it.mobile_masked is not None,
        Covered.GIVEN_PHONE: it.given_phone_masked is not None,
    }
    may = {
        name: roles.may(call.actor, Verb[name])
        for name in ("UNBIND", "UNCOVER", "ASK_CORRECTION", "SEE_MONEY", "EXPORT_PERSON", "ASK_ERASURE")
    }
    return await page_base.render(
        call,
        "person.html",
        title=it.name,
        nav=NAV,
        it=it,
        may=may,
        sees_corrections=roles.may(call.actor, Verb.SEE_CORRECTIONS),
        sees_messages=roles.may(call.actor, Verb.SEE_CAMPAIGNS),
        today=beijing.day(call.s.clock.now()),
        covered=[one for one, there in numbers.items() if there],
        looks={
            "": "打开了这一页",
            "copy": "导出了个人信息副本",
            **{one.value: f"查看了{one.label}" for one in Covered},
        },
        accounts=ACCOUNTS,
        tones=TONES,
        fees=FEES,
        changes=CHANGES,
        channels=campaign_words.CHANNELS,
        notice_tones=campaign_words.NOTICE_TONES,
    )


page_base.mount(bp, "/people", candidates, Verb.SEE_PEOPLE)
page_base.mount(bp, "/people/<candidate_id:int>", candidate, Verb.SEE_PEOPLE)
