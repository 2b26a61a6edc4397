"""GET /h5/notices · POST /h5/notices/choices: what a candidate was told, and what they want to be told."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain.actor import Actor
from server.domain.campaigns import persons_notices
from server.domain.notices import choices
from server.domain.people import bound_people
from server.errors import NotFound
from server.web import said_once, templating
from server.web.h5 import forms
from server.web.h5.login import identity
from server.web.request import caller, services

bp = Blueprint("h5_notices")


async def listing(request: Request) -> HTTPResponse:
    """The notices of the last months, and a switch for each kind that one can do without."""
    s = services(request)
    candidate = await bound_people.candidate_id_of(await identity(request))
    return await templating.render(
        request,
        "h5/notice_page.html",
        title="通知",
        tab="notices",
        is_bound=candidate is not None,
        notices=await persons_notices.shown(s.clock, candidate) if candidate is not None else [],
        choices=choices.CHOICES,
        wanted=await choices.wanted_by(candidate) if candidate is not None else {},
        always=choices.ALWAYS,
    )


async def choose(request: Request) -> HTTPResponse:
    """One switch: on or off, as the form says; back to the page."""
    forms.require_own(request)
    candidate = await bound_people.candidate_id_of(await identity(request))
    if candidate is None:
        raise NotFound("not_bound", "您还没有绑定考生信息，请先绑定。")
    actor = Actor("candidate", candidate, "考生").called_by(caller(request))
    wants = forms.field(request, "wants", 3) == "yes"
    choice = forms.field(request, "choice", 20)
    await choices.choose(services(request).clock, candidate, choice, wants=wants, actor=actor)
    return said_once.say(request, redirect("/h5/notices#choices", status=303), "saved")


bp.add_route(listing, "/h5/notices", methods=["GET"], name="notices")
bp.add_route(choose, "/h5/notices/choices", methods=["POST"], name="choose")
