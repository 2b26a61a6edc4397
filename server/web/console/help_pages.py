"""帮助: an index of the jobs that is searched as one types, and a page for each."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from sanic import Blueprint, HTTPResponse, Request

from server.errors import NotFound, Unverified
from server.web import languages, templating
from server.web.console import auth, help_jobs, page_base
from server.web.console.auth import Call
from server.web.console.help_jobs import JOBS, PICTURES, Job
from server.web.template_words import Reader

bp = Blueprint("console_help", url_prefix="/console")
_FOR_STRANGERS = "sign-in"  # who cannot log in needs this one most
_MARKUP = re.compile(r"\{[{%#][^{}]*\}+|<[^<>]*>")


@lru_cache(maxsize=len(languages.SPEAKERS) * len(JOBS))
def text_of(slug: str, tag: str) -> str:
    """Everything that a page of help says in a language, without its markup, to be searched."""
    source = (templating.TEMPLATES / "console/help" / f"{slug}.html").read_text("utf-8")
    if tag == languages.ENGLISH:
        source = Reader(languages.english().exact).translate(source)
    return " ".join(_MARKUP.sub(" ", source).split())


async def help_index(call: Call) -> HTTPResponse:
    groups = [
        (title, found)
        for title, jobs in help_jobs.GROUPS
        if (found := [job for job in jobs if help_jobs.concerns(job, call.actor)])
    ]
    return await page_base.render(
        call, "help_index.html", title="帮助", nav="/console/help", groups=groups, text_of=text_of
    )


async def help_page(call: Call, slug: str) -> HTTPResponse:
    job = _job(slug)
    rooms = [(href, label) for href, label in page_base.navigation(call.actor) if href in job.pages]
    if "/console/account" in job.pages:
        rooms.append(("/console/account", "我的账号"))
    near = [
        other
        for other in JOBS.values()
        if other is not job and set(other.pages) & set(job.pages) and help_jobs.concerns(other, call.actor)
    ]
    return await page_base.render(
        call, f"help/{slug}.html", nav="/console/help", rooms=rooms, near=near, **_shown(call.request, job)
    )


@bp.get("/help/sign-in")
async def help_with_logging_in(request: Request) -> HTTPResponse:
    """The one page that needs no log-in; who has one sees it in the console's frame."""
    try:
        call = await auth.who(request)
    except Unverified:
        return await _bare(request)
    return await (_bare(request) if call.account.must_change_password else help_page(call, _FOR_STRANGERS))


async def _bare(request: Request) -> HTTPResponse:
    job = _job(_FOR_STRANGERS)
    template = f"console/help/{job.slug}.html"
    return await templating.render(request, template, frame="console/bare.html", **_shown(request, job))


def _job(slug: str) -> Job:
    if slug not in JOBS:
        raise NotFound("page_not_found", "没有这一页帮助；请在“帮助”里查找。")
    return JOBS[slug]


def _shown(request: Request, job: Job) -> dict[str, Any]:
    speaker = languages.speaker(request)

    def picture(name: str) -> Markup:
        tag = Markup('<img class="help-picture" src="{}" alt="{}" loading="lazy">')
        return tag.format(templating.asset(f"help/{name}.webp"), speaker.tell(PICTURES[name]))

    return {"title": job.title, "picture": picture}


page_base.mount(bp, "/help", help_index)
page_base.mount(bp, "/help/<slug:str>", help_page)
