"""GET, POST /h5/bind · POST /h5/unbind · GET /h5/bind/picture: who this WeChat identity is."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import raw, redirect

from server.domain.auth import web_login
from server.domain.people import binding_limits, bindings, bound_people, captcha, school_contacts
from server.domain.ports import WeChatIdentity
from server.domain.wechat_chat import js_sdk
from server.errors import Invalid, Refused, TooMany
from server.web import said_once, templating
from server.web.h5 import forms
from server.web.h5.login import SESSION_COOKIE, identity
from server.web.request import caller, client_address, services, set_cookie

bp = Blueprint("h5_binding")
PLACES = {"oa": "公众号", "mp": "小程序"}


async def form(request: Request) -> HTTPResponse:
    """The form; or who is bound, and the way to undo it."""
    who = await identity(request)
    s = services(request)
    person = await bound_people.person_of(s.keys, who)
    if person is not None:
        return await templating.render(
            request,
            "h5/bound.html",
            title="考生信息",
            person=person,
            schools=await school_contacts.of_identity(who),
            elsewhere=[
                {"place": PLACES[one.account], "at": one.bound_at}
                for one in await bound_people.elsewhere(who)
            ],
            subscribe=await js_sdk.reminders(s.settings, who),
        )
    needed = await binding_limits.image_needed(s.rate_limiter, who, address=client_address(request))
    return await _form(request, who, picture=needed)


async def bind(request: Request) -> HTTPResponse:
    """Bind, then show the results; or show the form again with what was wrong."""
    forms.require_own(request)
    who = await identity(request)
    name, number = forms.field(request, "name"), forms.field(request, "id_number", 60)
    try:
        await bindings.bind(
            services(request),
            who,
            name,
            number,
            caller=caller(request),
            proof=bindings.Proof(
                image_answer=forms.field(request, "captcha", 20),
                phone_last4=forms.field(request, "phone_last4", 20),
            ),
        )
    except TooMany as refusal:
        return await _form(request, who, name=name, refusal=refusal, status=429)
    except Refused as refusal:
        is_asked = refusal.code in ("captcha_required", "captcha_wrong")
        needed = is_asked or await binding_limits.image_needed(
            services(request).rate_limiter, who, address=client_address(request)
        )
        return await _form(
            request, who, name=name, number=number, refusal=refusal, picture=needed, status=422
        )
    return said_once.say(request, redirect("/h5/results", status=303), "bound")


async def unbind(request: Request) -> HTTPResponse:
    forms.require_own(request)
    who = await identity(request)
    await bindings.unbind(services(request), who, caller=caller(request))
    response = redirect("/h5/bind", status=303)  # all sessions are over; this browser goes on with a new one
    set_cookie(
        request,
        response,
        SESSION_COOKIE,
        web_login.session_for(services(request), who),
        seconds=web_login.SESSION_SECONDS,
    )
    return said_once.say(request, response, "unbound")


async def picture(request: Request) -> HTTPResponse:
    """A new picture for the image check; the one before it is void."""
    s = services(request)
    image = await captcha.draw(s.cache, s.image_check, await identity(request))
    return raw(image, content_type="image/png", headers={"cache-control": "no-store"})


async def _form(
    request: Request,
    who: WeChatIdentity,
    *,
    name: str = "",
    number: str = "",
    refusal: Refused | None = None,
    picture: bool = False,
    status: int = 200,
) -> HTTPResponse:
    problems: dict[str, Any] = {}
    if isinstance(refusal, Invalid):
        problems = {error.pointer.lstrip("/"): error.detail for error in refusal.errors}
    elif refusal is not None and refusal.code == "captcha_wrong":
        problems = {"captcha": refusal.message}
    s = services(request)
    image, question = "", ""
    if picture and _asks(request):
        question = await captcha.ask(s.cache, who)
    elif picture:
        image = b64encode(await captcha.draw(s.cache, s.image_check, who)).decode()
    return await templating.render(
        request,
        "h5/bind.html",
        status=status,
        title="绑定考生信息",
        name=name,
        number=number,
        refusal=refusal,
        problems=problems,
        phone_last4=forms.field(request, "phone_last4", 4),
        image=image,
        question=question,
        needs_phone=s.settings.requires_binding_phone,
    )


def _asks(request: Request) -> bool:
    """Whether this person wants a question instead of a picture, as by the form's link."""
    return "question" in (request.args.get("check"), forms.field(request, "check", 10))


bp.add_route(form, "/h5/bind", methods=["GET"], name="form")
bp.add_route(bind, "/h5/bind", methods=["POST"], name="bind")
bp.add_route(picture, "/h5/bind/picture", methods=["GET"], name="picture")
bp.add_route(unbind, "/h5/unbind", methods=["POST"], name="unbind")
