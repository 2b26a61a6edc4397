"""Every GET of the console, as everybody who may: addresses with real things in them, and each page's own filters and next pages.

The routes are the application's own, and the filters are read off the pages, so that what is added is walked by itself.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import School, Staff
from tests.kit.console_desk import Browser, seated
from tests.large import money_paths
from tests.large.filled import FIRST
from tests.large.living import Values

App = Sanic[Any, Any]
# What has no end.
ENDLESS = frozenset({"/console/api/v1/issuances/<issuance_id:int>/events"})
EXPORT = re.compile(r".*/(export\.xlsx|accounts-export)")  # written as long as it is: minutes, in flat memory
# What a route must be asked, and of what nothing is to be seen here: where nobody is sent, or what leads elsewhere.
MUST = {
    "/console/api/v1/accounts-export": "?from_on=2021-03-01&to_on=2021-03-31",
    "/console/api/v1/imports/template.xlsx": "?kind=scores",
    "/console/api/v1/people": f"?{urlencode({'q': '考一一'})}",
    "/console/api/v1/reconciliation": "?date=2021-06-01",
}
# Where nobody in these walks gets anything: what is redirected, and files that nobody made here.
NOTHING_THERE = frozenset(
    {
        "/console/api/v1/imports/<import_id:int>/report.xlsx",
        "/console/api/v1/paper-runs/<paper_run_id:int>/sheets.pdf",
        "/console/campaigns/<campaign_id:int>/edit",
        "/console/issuances/next",
        "/console/login",
        "/console/password",
        "/console/second-factor",
    }
)
# What somebody would type into a field, by the field's name.
TYPED = {
    "name": "考一",
    "school": "历年第7学院",
    "number": "20SPS1000",
    "text": "考一",
    "q": "学院",
    "actor": "历年职员7",
    "actor_name": "历年职员7",
    "person": "考一",
    "since": "2021-03-01",
    "until": "2021-04-01",
    "from": "2021-03-01",
    "to": "2021-04-01",
}


def counted(part: str, statement: str) -> str:
    """The index alone by which a statement may count how many are registered for plans, or the table that it may read."""
    if "FROM registration r WHERE r.plan_id" in statement:
        return "registration_outcome"
    if "FROM name_character" in statement:  # no longer than all characters there are
        return "name_character"
    return money_paths.counted(part, statement)


@dataclass(frozen=True, slots=True)
class Visit:
    """One thing to get: by which route, what exactly, and as whom."""

    route: str
    address: str
    who: str


class _Form(HTMLParser):
    """What of a page may be chosen or typed to see less of it, and where the next page is."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: dict[str, str] = {}
        self.next = ""
        self._is_get = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_get = has.get("method", "get").lower() == "get"
        elif tag == "a" and "cursor=" in has.get("href", ""):
            self.next = has["href"]
        elif not self._is_get:
            return
        elif tag == "select":
            self._select = has.get("name", "")
        elif tag == "option" and self._select and has.get("value"):
            self.asked.setdefault(self._select, has["value"])
        elif tag == "input" and has.get("name") in TYPED:
            self.asked[has["name"]] = TYPED[has["name"]]

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "form":
            self._is_get = False


def routes(app: App) -> list[str]:
    """The path of every GET of the console that somebody waits for."""
    found = {
        f"/{route.path}"
        for route in app.router.routes
        if route.path.startswith("console") and "GET" in route.methods
    }
    return sorted(one for one in found - ENDLESS if not EXPORT.fullmatch(one))


def addresses(route: str, values: Values) -> Iterator[str]:
    """The route with what is there in its places; nothing where something of it is not known."""
    names = re.findall(r"<(\w+)(?::\w+)?>", route)
    most = max((len(values.get(name, [])) for name in names), default=1)
    for turn in range(most):
        chosen = iter([values[name][min(turn, len(values[name]) - 1)] for name in names if values.get(name)])
        with_them = re.sub(r"<\w+(?::\w+)?>", lambda found: str(next(chosen, found[0])), route)  # noqa: B023 -- at once
        if "<" not in with_them:
            yield with_them + MUST.get(route, "")


def narrower(address: str, text: str, kind: str) -> Iterator[str]:
    """The addresses that somebody gets to from this one by one filter, or by its next page."""
    path = urlsplit(address).path
    if kind.startswith("application/json"):
        said = json.loads(text)
        if isinstance(said, Mapping) and said.get("next_cursor"):
            yield f"{path}?{urlencode({'cursor': said['next_cursor']})}"
    elif kind.startswith("text/html"):
        form = _Form()
        form.feed(text)
        for name, value in form.asked.items():
            yield f"{path}?{urlencode({name: value})}"
        if form.next:
            yield f"{path}{form.next}" if form.next.startswith("?") else form.next


async def get(who: Browser, address: str) -> Any:
    is_page = not address.startswith("/console/api/")
    return await who("GET", address, headers={"accept": "text/html" if is_page else "application/json"})


OLD_SCHOOL = "school of years"


async def seats(app: App, s: Services, own: School) -> dict[str, Browser]:
    """Somebody of every role; of a school one of today, and one of the years where they are there."""
    people = {
        role.value: await seated(app, s, role, school=own if role is Role.SCHOOL else None) for role in Role
    }
    if old := await School.get_or_none(id=FIRST + 5):
        people[OLD_SCHOOL] = await seated(app, s, Role.SCHOOL, school=old, username="years")
    return people


async def walk(
    app: App,
    people: Mapping[str, Browser],
    values: Values,
    *,
    everybody: bool = True,
    begin: Callable[[Visit], None] = lambda _: None,
) -> dict[Visit, float]:
    """All that is answered with something, and how many milliseconds it took this once.

    Args:
        everybody: each route as all who may; otherwise as the first who may, and as the school of the years.
        begin: is told of each visit before it is made.
    """
    staff = await Staff.all().order_by("id").values_list("id", flat=True)
    values = {**values, "staff_id": [staff[0]]}
    found: dict[Visit, float] = {}
    for route in routes(app):
        is_seen = False
        for name, who in people.items():
            if is_seen and not everybody and name != OLD_SCHOOL:
                continue
            for address in addresses(route, values):
                is_seen |= await _visited_with_all(Visit(route, address, name), who, found, begin)
    return found


async def _visited_with_all(
    visit: Visit, who: Browser, found: dict[Visit, float], begin: Callable[[Visit], None]
) -> bool:
    """Whether it is answered; then what it leads to is visited as well."""
    if (answer := await _visited(visit, who, found, begin)) is None:
        return False
    for further in narrower(visit.address, answer.text, answer.headers.get("content-type", "")):
        await _visited(Visit(visit.route, further, visit.who), who, found, begin)
    return True


async def _visited(
    visit: Visit, who: Browser, found: dict[Visit, float], begin: Callable[[Visit], None]
) -> Any:
    """The answer where there is one for this person and this address is new."""
    if visit in found:
        return None
    begin(visit)
    began = time.perf_counter()
    answer = await get(who, visit.address)
    # 503: the lists of the years have no true digest, and their certificates were never drawn.
    assert answer.status in (200, 303, 400, 403, 404, 409, 422, 503), (visit, answer.text[:500])
    if answer.status != 200:
        return None
    found[visit] = (time.perf_counter() - began) * 1000
    return answer
