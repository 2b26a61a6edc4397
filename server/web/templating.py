"""Pages from Jinja2 templates, and the addresses of their styles and scripts."""

from __future__ import annotations

import hashlib
import re
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from sanic import HTTPResponse, Request
from sanic.response import html

from server.domain import beijing
from server.domain.payments.yuan import yuan
from server.static_place import STATIC as STATIC
from server.web import languages, responses, said_once
from server.web.languages import Speaker
from server.web.phrases import HAN, counted
from server.web.request import services, wechat_page_policy
from server.web.template_words import Reader

TEMPLATES = Path(__file__).with_name("templates")
_HAN = r"\u3400-\u9fff\U00020000-\U0003ffff"
QUOTE = re.compile(
    rf"(\d{{0,8}}[{_HAN}](?:[\u3000-\u303f\uff01-\uff5e·“”*\d\w]{{0,100}}[{_HAN}）*])?)"
)  # Chinese within English
SERVED = ("css", "js", "img", "help")  # the certificate's font is not for the web


@lru_cache(maxsize=256)
def asset(path: str) -> str:
    """The address of a file under static/, with its content's hash: it may be cached for ever."""
    digest = hashlib.sha256((STATIC / path).read_bytes()).hexdigest()[:12]
    return f"/static/{path}?v={digest}"


# What stands at the lower edge of a candidate's pages: name, path, label, drawing in a box of 24.
TABS = (
    ("home", "/h5/", "首页", "M4 11 12 4l8 7v9h-5v-6H9v6H4z"),
    ("results", "/h5/results", "成绩", "M5 20v-9m5 9V5m5 15v-7m5 7V8"),
    ("certificates", "/h5/certificates", "证书", "M4 4h16v12h-5M9 16H4V4m8 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6zm-2 0v4l2-1 2 1v-4M8 8h8"),
    ("orders", "/h5/orders", "缴费", "M4 6h16v13H4zm0 4h16M8 15h4"),
    ("notices", "/h5/notices", "通知", "M6 17v-6a6 6 0 0 1 12 0v6l1.5 2h-15zm4 2a2 2 0 0 0 4 0"),
)  # fmt: skip
# A blank stands behind a code of the country or the place, or before the last four digits; between two longer groups it
# parts two numbers. Fewer than _SHORTEST digits are a time of day.
_DIALLED = re.compile(
    r"(?P<mail>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4})"
    r"|(?<![\d-])(?P<phone>\+?(?:\d{2,4} ){0,2}\d[\d-]{2,16}\d(?: \d{4})?)(?![\d-])",
    re.ASCII,
)
_SHORTEST = 7


def dialled(contact: str) -> Markup:
    """A contact as somebody wrote it, with its telephone numbers and mail addresses to be tapped."""
    parts, end = [], 0
    for found in _DIALLED.finditer(contact):
        mail, number = found["mail"], re.sub(r"[^+\d]", "", found["phone"] or "")
        if not mail and len(number) < _SHORTEST:
            continue
        parts.append(escape(contact[end : found.start()]))
        address = f"mailto:{mail}" if mail else f"tel:{number}"
        parts.append(Markup('<a href="{}">{}</a>').format(address, found[0]))
        end = found.end()
    return Markup("").join([*parts, escape(contact[end:])])


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def when(value: date | str | None) -> str:
    """A day or a moment in a table or among particulars: 2023-09-22, 2023-09-22 09:05 in Beijing; nothing for None.

    Args:
        value: a moment may be written in RFC 3339, as the answers of the API have it.
    """
    if not value:
        return ""
    return beijing.short(_moment(value) if isinstance(value, str) else value)


class EnglishEnvironment(Environment):
    """Templates that say their sentences in English; those that are marked one by one stay as they are."""

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        whole = super().preprocess(source, name, filename)
        if name is None or name.startswith(MARKED):
            return whole
        return Reader(languages.english().exact).translate(whole)


def quoted(text: object) -> object:
    """What a page shows by a variable, in English; what is left of Chinese is marked as such."""
    if not isinstance(text, str) or hasattr(text, "__html__") or not HAN.search(text):
        return text
    parts = QUOTE.split(languages.SPEAKERS[languages.ENGLISH].tell(text))
    quote = Markup('<span lang="zh-CN">{}</span>')
    return Markup("").join(quote.format(one) if at % 2 else escape(one) for at, one in enumerate(parts))


def theirs(text: object) -> object:
    """A name as it is written, marked as Chinese."""
    if not isinstance(text, str) or hasattr(text, "__html__") or not HAN.search(text):
        return text
    return Markup('<span lang="zh-CN">{}</span>').format(text)


