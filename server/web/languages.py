"""The languages that pages speak: gettext catalogues, read by Babel. Chinese is what stands in templates and code themselves.

What the catalogues under `locale/en/` lack stays Chinese, and a test fails (docs/develop.md). A sentence may have holes:
`共 {1} 人` is found for what was made by f"共 {count} 人", and what stands in the hole is said in English too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path

from babel.dates import format_date, format_datetime
from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from sanic import HTTPResponse, Request

from server.domain import beijing
from server.web.phrases import HAN, Phrases
from server.web.request import set_cookie

CATALOGUES = Path(__file__).with_name("locale")
CHINESE, ENGLISH = "zh-CN", "en"
NAMES = {CHINESE: "中文", ENGLISH: "English"}  # each in its own language
VERIFICATION = "verification"  # the catalogue of the pages that are marked sentence by sentence
COOKIE, SECONDS = "xcert_language", 180 * 24 * 3600
ASKED = "lang"  # in an address: this page in that language, and the next ones too


@lru_cache(maxsize=2)
def english(first: str = "") -> Phrases:
    """Chinese → English, of every sentence that has its English.

    Args:
        first: the catalogue whose words go before the others'; the verification pages have words of their own.
    """
    phrases: dict[str, str] = {}
    for path in sorted(
        (CATALOGUES / "en").glob("*.po"),
        key=lambda one: (one.stem == first, one.stem != VERIFICATION, one.stem),
    ):
        with path.open("rb") as file:
            catalogue = read_po(file, locale="en", abort_invalid=True)
        phrases |= {
            _key(one): str(one.string) for one in catalogue if one.id and one.string and not one.fuzzy
        }
    return Phrases(phrases)


def _key(one: Message) -> str:
    return f"{one.context}|{one.id}" if one.context else str(one.id)


@dataclass(frozen=True, slots=True)
class Speaker:
    """One language: what a sentence, a day and a minute are in it. `tag`: BCP 47, as <html lang> has it."""

    tag: str

    def say(self, sentence: str) -> str:
        """A marked sentence of a verification page in this language; as it is where its words are missing."""
        return english(VERIFICATION).say(sentence) if self.tag == ENGLISH else sentence

    def tell(self, sentence: str) -> str:
        """What any other page says, in this language."""
        return english().say(sentence) if self.tag == ENGLISH else sentence

    def name(self, kind: str, label: str) -> str:
        """A label that is another word as the name of a thing of this kind: msgctxt in the catalogue."""
        return english().known.get(f"{kind}|{label}") or self.tell(label) if self.tag == ENGLISH else label

    def lacks(self, sentence: str) -> bool:
        """Whether the sentence can be said in Chinese alone."""
        return self.tag == ENGLISH and bool(HAN.search(sentence)) and english().find(sentence) is None

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
