"""The languages that pages speak: gettext catalogues, read by Babel. Chinese is what stands in the templates themselves.

A page says `{% trans %}…{% endtrans %}` or `_("…")`; whatever the catalogue lacks stays Chinese, and a test fails. To
have one more room speak English, mark its templates and add their words to `locale/en.po` (docs/develop.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel.dates import format_date, format_datetime
from babel.messages.pofile import read_po
from sanic import HTTPResponse, Request

from server.domain import beijing
from server.web.request import set_cookie

CATALOGUES = Path(__file__).with_name("locale")
CHINESE, ENGLISH = "zh-CN", "en"
NAMES = {CHINESE: "中文", ENGLISH: "English"}  # each in its own language
COOKIE, SECONDS = "xcert_language", 180 * 24 * 3600
ASKED = "lang"  # in an address: this page in that language, and the next ones too


@lru_cache(maxsize=1)
def english() -> dict[str, str]:
    """Chinese → English, of every sentence that has its English."""
    with (CATALOGUES / "en.po").open("rb") as file:
        catalogue = read_po(file, locale="en", abort_invalid=True)
    return {str(one.id): str(one.string) for one in catalogue if one.id and one.string and not one.fuzzy}


@dataclass(frozen=True, slots=True)
class Speaker:
    """One language: what a sentence, a day and a minute are in it. `tag`: BCP 47, as <html lang> has it."""

    tag: str

    def say(self, sentence: str) -> str:
        """The sentence in this language; as it is where its words are missing."""
        return english().get(sentence, sentence) if self.tag == ENGLISH else sentence

    def day(self, value: date) -> str:
        """2023年9月22日, 22 September 2023."""
        return format_date(value, "d MMMM y", locale="en") if self.tag == ENGLISH else beijing.say_day(value)

    def minute(self, moment: datetime) -> str:
        """Beijing time: 2023年9月22日 09:05, 22 September 2023, 09:05."""
        if self.tag != ENGLISH:
            return beijing.say_minute(moment)
        return format_datetime(beijing.local(moment), "d MMMM y, HH:mm", locale="en")

    @property
    def other(self) -> Speaker:
        return SPEAKERS[CHINESE if self.tag == ENGLISH else ENGLISH]


SPEAKERS = {tag: Speaker(tag) for tag in NAMES}


def speaker(request: Request) -> Speaker:
    """Who speaks to this visitor: as the address asks, as was chosen before, or as the browser prefers.

    English only to whoever asks for it or has no Chinese among the languages of the browser.
    """
    for wish in (request.args.get(ASKED), request.cookies.get(COOKIE)):
        if wish in SPEAKERS:
            return SPEAKERS[wish]
    known = [
        part.split(";")[0].strip().lower()
        for part in request.headers.get("accept-language", "").split(",")[:20]
    ]
    is_foreign = any(one.startswith("en") for one in known) and not any(one.startswith("zh") for one in known)
    return SPEAKERS[ENGLISH if is_foreign else CHINESE]


def remember(request: Request, response: HTTPResponse) -> None:
    """Keep what the address asked for, for the pages to come."""
    wish = request.args.get(ASKED)
    if wish in SPEAKERS:
        set_cookie(request, response, COOKIE, wish, seconds=SECONDS)
