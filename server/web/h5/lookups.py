"""GET /h5/ · /h5/results · /h5/certificates · /h5/certificates/{number}: what a candidate may see."""

from __future__ import annotations

import asyncio
from base64 import b64encode

from sanic import Blueprint, HTTPResponse, Request

from server.domain import lookups
from server.domain.beijing import day
from server.domain.campaigns import persons_notices
from server.domain.exams.results import PASS_MARK
from server.domain.lookups.views import CertificateItem
from server.domain.people import bound_people, school_contacts
from server.domain.people.candidates import Masked
from server.domain.ports import Services, WeChatIdentity
from server.domain.wechat_chat import js_sdk
from server.errors import NotFound
from server.web import templating
from server.web.h5.login import identity
from server.web.request import services

bp = Blueprint("h5_lookups")
TONES = {
    "passed": "good", "failed": "", "absent": "", "deferred": "", "misconduct": "bad", "pending": "wait",
    "valid": "good", "revoked": "bad", "superseded": "",
}  # fmt: skip


async def home(request: Request) -> HTTPResponse:
    s, who = services(request), await identity(request)
    person = await bound_people.person_of(s.keys, who)
    unseen = await _unseen(s, who)
    return await templating.render(
        request,
        "h5/home.html",
        title="首页",
        tab="home",
        person=person,
        unseen=unseen,
        schools=await school_contacts.of_identity(who),
    )


async def results(request: Request) -> HTTPResponse:
    who = await identity(request)
    view = await lookups.results(services(request), who)
    return await templating.render(
        request,
        "h5/results.html",
        title="成绩查询",
        tab="results",
        view=view,
        tones=TONES,
        pass_mark=PASS_MARK,
        schools=await school_contacts.of_identity(who),
        day_of=day,
        subscribe=await _subscribe(request, who, view.person),
        unseen=await _unseen(services(request), who, "/h5/results"),
    )


async def certificate_list(request: Request) -> HTTPResponse:
    who = await identity(request)
    view = await lookups.certificates(services(request), who)
    return await templating.render(
        request,
        "h5/certificates.html",
        title="我的证书",
        tab="certificates",
        view=view,
        tones=TONES,
        schools=await school_contacts.of_identity(who),
        subscribe=await _subscribe(request, who, view.person, js_sdk.OF_CERTIFICATES),
        unseen=await _unseen(services(request), who),
    )


async def _unseen(s: Services, who: WeChatIdentity, page: str = "") -> int:
    """How many notices did not reach this person in WeChat and were not seen here; `page`: what is shown now."""
    candidate = await bound_people.candidate_id_of(who)
    return await persons_notices.left_to_see(s.clock, candidate, page) if candidate is not None else 0


async def _subscribe(
    request: Request, who: WeChatIdentity, person: Masked | None, topics: tuple[str, ...] = js_sdk.LOOKED_UP
) -> str:
    """The notices that somebody who is bound may ask for here."""
    return await js_sdk.reminders(services(request).settings, who, topics) if person else ""


async def certificate(request: Request, number: str) -> HTTPResponse:
    """One certificate: its picture, its PDF, its QR, and what has become of it."""
    s, who = services(request), await identity(request)
    item = await own_certificate(request, who, number)
    await _unseen(s, who, f"/h5/certificates/{number}")
    return await templating.render(
        request,
        "h5/certificate.html",
        title="证书详情",
        item=item,
        tones=TONES,
        qr=b64encode(await asyncio.to_thread(s.pdf_renderer.qr_png, item.verification_url)).decode(),
        android="Android" in request.headers.get("user-agent", ""),
    )


async def own_certificate(request: Request, who: WeChatIdentity, number: str) -> CertificateItem:
    """This person's certificate. Raises NotFound for every other number, there or not."""
    item = await lookups.certificate(services(request), who, number)
    if item is None:
        raise NotFound(
            "certificate_not_found",
            "在您的证书中没有这个编号。请从“我的证书”进入，或核对当前绑定的考生信息。",
        )
    return item


bp.add_route(home, "/h5/", methods=["GET"], name="home")
bp.add_route(results, "/h5/results", methods=["GET"], name="results")
bp.add_route(certificate_list, "/h5/certificates", methods=["GET"], name="certificates")
bp.add_route(certificate, r"/h5/certificates/<number:([0-9A-Z]{8,24})>", methods=["GET"], name="certificate")
