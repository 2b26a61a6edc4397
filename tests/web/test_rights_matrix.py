"""Roles and rights, asked of every door of the console: each route × each role is let in or refused, as the table says.

The table is `tests/fixtures/rights.txt`, one route a line, written by hand: what the code's own tables say is compared
with it, so that a right given by mistake is a changed line. A new route without a line fails.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role, Verb
from server.web.console.rights import GROUPS
from tests.kit import make
from tests.kit.console_desk import Browser, seated

App = Sanic[Any, Any]
TABLE = Path(__file__).parents[1] / "fixtures/rights.txt"
OPEN, ALL = "open", "all"  # for strangers, too; for everybody who is logged in
# They end the log-in of who asks: asked at the end.
ENDINGS = {"DELETE /console/api/v1/session", "DELETE /console/api/v1/sessions", "POST /console/logout"}


def table() -> dict[str, frozenset[str]]:
    """The roles by `METHOD /path`."""
    rows: dict[str, frozenset[str]] = {}
    for line in TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            method, path, *words = line.split()
            every = {role.value for role in Role} | ({OPEN} if words == [OPEN] else set())
            rows[f"{method} {path}"] = frozenset(every if words in ([OPEN], [ALL]) else words)
    return rows


def doors(app: App) -> set[str]:
    """Every route of the console that the app answers, API and pages."""
    return {
        f"{method} /{route.path}"
        for route in app.router.routes
        if route.path.startswith("console")
        for method in route.methods
        if method not in ("HEAD", "OPTIONS")
    }


def address(door: str) -> str:
    filled = re.sub(r"<\w+(:str)?>", "0" * 32, re.sub(r"<\w+:int>", "987654321", door.partition(" ")[2]))
    return re.sub(r"0{32}(?=$|/)", "2026-11-22", filled) if "reconciliation" in filled else filled


async def test_every_door_has_its_line(app: App) -> None:
    missing, gone = doors(app) - set(table()), set(table()) - doors(app)
    lines = "\n".join(sorted(missing))
    assert not missing, f"who may? a line each in tests/fixtures/rights.txt:\n{lines}"
    assert not gone, f"no such routes any more: {sorted(gone)}"


@pytest.fixture
def quiet() -> Iterator[None]:
    """Two lines of log for each of these calls are half of what they cost."""
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
async def test_every_door_lets_in_whom_its_line_names_and_nobody_else(app: App, services: Services) -> None:
    school = await make.school()
    people = {
        role.value: await seated(app, services, role, school=school if role is Role.SCHOOL else None)
        for role in Role
    }
    rows = table()
    wrong = []
    for door in sorted(doors(app) & set(rows), key=lambda one: (one in ENDINGS, one)):
        for role, who in people.items():
            if (said := await knocked(who, door)) != (role in rows[door]):
                wrong.append(f"{door} {role}: {'let in' if said else 'refused'}")
    assert wrong == []


async def knocked(who: Browser, door: str) -> bool:
    """Whether this person is let in: anything else than the refusal of the role counts as that."""
    method = door.partition(" ")[0]
    answer = await who(method, address(door), {} if "/api/" in door and method != "GET" else None)
    assert answer.status < 500, door
    assert answer.status != 401 or door in ENDINGS or door == "POST /console/login", door
    return bool(answer.status != 403 or answer.json["code"] != "role_not_allowed")


async def test_strangers_come_to_the_log_in_alone(app: App) -> None:
    stranger, rows = Browser(app), table()
    let_in = set()
    for door in doors(app) & set(rows):
        method, is_api = door.partition(" ")[0], "/api/" in door
        answer = await stranger(
            method,
            address(door),
            {} if is_api and method != "GET" else None,
        )
        to_login = answer.status == 303 and answer.headers["location"].startswith("/console/login?")
        if not to_login and (not is_api or answer.status != 401 or answer.json["code"] != "login_needed"):
            let_in.add(door)
    assert let_in == {door for door, words in rows.items() if OPEN in words}


def test_the_page_shows_every_right_once() -> None:
    shown = [verb for _, verbs in GROUPS for verb in verbs]
    assert sorted(verb.name for verb in shown) == sorted(verb.name for verb in Verb)
    assert PERMISSIONS[Role.ADMIN] == frozenset(Verb)
