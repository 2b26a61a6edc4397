"""People: the page of the schools' signing officers; candidates found, uncovered, and unbound where they have to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.beijing import day
from server.domain.dossiers import candidate_finding, candidate_list, uncovering
from server.domain.dossiers.uncovering import Covered
from server.domain.levels import Level
from server.domain.lookups import worklist
from server.domain.lookups.list_exports import SLICE, Taking
from server.domain.paging import COUNTED
from server.domain.people import binding_removal, conflicts, officer_list, school_contacts
from server.domain.people.officer_states import OfficerState
from server.domain.roles import Verb
from server.web.console import listing, page_base
from server.web.console.answers import Bound, Ended, Found, FoundPerson, Page, Person, Uncovered
from server.web.console.auth import Call
from server.web.console.erasure_desk import may_of
from server.web.console.imports import XLSX
from server.web.console.officers import OfficerQuery, shown
from server.web.console.paging import Paging, page_of
from server.web.routes import Route
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_people", url_prefix="/console")
ACCOUNTS = {"oa": "公众号", "mp": "小程序"}


class PeopleQuery(Input):
    q: str = Field(min_length=1, max_length=60, description="完整姓名或准考证号；不接受证件号码")


class CandidateQuery(Paging):
    school: str | None = Field(default=None, max_length=100, description="院校名称或其中几个字")
    plan_id: Whole | None = None
    level: Annotated[str | None, OneOf(Level)] = None
    before: str | None = Field(default=None, max_length=40, description="本页的第一位，用来往回翻")

    @property
    def wanted(self) -> candidate_list.Wanted:
        return candidate_list.Wanted(**self.model_dump(exclude={"cursor", "limit", "before"}))


class Sought(Input):
    q: str = Field(
        min_length=1,
        max_length=candidate_finding.LONGEST,
        description="姓名中的字，或完整的证件号码、手机号、准考证号、证书编号、openid",
    )


class Uncovering(Input):
    what: Annotated[str, OneOf(Covered)]
    reason: str = Field(min_length=1, max_length=400, description="会记入审计")


class Release(Input):
    reason: str = Field(min_length=1, max_length=400)
    account: Annotated[str | None, OneOf(("oa", "mp"))] = Field(default=None, description="不填则两处都解除")


async def officers(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, OfficerQuery, without=("limit",))
    turn = wanted.turn(officer_list.SORTS)
    page = await officer_list.listing(call.s.clock, call.s.keys, wanted.wanted, turn=turn, actor=call.actor)
    count = await officer_list.count(wanted.wanted, actor=call.actor)
    return await page_base.render(
        call,
        "officers.html",
        title="院校签发负责人",
        nav="/console/officers",
        wanted=wanted,
        items=[shown(one) for one in page.items],
        of=listing.around(
            "officers",
            wanted,
            page,
            total=listing.about(count, COUNTED, "位负责人"),
            words={
                "name": ("姓名或院校", None),
                "state": ("状态", {one.value: one.label for one in OfficerState}),
            },
            sorts=officer_list.SORTS,
        ),
        states=list(OfficerState),
        schools=await worklist.schools(call.actor),
        own_school=call.actor.school_id,
        own_contact=await school_contacts.contact_of(call.actor.school_id),
        today=day(call.s.clock.now()),
        may_invite=roles.may(call.actor, Verb.INVITE),
        may_confirm=roles.may(call.actor, Verb.CONFIRM),
        may_suspend=roles.may(call.actor, Verb.SUSPEND),
        signs=roles.may(call.actor, Verb.SIGN),
        blocked=await conflicts.blocked_schools(call.actor.id),
        **may_of(call),
    )


async def search(call: Call, query: PeopleQuery) -> Page[Person]:
    return page_of(Person, await _people(call, query.q))


async def _people(call: Call, wanted: str) -> list[Person]:
    return [
        Person(
            id=one.id,
            name=one.name,
            id_masked=one.id_masked,
            school=one.school,
            bindings=[
                Bound(account=of.account, account_label=ACCOUNTS[of.account], bound_at=of.bound_at)
                for of in one.bindings
            ],
        )
        for one in await binding_removal.find(call.s, wanted, actor=call.actor)
    ]


async def export(call: Call, query: CandidateQuery) -> None:

    say = listing.words_of(call)

    async def written(items: Sequence[candidate_list.CandidateLine]) -> list[list[str | int | None]]:
        return [
            [one.name, one.id_masked, one.school, one.plan, say("已绑定" if one.is_bound else "未绑定")]
            for one in items
        ]

    head: dict[str, float] = {"姓名": 14, "证件号码": 22, "院校": 28, "最近的考试计划": 40, "微信绑定": 10}
    taking = Taking(
        what="candidates",
        filters=listing.filters(query),
        read=lambda cursor: candidate_list.listing(
            call.s, query.wanted, cursor=cursor, limit=SLICE, actor=call.actor
        ),
        written=written,
        title="考生",
        head=head,
    )
    await listing.send_table(call, taking)


async def find(call: Call, body: Sought) -> Found:
    found = await candidate_finding.find(call.s, body.q, actor=call.actor)
    return Found(items=[FoundPerson.model_validate(one) for one in found.items], is_more=found.is_more)


async def uncover(call: Call, body: Uncovering, candidate_id: int) -> Uncovered:
    """For a person alone: a machine has no reason of its own."""
    call.browser_session()
    what = Covered(body.what)
    number = await uncovering.uncover(call.s, candidate_id, what, body.reason, actor=call.actor)
    return Uncovered(label=what.label, number=number)


async def unbind(call: Call, body: Release, candidate_id: int) -> Ended:
    ended = await binding_removal.release(
        call.s, candidate_id, body.reason, account=body.account, actor=call.actor
    )
    return Ended(ended=ended)


ROUTES = [
    Route("GET", "/people", search, "按完整姓名或准考证号查找考生", takes=PeopleQuery, gives=Page[Person], verb=Verb.SEE_PEOPLE),
    Route("GET", "/people/export.xlsx", export, "考生，作为表格（证件号码掩去）；导出记入审计", takes=CandidateQuery, gives=XLSX, verb=Verb.SEE_PEOPLE),
    Route("POST", "/people/find", find, "按姓名中的字，或证件号码、手机号、准考证号、证书编号、openid 查找考生", takes=Sought, gives=Found, verb=Verb.SEE_PEOPLE),
    Route("POST", "/people/<candidate_id:int>/uncover", uncover, "查看一位考生完整的证件号码或手机号，写明原因", takes=Uncovering, gives=Uncovered, verb=Verb.UNCOVER),
    Route("POST", "/people/<candidate_id:int>/unbind", unbind, "解除一位考生的微信绑定，写明原因", takes=Release, gives=Ended, verb=Verb.UNBIND),
]  # fmt: skip

page_base.mount(bp, "/officers", officers, Verb.SEE_OFFICERS)
