"""更正 (S68): cases with their formal letter, asked for by a school or by staff and decided by somebody else."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field
from sanic import HTTPResponse

from server.domain.corrections import case_letters, case_views, deciding, requesting
from server.domain.corrections.case_views import CorrectionView
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.requesting import Wish
from server.domain.corrections.states import CorrectionState
from server.domain.exams.results import Status
from server.domain.levels import Level
from server.domain.roles import Verb
from server.domain.sealed_files import CONTENT_TYPES
from server.web.console.answers import Decided, Id, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.console.transfer_desk import handed_in
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Answer, Input, OneOf, Whole, plain


class CaseChange(Answer):
    """One thing that becomes another; an identity number shows its ends and the places that differ."""

    label: str
    was: str
    becomes: str


class MadeAnew(Answer):
    """A certificate that the correction makes anew, and the batch of one that it is in."""

    old_number: str
    old_state: str
    old_state_label: str
    new_number: str | None
    issuance_id: int
    batch_state: str
    batch_state_label: str


class Correction(Answer):
    id: int
    kind: str
    kind_label: str
    state: str
    state_label: str
    candidate_id: int
    name: str
    id_masked: str
    school: str | None
    admission_number: str | None
    changes: list[CaseChange]
    certificates: list[MadeAnew]
    reason: str
    letter_kind: str
    requested_by: str
    requested_by_school: bool
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    done_at: datetime | None
    may_decide: bool
    may_withdraw: bool
    needs_number: bool


class CorrectionQuery(Turning):
    state: Annotated[str | None, OneOf(CorrectionState)] = None
    kind: Annotated[str | None, OneOf(CorrectionKind)] = None
    sort: Annotated[str | None, OneOf(case_views.SORTS)] = None


class NewCorrection(Input):
    kind: Annotated[str, OneOf(CorrectionKind)] = Field(
        description="person 考生信息、placement 考试计划或等级、score 成绩、reissue 重新发证"
    )
    about: str = Field(default="", max_length=40, description="准考证号或证书编号")
    candidate_id: Whole | None = Field(default=None, description="考生；about 为空时才看，只用于考生信息")
    name: str = Field(default="", max_length=100, description="正确的姓名")
    id_number: str = Field(default="", max_length=40, description="正确的证件号码")
    plan: str = Field(default="", max_length=120, description="正确的考试计划名称")
    level: Annotated[str | None, OneOf(Level)] = Field(default=None, description="正确的等级")
    subject: str = Field(default="", max_length=60, description="考试科目；只有一个科目时可以不填")
    status: Annotated[str | None, OneOf(Status)] = Field(
        default=None, description="scored 有分数，其余为缺考等"
    )
    score: str = Field(default="", max_length=10, description="0 到 100，最多一位小数")
    reason: str = Field(
        min_length=1, max_length=400, description="更正的缘由，例如函件的日期和文号；不写证件号码"
    )


class Approval(Input):
    id_number: str = Field(
        default="", max_length=40, description="更正证件号码时必填：照函件再填一次正确的号码"
    )


class CorrectionRefusal(Input):
    note: str = Field(min_length=1, max_length=300)


async def listing(call: Call, query: CorrectionQuery) -> Page[Correction]:
    page = await case_views.listing(
        call.s.keys,
        state=query.state,
        kind=query.kind,
        turn=query.turn(case_views.SORTS),
        actor=call.actor,
    )
    return page_of(Correction, [shown(one) for one in page.items], page.next_cursor, page.before)


async def one(call: Call, correction_id: int) -> Correction:
    return shown(await case_views.view(call.s.keys, correction_id, actor=call.actor))


async def request(call: Call, form: NewCorrection) -> Id:
    wish = Wish(
        kind=CorrectionKind(form.kind),
        about=form.about,
        candidate_id=form.candidate_id,
        name=form.name,
        id_number=form.id_number,
        plan=form.plan,
        level=form.level or "",
        subject=form.subject,
        status=form.status or Status.SCORED.value,
        score=form.score,
        reason=form.reason,
        letter=handed_in(call),
    )
    return Id(id=await requesting.request(call.s, wish, actor=call.actor))


async def letter(call: Call, correction_id: int) -> HTTPResponse:
    file = await case_letters.letter(call.s, correction_id, actor=call.actor)
    return download(file.data, CONTENT_TYPES[file.kind], f"更正函件-{correction_id}.{file.kind}")


async def approve(call: Call, body: Approval, correction_id: int) -> Decided:
    state = await deciding.approve(call.s, correction_id, id_number=body.id_number, actor=call.actor)
    return Decided(state=state.value)


async def refuse(call: Call, body: CorrectionRefusal, correction_id: int) -> Decided:
    state = await deciding.refuse(call.s, correction_id, body.note, actor=call.actor)
    return Decided(state=state.value)


async def withdraw(call: Call, correction_id: int) -> Decided:
    return Decided(state=(await deciding.withdraw(call.s, correction_id, actor=call.actor)).value)


def shown(of: CorrectionView) -> Correction:
    """The case as the API answers it, and the pages show it."""
    return Correction(**plain(of))


_ONE = "/corrections/<correction_id:int>"
ROUTES = [
    Route("GET", "/corrections", listing, "更正", takes=CorrectionQuery, gives=Page[Correction], verb=Verb.SEE_CORRECTIONS),
    Route("POST", "/corrections", request, "提出更正，附加盖公章的函件；由另一个人批准", takes=NewCorrection, gives=Id, status=201, creates=True, file=True, verb=Verb.ASK_CORRECTION),
    Route("GET", _ONE, one, "一件更正：更正前与更正后，及换发的证书", gives=Correction, verb=Verb.SEE_CORRECTIONS),
    Route("GET", f"{_ONE}/letter", letter, "下载更正的函件；每次下载都记入审计", gives="application/octet-stream", verb=Verb.SEE_CORRECTIONS),
    Route("POST", f"{_ONE}/approve", approve, "批准：记录立即更正，已发放的证书各建立一个批次换发", takes=Approval, gives=Decided, verb=Verb.APPROVE_CORRECTION),
    Route("POST", f"{_ONE}/refuse", refuse, "不批准，并写明原因", takes=CorrectionRefusal, gives=Decided, verb=Verb.APPROVE_CORRECTION),
    Route("POST", f"{_ONE}/withdraw", withdraw, "撤回自己提出的更正", gives=Decided, verb=Verb.ASK_CORRECTION),
]  # fmt: skip