def said(text: object) -> object:
    """The same within an attribute, or where no tag may stand."""
    if not isinstance(text, str) or hasattr(text, "__html__"):
        return text
    return languages.SPEAKERS[languages.ENGLISH].tell(text)


@lru_cache(maxsize=len(languages.SPEAKERS))
def environment_of(speaker: Speaker) -> Environment:
    """The templates in one language: their marked sentences, and the filters that write days and minutes."""
    kind = EnglishEnvironment if speaker.tag == languages.ENGLISH else Environment
    environment = kind(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # by the extension
        speaker.say, lambda one, many, count: speaker.say(one if count == 1 else many), newstyle=True
    )
    environment.globals["_"] = (
        speaker.say
    )  # plain text, to be escaped; Jinja2's own takes every sentence for HTML with holes
    environment.globals["speaker"] = speaker
    environment.globals["languages"] = languages.NAMES
    environment.globals["asset"] = asset
    environment.filters["day"] = speaker.day
    environment.filters["written_day"] = lambda text: beijing.say_day(date.fromisoformat(text))
    environment.filters["minute"] = lambda moment: speaker.minute(_moment(moment)) if moment else ""
    environment.globals["when"] = when
    environment.globals["seconds"] = beijing.short_second
    environment.filters["yuan"] = yuan
    environment.filters["dialled"] = dialled
    environment.filters |= {"quoted": quoted, "theirs": theirs, "said": said, "counted": counted}
    environment.filters["named"] = lambda label, kind: speaker.name(kind, label)
    environment.globals["tab_items"] = TABS
    return environment


ANSWERED = re.compile(
    r"(/h5/(?:bind|officer(?:/pin)?)|/s/[A-Za-z0-9_-]{1,64})(?:/(?:confirm|return|mini-program|pairing))?"
)


def _answers(request: Request) -> str:
    """For a page inside WeChat that answers a form: where the form is shown (`here`, `above`); empty for every other page."""
    match = ANSWERED.fullmatch(request.path) if request.method == "POST" else None
    if match is None:
        return ""
    return (
        "here" if match[1] == request.path else "above"
    )  # not the address itself: it may hold a scan's token


MARKED = (
    "verification/",
)  # templates whose sentences are marked one by one, since they quote what a certificate says
SPEAKING = (
    *MARKED,
    "h5/",
    "scan/",
    "console/",
    "front.html",
    "problem.html",
)  # templates that have their English
CHINESE_ALONE = (  # within those: what a candidate takes away
    "console/personal_copy.html",
)


def _other_language(request: Request) -> str:
    """Where the same page speaks the other language; empty where a page cannot be asked for again.

    Without the path of what is shown: it may hold a scan's token or the number of a certificate.
    """
    asked = f"?{languages.ASKED}={languages.speaker(request).other.tag}"
    if request.path.startswith("/h5/login"):
        return ""
    if request.method != "POST":
        return asked
    answered = ANSWERED.fullmatch(request.path)
    return "" if answered is None or request.path.endswith("/mini-program") else answered[1] + asked


USES_WECHAT = ("h5/", "scan/")  # templates of pages inside WeChat; they load static/js/wechat.js


async def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTTPResponse:
    """A page. It is personal or may change, so no cache keeps it.

    `subscribe` in the context: templates that the page's <wx-open-subscribe> asks for; `tab`: where a candidate's page
    stands (see TABS).
    """
    s = services(request)
    speaks = template.startswith(SPEAKING) and not template.startswith(CHINESE_ALONE)
    speaker = languages.speaker(request) if speaks else languages.SPEAKERS[languages.CHINESE]
    is_wechats = template.startswith(USES_WECHAT)
    if is_wechats:
        context = {
            "tab": "",
            "is_done": False,
            "just_done": said_once.said(request),
            "schools": (),
            **context,
        }
    text = (
        environment_of(speaker)
        .get_template(template)
        .render(
            request=request,
            settings=s.settings,
            now=s.clock.now(),
            answers=_answers(request),
            here=request.path,
            in_other_language=_other_language(request),
            **context,
        )
    )
    headers = {"cache-control": "no-store"}
    if is_wechats:
        has_open_tag = bool(context.get("subscribe"))
        headers["content-security-policy"] = wechat_page_policy(s.settings, has_open_tag=has_open_tag)
    response = html(text, status=status, headers=headers)
    if is_wechats:
        said_once.forget(request, response)
    if speaks:
        languages.remember(request, response)
    # A console page has the session's secret in it, beside what its address asks for (decision 0240).
    return response if "csrf" in context else responses.compress(request, response)
