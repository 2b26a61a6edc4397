"""What is done to several ticked rows of a list at once; each has its own answer. What needs a look at each is not here (decision 0986)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from server.domain import score_changes, several
from server.domain.campaigns import delivery_list
from server.domain.issuance import reminding
from server.domain.payments import waivers
from server.domain.people import officers
from server.domain.roles import Verb
from server.domain.several import Done
from server.web.console.auth import Call
from server.web.h5.officer import invitation_url
from server.web.routes import Route
from server.web.schema import Answer, Input, Whole


class Ticked(Input):
    ids: list[Whole] = Field(min_length=1, max_length=several.MOST)


class TickedFees(Ticked):
    reason: str = Field(
        min_length=waivers.SHORTEST_REASON,
        max_length=waivers.LONGEST_REASON,
        description="减免的原因，每一项相同",
    )


class OneDone(Answer):
    """What came of one, or why it was refused."""

    id: int
    ok: bool
    code: str | None
    detail: str | None
    url: str = Field(default="", description="重发的邀请链接，只给这一次")


class SeveralDone(Answer):
    items: list[OneDone]
    done: int
    refused: int


def _answer(results: Sequence[Done[Any]], urls: dict[int, str] | None = None) -> SeveralDone:
    items = [
        OneDone(
            id=one.id,
            ok=one.refused is None,
            code=one.refused.code if one.refused else None,
            detail=str(one.refused) if one.refused else None,
            url=(urls or {}).get(one.id, ""),
        )
        for one in results
    ]
    refused = sum(not one.ok for one in items)
    return SeveralDone(items=items, done=len(items) - refused, refused=refused)


async def send_anew(call: Call, body: Ticked) -> SeveralDone:
    s = call.s
    take = lambda one: delivery_list.send_anew(s.clock, s.queue, one, actor=call.actor)  # noqa: E731 -- one line each
    return _answer(await several.each(body.ids, take, verb=Verb.SEND_CAMPAIGNS, actor=call.actor))


async def let_be(call: Call, body: Ticked) -> SeveralDone:
    s = call.s
    take = lambda one: delivery_list.let_be(s.clock, s.queue, one, actor=call.actor)  # noqa: E731 -- one line each
    return _answer(await several.each(body.ids, take, verb=Verb.SEND_CAMPAIGNS, actor=call.actor))


async def ask_waivers(call: Call, body: TickedFees) -> SeveralDone:
    take = lambda one: waivers.ask(call.s.clock, one, body.reason, actor=call.actor)  # noqa: E731 -- one line each
    return _answer(await several.each(body.ids, take, verb=Verb.WAIVE, actor=call.actor))


async def approve_waivers(call: Call, body: Ticked) -> SeveralDone:
    s = call.s
    take = lambda one: waivers.approve(s.clock, s.queue, s.faults, one, actor=call.actor)  # noqa: E731 -- one line each
    return _answer(await several.each(body.ids, take, verb=Verb.APPROVE_WAIVER, actor=call.actor))


async def approve_score_changes(call: Call, body: Ticked) -> SeveralDone:
    take = lambda one: score_changes.approve(call.s, one, actor=call.actor)  # noqa: E731 -- one line each
    return _answer(await several.each(body.ids, take, verb=Verb.APPROVE_SCORES, actor=call.actor))


async def remind(call: Call, body: Ticked) -> SeveralDone:
    s = call.s
    take = lambda one: reminding.remind_now(s.clock, s.queue, one, actor=call.actor)  # noqa: E731 -- one line each
    return _answer(await several.each(body.ids, take, verb=Verb.SIGN, actor=call.actor))


async def resend(call: Call, body: Ticked) -> SeveralDone:
    take = lambda one: officers.resend(call.s.clock, one, actor=call.actor)  # noqa: E731 -- one line each
    results = await several.each(body.ids, take, verb=Verb.INVITE, actor=call.actor)
    address = call.s.settings.public_url
    return _answer(results, {one.id: invitation_url(address, one.made.token) for one in results if one.made})


ROUTES = [
    Route("POST", "/deliveries/send-anew", send_anew, "结果未知的多条通知，决定再发一次，逐条给出结果", takes=Ticked, gives=SeveralDone, verb=Verb.SEND_CAMPAIGNS),
    Route("POST", "/deliveries/let-be", let_be, "结果未知的多条通知，决定不再发，逐条给出结果", takes=Ticked, gives=SeveralDone, verb=Verb.SEND_CAMPAIGNS),
    Route("POST", "/fees/waive", ask_waivers, "为多项费用提出减免，同一个原因；由另一位财务批准", takes=TickedFees, gives=SeveralDone, verb=Verb.WAIVE),
    Route("POST", "/waivers/approve", approve_waivers, "批准别人提出的多项减免，逐项给出结果", takes=Ticked, gives=SeveralDone, verb=Verb.APPROVE_WAIVER),
    Route("POST", "/score-changes/approve", approve_score_changes, "批准别人提出的多项成绩变更，逐项给出结果", takes=Ticked, gives=SeveralDone, verb=Verb.APPROVE_SCORES),
    Route("POST", "/issuances/remind", remind, "催办：请院校的签发负责人签发，每个批次一天一次", takes=Ticked, gives=SeveralDone, verb=Verb.SIGN),
    Route("POST", "/officers/resend", resend, "重发多份邀请：旧链接失效，新链接只给这一次", takes=Ticked, gives=SeveralDone, verb=Verb.INVITE),
]  # fmt: skip
