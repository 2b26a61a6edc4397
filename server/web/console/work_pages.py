"""The pages where the work is done: imports, plans, batches and the QR, certificates."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from sanic import Blueprint, HTTPResponse
from sanic.response import redirect

from server.domain import imports, roles
from server.domain.certificates import certificate_search, portal
from server.domain.certificates.states import CertificateState
from server.domain.exams import plan_list
from server.domain.imports.states import ImportState
from server.domain.issuance import batch_query, preparation_query, roster_access, roster_workbook
from server.domain.issuance import queries as issuance_queries
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.lookups import worklist
from server.domain.lookups.worklist import Choice
from server.domain.paging import COUNTED, Page
from server.domain.paper import paper_views
from server.domain.paper.paper_views import BatchPaper
from server.domain.roles import Verb
from server.errors import Invalid
from server.web import templating
from server.web.console import import_answers, listing, page_base, wording
from server.web.console import plans as plan_routes
from server.web.console.auth import Call
from server.web.console.certificates import CertificateQuery, shown
from server.web.console.issuance_answers import Issuance, IssuanceSummary, ListedPerson, Preparation
from server.web.console.issuances import IssuanceQuery
from server.web.console.listing import Words
from server.web.console.plans import PlanQuery
from server.web.schema import Input, OneOf, Whole

bp = Blueprint("console_desk", url_prefix="/console")
PEOPLE = 100
CARDS = 20  # plans on a page
LEVELS = {level.value: level.label for level in Level}


class ImportsPage(Input):
    cursor: Whole | None = None
    all: bool | None = None
    kind: Annotated[str | None, OneOf([one for one, _, _ in wording.IMPORT_KINDS])] = None
    state: Annotated[str | None, OneOf(ImportState)] = None
    by: Whole | None = None


class PeoplePage(Input):
    cursor: str | None = Field(default=None, max_length=40)
    before: str | None = Field(default=None, max_length=40)


class NextBatch(Input):
    state: Annotated[str | None, OneOf(BatchState)] = None
    after: Whole | None = None


async def import_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, ImportsPage)
    all_checks = bool(wanted.all)
    which = imports.Wanted(kind=wanted.kind, state=wanted.state, by=wanted.by)
    page = await imports.listing(
        which, cursor=wanted.cursor, limit=20, open_only=not all_checks, actor=call.actor
    )
    importers = await imports.importers(actor=call.actor)
    states = {one.value: one.label for one in ImportState}
    kinds = {kind: label for kind, label, _ in wording.IMPORT_KINDS}
    return await page_base.render(
        call,
        "imports.html",
        title="导入",
        nav="/console/imports",
        kinds=wording.IMPORT_KINDS,
        guides={kind: imports.columns(kind) for kind, _, _ in wording.IMPORT_KINDS},
        all_checks=all_checks,
        runs=[import_answers.summary(one) for one in page.items],
        wanted=wanted,
        importers=importers,
        states=states,
        of=listing.around(
            "imports",
            wanted,
            page,
            total="",
            words={"kind": ("内容", kinds), "state": ("进度", states), "by": ("谁导入的", importers)},
        ),
        may_import=roles.may(call.actor, Verb.IMPORT),
        run_state=wording.run_state,
    )


async def import_page(call: Call, import_id: int) -> HTTPResponse:
    run = import_answers.summary(await imports.view(import_id, actor=call.actor))
    return await page_base.render(
        call,
        "import.html",
        title=run.file_name,
        nav="/console/imports",
        run=run,
        import_id=run.id,
        may_import=roles.may(call.actor, Verb.IMPORT),
    )


async def plans(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, PlanQuery, without=("limit",))
    turn = replace(wanted.turn(plan_list.SORTS), limit=CARDS)
    page = await plan_list.listing(call.s.clock, wanted.wanted, turn, actor=call.actor)
    total = await plan_list.total(wanted.wanted, actor=call.actor)
    return await page_base.render(
        call,
        "plans.html",
        title="考试计划",
        nav="/console/plans",
        plans=[plan_routes.shown(plan) for plan in page.items],
        wanted=wanted,
        years=await plan_list.years(),
        of=listing.around(
            "plans",
            wanted,
            page,
            total=listing.about(total, COUNTED, "个考试计划"),
            words={"name": ("名称", None), "year": ("年份", None)},
            sorts=plan_list.SORTS,
        ),
        may_release=roles.may(call.actor, Verb.RELEASE),
        may_prepare=roles.may(call.actor, Verb.PREPARE),
    )


async def issuances(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, IssuanceQuery, without=("limit",))
    page = await batch_query.listing(
        call.s.clock,
        wanted.wanted,
        cursor=wanted.cursor,
        before=wanted.before,
        sort=wanted.order,
        actor=call.actor,
    )
    totals = await batch_query.totals(call.s.clock, wanted.wanted, actor=call.actor)
    plans = await worklist.plans(call.s.clock, call.actor)
    may_sign = roles.may(call.actor, Verb.SIGN)
    chosen = wanted.model_dump(exclude={"cursor", "before", "limit"})
    without_state = {**chosen, "state": None}
    return await page_base.render(
        call,
        "issuances.html",
        title="签发批次",
        nav="/console/issuances",
        items=[IssuanceSummary.of(one) for one in page.items],
        of=listing.around(
            "issuances",
            wanted,
            page,
            total=f"共 {totals.batches} 个批次，{totals.people} 人",
            words=await _batch_words(call, wanted, plans),
            sorts=batch_query.SORTS,
        ),
        next_to_sign=may_sign
        and await batch_query.next_id(call.s.clock, "prepared", 0, actor=call.actor) is not None,
        tab_base=page_base.address("/console/issuances", without_state.items()).rstrip("?&"),
        states=list(BatchState),
        levels=LEVELS,
        plans=plans,
        wanted=wanted,
        filtered=any(chosen.values()),
        own_school=call.actor.school_id,
        may_sign=may_sign,
        may_hand_over=roles.may(call.actor, Verb.HAND_OVER),
        preparation=await _preparation(call, wanted.plan_id),
    )


async def _batch_words(call: Call, wanted: IssuanceQuery, plans: list[Choice]) -> Words:
    """What the filters of the list of batches are called, and how their values are written."""
    schools = await worklist.schools(call.actor) if wanted.school_id else []
    return {
        "plan_id": ("考试计划", {one.id: one.name for one in plans}),
        "school_id": ("院校", {one.id: one.name for one in schools}),
        "site_id": ("考核站点", None),
        "school": ("院校名称", None),
        "level": ("等级", LEVELS),
        "made_from": ("建立日期从", None),
        "made_to": ("建立日期到", None),
    }


def _certificate_words(plans: list[Choice]) -> Words:
    """The same of the list of certificates."""
    return {
        "number": ("证书编号", None),
        "name": ("姓名", None),
        "state": ("状态", {state.value: state.label for state in CertificateState}),
        "issuance_id": ("批次", None),
        "plan_id": ("考试计划", {one.id: one.name for one in plans}),
        "level": ("等级", LEVELS),
        "school": ("院校名称", None),
        "issued_from": ("发证日期从", None),
        "issued_to": ("发证日期到", None),
    }


async def next_batch(call: Call) -> HTTPResponse:
    """On to the next batch that waits in a state; to the list, where none does."""
    wanted = page_base.read(call, NextBatch)
    found = None
    if wanted.state is not None:
        found = await batch_query.next_id(call.s.clock, wanted.state, wanted.after or 0, actor=call.actor)
    state = f"?state={wanted.state}" if wanted.state else ""
    return redirect(f"/console/issuances/{found}" if found else f"/console/issuances{state}", status=303)


async def _preparation(call: Call, plan_id: int | None) -> Preparation | None:
    """Of a plan that is looked at: the last preparation, for who may prepare."""
    if plan_id is None or not roles.may(call.actor, Verb.PREPARE):
        return None
    latest = await preparation_query.latest(plan_id, actor=call.actor)
    return Preparation.of(latest) if latest is not None else None


async def issuance(call: Call, issuance_id: int) -> HTTPResponse:
    view = await issuance_queries.view(call.s, issuance_id, actor=call.actor)
    page = page_base.read(call, PeoplePage)
    people = await roster_access.people(
        call.s, issuance_id, **page.model_dump(), limit=PEOPLE, actor=call.actor
    )
    return await page_base.render(
        call,
        "issuance.html",
        title=f"第 {issuance_id} 批",
        nav="/console/issuances",
        it=Issuance.in_full(view),
        life=wording.life(view.batch),
        say=wording.next_words(view.batch, call.actor),
        paths=wording.PATHS,
        step_words=wording.STEP_WORDS,
        sure=wording.sure(view.batch),
        people=[ListedPerson.of(one) for one in people.items],
        people_cursor=people.next_cursor,
        people_before=people.before,
        done_words=wording.DONE_WORDS,
        paper=await _paper(call, view.batch),
        next_state=_next_state(call, view.batch.state),
        may_print=roles.may(call.actor, Verb.HANDLE_PAPER),
        may_check=roles.may(call.actor, Verb.CHECK_LIST),
        is_school=call.actor.school_id is not None,
        may_import=roles.may(call.actor, Verb.IMPORT),
        may_correct=roles.may(call.actor, Verb.ASK_CORRECTION),
        may_download=roles.may(call.actor, Verb.DOWNLOAD),
        may_receipt=roles.may(call.actor, Verb.SEE_RECEIPT),
    )


def _next_state(call: Call, state: BatchState) -> str | None:
    """Which batches somebody goes through who has this one before him: those to sign, or those to hand over."""
    handing = (BatchState.SCHOOL_SIGNED, BatchState.GENERATING, BatchState.ISSUED)
    if state in handing and roles.may(call.actor, Verb.HAND_OVER):
        return BatchState.SCHOOL_SIGNED.value
    return BatchState.PREPARED.value if roles.may(call.actor, Verb.SIGN) else None


async def _paper(call: Call, batch: issuance_queries.BatchSummary) -> BatchPaper | None:
    """The paper of an issued batch, for who may see it."""
    if batch.state is not BatchState.ISSUED or not roles.may(call.actor, Verb.SEE_PAPER):
        return None
    return await paper_views.of_batch(call.s.clock, batch.id, actor=call.actor)


async def print_list(call: Call, issuance_id: int) -> HTTPResponse:
    roll = await roster_access.roll(
        call.s.clock, call.s.keys, issuance_id, given_as="print", actor=call.actor
    )
    return await templating.render(
        call.request,
        "console/print.html",
        title=f"签发名单-第{roll.batch.id}批-第{roll.batch.revision}版",
        roll=roll,
        facts=roster_workbook.facts(call.s.clock, roll),
        printed_by=call.account.name,
    )


async def qr(call: Call, issuance_id: int) -> HTTPResponse:
    it = Issuance.in_full(await issuance_queries.view(call.s, issuance_id, actor=call.actor))
    return await page_base.render(call, "qr.html", title="院校扫码签发", nav="/console/issuances", it=it)


async def certificate_list(call: Call) -> HTTPResponse:
    wanted = page_base.read(call, CertificateQuery)
    problem, total = "", 0
    page: Page[certificate_search.CertificateView] = Page()
    try:
        page = await certificate_search.listing(
            call.s.clock,
            wanted.wanted,
            cursor=wanted.cursor,
            before=wanted.before,
            limit=wanted.limit,
            sort=wanted.order,
            actor=call.actor,
        )
        total = await certificate_search.total(call.s.clock, wanted.wanted, actor=call.actor)
    except Invalid as refused:
        problem = refused.errors[0].detail
    plans = await worklist.plans(call.s.clock, call.actor)
    return await page_base.render(
        call,
        "certificates.html",
        title="证书",
        nav="/console/certificates",
        wanted=wanted,
        items=[shown(one) for one in page.items],
        problem=problem,
        of=listing.around(
            "certificates",
            wanted,
            page,
            total=listing.about(total, certificate_search.COUNTED, "份"),
            words=_certificate_words(plans),
            sorts=certificate_search.SORTS,
        ),
        plans=plans,
        levels=LEVELS,
        own_school=call.actor.school_id,
        states=[(state.value, state.label) for state in CertificateState],
        may_revoke=roles.may(call.actor, Verb.REVOKE),
        may_correct=roles.may(call.actor, Verb.ASK_CORRECTION),
        may_record=roles.may(call.actor, Verb.IMPORT),
        without_portal=await portal.without_number() if roles.may(call.actor, Verb.IMPORT) else 0,
    )


page_base.mount(bp, "/imports", import_list, Verb.SEE_IMPORTS)
page_base.mount(bp, "/imports/<import_id:int>", import_page, Verb.SEE_IMPORTS)
page_base.mount(bp, "/plans", plans, Verb.SEE_PLANS)
page_base.mount(bp, "/issuances", issuances, Verb.SEE_ISSUANCES)
page_base.mount(bp, "/issuances/next", next_batch, Verb.SEE_ISSUANCES)
page_base.mount(bp, "/issuances/<issuance_id:int>", issuance, Verb.SEE_ISSUANCES)
page_base.mount(bp, "/issuances/<issuance_id:int>/print", print_list, Verb.CHECK_LIST)
page_base.mount(bp, "/issuances/<issuance_id:int>/qr", qr, Verb.SHOW_TICKET)
page_base.mount(bp, "/certificates", certificate_list, Verb.SEE_CERTIFICATES)
