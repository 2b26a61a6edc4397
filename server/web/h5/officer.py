"""/h5/officer: an invited person becomes an officer; an officer sees what waits for their school's signature.

An invitation's token comes in the link once: it is moved into a sealed cookie at once and the address is cleaned, so
that it stays in no history, no log and no Referer.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain.auth import sessions
from server.domain.issuance import own_receipts
from server.domain.issuance.officer_query import waiting
from server.domain.people import officer_terms, officers, school_contacts
from server.domain.people.invitation_acceptance import Invited
from server.domain.people.officer_states import OfficerState
from server.domain.ports import WeChatIdentity
from server.errors import FieldError, Invalid, Refused, TooMany, Unverified
from server.web import said_once, templating
from server.web.h5 import forms
from server.web.h5.login import identity
from server.web.request import caller, drop_cookie, services, set_cookie

bp = Blueprint("h5_officer")

PAGE = "/h5/officer"
COOKIE = "xcert_invitation"
COOKIE_SECONDS = 1800


async def show(request: Request) -> HTTPResponse:
    """GET: the invitation, if one is open in this browser; else the officer's own page."""
    if token := request.args.get("invitation") or request.args.get("invite"):
        return _move_to_cookie(request, token)
    who = await identity(request)
    if invitation := _invitation(request):
        return await _invited(request, who, invitation)
    return await _home(request, who)


def _move_to_cookie(request: Request, token: str) -> HTTPResponse:
    """Move the token from the address into a cookie."""
    response = redirect(PAGE, status=303)
    response.headers["cache-control"] = "no-store"
    response.headers["referrer-policy"] = "no-referrer"
    sealed = sessions.mint(services(request), "invite", token[:200], COOKIE_SECONDS)
    set_cookie(request, response, COOKIE, sealed, seconds=COOKIE_SECONDS, path=PAGE)
    return response


def _invitation(request: Request) -> str:
    try:
        return sessions.open(services(request), "invite", request.cookies.get(COOKIE) or "").subject
    except Unverified:
        return ""


def invitation_url(public_url: str, token: str) -> str:
    """What an invited person opens in WeChat."""
    return f"{public_url}{PAGE}?invitation={token}"


async def _invited(request: Request, who: WeChatIdentity, token: str) -> HTTPResponse:
    try:
        invited = await officers.invitation_of(services(request).clock, token)
    except Refused as refusal:
        return _closed(request, await _home(request, who, refusal=refusal))
    if invited.is_taken_up:
        return _closed(request, redirect(PAGE, status=303))
    return await _pin_form(request, invited)


def _closed(request: Request, response: HTTPResponse) -> HTTPResponse:
    drop_cookie(request, response, COOKIE, path=PAGE)
    return response


async def accept(request: Request) -> HTTPResponse:
    """POST: set the signing PIN and become an officer."""
    forms.require_own(request)
    who = await identity(request)
    token = _invitation(request)
    if not token:
        return redirect(PAGE, status=303)
    s = services(request)
    pin, again = forms.field(request, "pin", 20), forms.field(request, "pin_again", 20)
    try:
        invited = await officers.invitation_of(s.clock, token)
        if pin != again:
            detail = "两次输入的签发密码不一样，请重新输入。"
            return await _pin_form(request, invited, problem=FieldError("/pin", "pin_again", detail))
        digits = forms.field(request, "phone_last4", 20)
        await officers.accept(s, token, pin, phone_last4=digits, identity=who, caller=caller(request))
    except Invalid as refusal:
        return await _pin_form(request, invited, problem=refusal.errors[0])
    except TooMany:
        raise
    except Refused as refusal:
        return _closed(request, await _home(request, who, refusal=refusal))
    return _closed(request, said_once.say(request, redirect(PAGE, status=303), "officer"))


async def pair(request: Request) -> HTTPResponse:
    """POST: a code with which the same person signs in the mini-program."""
    forms.require_own(request)
    who = await identity(request)
    code = await officers.pairing_code(services(request).cache, who)
    return await templating.render(
        request,
        "h5/officer_pairing.html",
        title="在小程序中签发",
        code=code,
        minutes=officers.PAIRING_SECONDS // 60,
    )


async def _pin_form(request: Request, invited: Invited, *, problem: FieldError | None = None) -> HTTPResponse:
    return await templating.render(
        request,
        "h5/officer_accept.html",
        status=422 if problem else 200,
        title="重新设置签发密码" if invited.sets_new_pin else "接受邀请",
        invited=invited,
        problem=problem.detail if problem else "",
        wrong="phone" if problem and problem.pointer == "/phone_last4" else "pin",
    )


async def _home(request: Request, who: WeChatIdentity, *, refusal: Refused | None = None) -> HTTPResponse:
    officer = await officers.officer_for(who)
    s = services(request)
    is_over = officer is not None and officer_terms.is_over(officer.until, s.clock.now())
    is_active = officer is not None and officer.state is OfficerState.ACTIVE and not is_over
    return await templating.render(
        request,
        "h5/officer.html",
        status=409 if refusal is not None else 200,
        title="院校签发",
        officer=officer,
        is_active=is_active,
        is_over=is_over,
        school_contact=await school_contacts.contact_of(officer.school_id) if officer is not None else "",
        signed=await own_receipts.listing(officer.id) if officer is not None else None,
        batches=await waiting(s.clock, officer.school_id) if officer is not None and is_active else [],
        colleagues=await officers.colleagues(officer) if officer is not None and is_active else [],
        refusal=refusal,
    )


bp.add_route(show, PAGE, methods=["GET"], name="show")
bp.add_route(accept, PAGE, methods=["POST"], name="accept")
bp.add_route(pair, f"{PAGE}/pairing", methods=["POST"], name="pair")
