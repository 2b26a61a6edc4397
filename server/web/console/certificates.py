"""证书: search, revocation, and the national portal's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from sanic import HTTPResponse

from server.domain.beijing import rfc3339
from server.domain.certificates import certificate_search, portal, revocation
from server.domain.certificates.certificate_search import CertificateView
from server.domain.certificates.claims import tidy_number
from server.domain.certificates.states import CertificateState
from server.domain.dossiers import certificate_dossier
from server.domain.levels import Level
from server.domain.lookups.list_exports import SLICE, Taking
from server.domain.portal_lists import keeping
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, Refused
from server.web.console import listing as listing_parts
from server.web.console.answers import Certificate, Page, PortalRefusal, PortalTaken
from server.web.console.auth import Call
from server.web.console.imports import XLSX
from server.web.console.paging import Paging, page_of
from server.web.responses import download, unless_known
from server.web.routes import Route
from server.web.schema import Day, Input, OneOf, Whole


class CertificateQuery(Paging):
    number: str | None = Field(default=None, max_length=40, description="证书编号")
    name: str | None = Field(default=None, max_length=100, description="姓名，或其中几个字")
    state: Annotated[str | None, OneOf(CertificateState)] = None
    issuance_id: Whole | None = None
    plan_id: Whole | None = None
    level: Annotated[str | None, OneOf(Level)] = None
    school: str | None = Field(default=None, max_length=100, description="院校名称或其中几个字")
    issued_from: Day | None = Field(default=None, description="发证日期，从这一天起")
    issued_to: Day | None = Field(default=None, description="发证日期，到这一天为止")
    sort: Annotated[str | None, OneOf(certificate_search.SORTS)] = None
    before: str | None = Field(default=None, max_length=40, description="本页的 before，用来往回翻")

    @property
    def wanted(self) -> certificate_search.Wanted:
        return certificate_search.Wanted(**self.model_dump(exclude={"cursor", "limit", "before", "sort"}))

    @property
    def order(self) -> str:
        return self.sort or "-id"


class Revocation(Input):
    reason: str = Field(min_length=1, max_length=300)


class PortalRow(Input):
    number: str = Field(max_length=40, description="本系统的证书编号")
    portal_number: str = Field(max_length=portal.LONGEST, description="门户的证书编号，以门户为准")
    name: str | None = Field(default=None, max_length=100, description="持证人姓名；填写时必须一致")


class PortalNumbers(Input):
    items: list[PortalRow] = Field(min_length=1, max_length=1000)


async def listing(call: Call, query: CertificateQuery) -> Page[Certificate]:
    page = await certificate_search.listing(
        call.s.clock,
        query.wanted,
        cursor=query.cursor,
        before=query.before,
        limit=query.limit,
        sort=query.order,
        actor=call.actor,
    )
    return page_of(Certificate, [shown(one) for one in page.items], page.next_cursor, page.before)


def shown(one: CertificateView) -> Certificate:
    """The certificate as the API answers it, and the page shows it."""
    return Certificate(
        number=one.number,
        state=one.state.value,
        state_label=one.state.label,
        name_masked=one.name_masked,
        level=one.level.value,
        level_label=one.level.label,
        plan=one.plan,
        school=one.school,
        issuance_id=one.issuance_id,
        issued_on=one.issued_on.isoformat() if one.issued_on else None,
        sealed_at=rfc3339(one.sealed_at),
        pdf_sha256=one.pdf_sha256,
        portal_number=one.portal_number,
        revoked_at=rfc3339(one.revoked_at),
        revoke_reason=one.revoke_reason,
        superseded_by=one.superseded_by,
        superseded_at=rfc3339(one.superseded_at),
        superseded_word=one.superseded_word,
        corrects=one.corrects,
        attempts=one.attempts,
        last_error=one.last_error,
    )


async def export(call: Call, query: CertificateQuery) -> None:

    say = listing_parts.words_of(call)

    async def written(items: Sequence[certificate_search.CertificateView]) -> list[list[str | int | None]]:
        return [
            [one.number, one.portal_number, one.name_masked, one.school, one.plan, say(one.level.label),
             one.issued_on.isoformat() if one.issued_on else "", say(one.state.label), one.revoke_reason]
            for one in items
        ]  # fmt: skip

    head: dict[str, float] = {
        "证书编号": 20,
        "门户证书编号": 20,
        "姓名": 12,
        "院校": 28,
        "考试计划": 40,
        "等级": 8,
        "发证日期": 12,
        "状态": 12,
        "撤销原因": 30,
    }
    taking = Taking(
        what="certificates",
        filters=listing_parts.filters(query),
        read=lambda cursor: certificate_search.listing(
            call.s.clock, query.wanted, cursor=cursor, limit=SLICE, sort=query.order, actor=call.actor
        ),
        written=written,
        title="证书",
        head=head,
    )
    await listing_parts.send_table(call, taking)


async def revoke(call: Call, body: Revocation, number: str) -> None:
    await revocation.revoke(call.s.clock, call.s.faults, number, body.reason, actor=call.actor)


async def pdf(call: Call, number: str) -> HTTPResponse:
    data = await certificate_dossier.file(call.s, number, actor=call.actor)
    return download(data, "application/pdf", f"{tidy_number(number)}.pdf")


async def preview(call: Call, number: str) -> HTTPResponse:
    image = await certificate_dossier.picture(call.s, number, actor=call.actor)
    kept = {"cache-control": "private, no-cache"}
    return unless_known(call.request, image, content_type="image/jpeg", headers=kept)


async def record_portal(call: Call, body: PortalNumbers) -> PortalTaken:
    weighed = await keeping.record(call.s, _pairs(body.items), actor=call.actor)
    refused = [
        PortalRefusal(
            pointer=f"/items/{place}/{why.field}",
            number=body.items[place].number,
            code=why.code,
            detail=why.detail,
        )
        for place, why in sorted(weighed.objections.items())
    ]
    return PortalTaken(taken=len(weighed.changes), unchanged=weighed.unchanged, refused=refused)


def _pairs(items: list[PortalRow]) -> list[portal.Pair]:
    """Raises Invalid: a number that cannot be one."""
    pairs, wrong = [], []
    for place, item in enumerate(items):
        field = "number"
        try:
            ours = portal.our_number(item.number)
            field = "portal_number"
            pairs.append(portal.Pair(ours, portal.their_number(item.portal_number), item.name or ""))
        except Refused as refused:
            wrong.append(FieldError(f"/items/{place}/{field}", refused.code, refused.message))
    if wrong:
        raise Invalid(errors=wrong)
    return pairs


ROUTES = [
    Route("GET", "/certificates", listing, "查找证书", takes=CertificateQuery, gives=Page[Certificate], verb=Verb.SEE_CERTIFICATES),
    Route("GET", "/certificates/export.xlsx", export, "证书，作为表格（姓名掩去）；导出记入审计", takes=CertificateQuery, gives=XLSX, verb=Verb.SEE_CERTIFICATES),
    Route("GET", "/certificates/<number:str>/certificate.pdf", pdf, "一份电子证书；下载记入审计", gives="application/pdf", verb=Verb.DOWNLOAD),
    Route("GET", "/certificates/<number:str>/preview.jpg", preview, "证书的样子，小图；查看记入审计", gives="image/jpeg", verb=Verb.DOWNLOAD),
    Route("POST", "/certificates/<number:str>/revoke", revoke, "撤销证书", takes=Revocation, status=204, verb=Verb.REVOKE),
    Route("POST", "/certificates/portal-numbers", record_portal, "登记国家门户的证书编号（表格请用 POST /imports，kind=portal）",
          takes=PortalNumbers, gives=PortalTaken, creates=True, verb=Verb.IMPORT),
]  # fmt: skip
