"""The web layer that both APIs stand on: routes, what they read, what they answer, and the document made of it."""

from __future__ import annotations

import inspect
import re
import typing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from pydantic import BaseModel, ValidationError
from sanic import Sanic

import miniprogram_api
from miniprogram_api import answers
from server.domain.auth import sessions
from server.domain.levels import Level
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Role
from server.models import Score
from server.web import console, openapi, responses
from server.web.console import paging
from server.web.console.answers import Named
from server.web.routes import Route
from server.web.schema import Answer
from tests.kit import issuing, make
from tests.kit.console_desk import PASSWORD, Browser, account
from tests.kit.lookups import RELEASE, bound, certificate

App = Sanic[Any, Any]
ME = WeChatIdentity("mp", "openid-mp")
ROUTES: list[Route] = [*miniprogram_api.ROUTES, *console.ROUTES]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_a_handler_takes_and_gives_what_its_route_says(route: Route) -> None:
    """The handler's own types, so that mypy's word about the handler holds for the route."""
    hints = typing.get_type_hints(route.handler)
    given = hints.pop("return")
    _call, *names = inspect.signature(route.handler).parameters
    if route.takes is not None and not route.reads_itself:
        assert hints[names.pop(0)] is route.takes
    assert names == re.findall(r"<(\w+):", route.path)
    if isinstance(given, type) and issubclass(given, Answer):
        assert given is route.gives
    if given is type(None) and not isinstance(route.gives, str):  # a stream sends its answer itself
        assert (route.gives, route.status) == (None, 204)


@dataclass(frozen=True)
class Place:
    id: int
    name: str
    secret: str = "not in the answer"


def test_an_answer_is_made_of_a_domain_object_or_a_dictionary() -> None:
    rows = [Place(1, "甲"), {"id": 2, "name": "乙"}, Place(3, "丙")]
    page = paging.page_of(Named, *paging.cut(rows, 2))
    assert responses.encoded(page) == orjson.dumps(
        {"items": [{"id": 1, "name": "甲"}, {"id": 2, "name": "乙"}], "next_cursor": "2", "before": None}
    )
    with pytest.raises(ValidationError):
        Named.model_validate({"id": 2, "name": "乙", "secret": "would have slipped out"})


def texts_without_a_length(model: type[BaseModel]) -> list[str]:
    """Fields whose texts may be as long as anybody likes."""
    found = []
    for name, about in openapi.schema_of(model).get("properties", {}).items():
        for place in (about, about.get("items", {}), *about.get("properties", {}).values()):
            item = place.get("items", place)
            if item.get("type") == "string" and not {"maxLength", "enum", "format"} & item.keys():
                found.append(f"{model.__name__}.{name}")
    return found


def test_every_text_that_comes_in_has_a_longest_length() -> None:
    taken = [route.takes for route in ROUTES if route.takes is not None]
    assert [one for model in taken for one in texts_without_a_length(model)] == []


def held(model: type[Answer], response: Any, status: int = 200) -> None:
    """A real answer is one of its route's model: nothing missing, nothing that the document does not know."""
    assert response.status == status, response.text
    again = responses.encoded(model.model_validate_json(response.body))
    assert orjson.loads(again) == response.json


async def test_ready_answers_are_as_documented(app: App, services: Services) -> None:
    """Their bytes are written by the look-ups themselves; every kind of notice, and every state of a certificate."""
    headers = {"authorization": f"Bearer {sessions.mint(services, 'mp', ME.openid, 3600)}"}

    async def both() -> tuple[Any, Any]:
        found = []
        for path, model in (("/results", answers.Results), ("/certificates", answers.Certificates)):
            _, response = await app.asgi_client.get(f"/mp/v1{path}", headers=headers)
            held(model, response)
            found.append(response.json)
        return found[0], found[1]

    results, _ = await both()
    assert [one["code"] for one in results["notices"]] == ["not_bound"]
    who = await bound(services, ME)
    results, _ = await both()
    assert [one["code"] for one in results["notices"]] == ["not_found"]
    now = services.clock.now()
    await make.registration(services, who, on=await make.plan("甲计划", release_at=RELEASE))
    await make.registration(services, who, on=await make.plan("乙计划", release_at=now))
    practical = await make.plan("丙计划", release_at=now, requires_practice=True)
    await make.registration(services, who, on=practical, at=await make.site(level=Level.INTERMEDIATE))
    failed = await make.registration(services, who, on=await make.plan("丁计划", release_at=now))
    failed.outcome = "failed"
    await failed.save(update_fields=["outcome"])
    await Score.filter(registration_id=failed.id).update(score=None, status="absent")
    sealed: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("戊计划", "23SPS100000001W", {}),
        (
            "己计划",
            "23SPS100000002T",
            {
                "state": "revoked",
                "revoked_at": datetime(2026, 11, 21, tzinfo=UTC),
                "revoke_reason": "登记错误",
            },
        ),
    )
    for name, number, more in sealed:
        of = await make.registration(services, who, on=await make.plan(name, release_at=now))
        await certificate(of, number, **more)
    results, listed = await both()
    assert len(results["items"]) == 5 and len(results["notices"]) == 1
    assert {one["state"] for one in listed["items"]} == {"valid", "revoked"}
    assert {one["code"] for one in listed["withheld"]} == {"practice_missing", "in_preparation"}
    assert {one["code"] for one in listed["notices"]} == {"not_released", "not_passed"}
    _, one = await app.asgi_client.get("/mp/v1/certificates/23SPS100000001W", headers=headers)
    held(answers.Certificate, one)


async def test_whole_http_answers_are_as_documented(app: App, services: Services) -> None:
    """Where a handler writes the answer itself, for its cookie or its status, mypy does not compare it with the route."""
    gives = {(route.method, route.path): route.gives for route in console.ROUTES}

    def model(method: str, path: str) -> type[Answer]:
        found = gives[method, path]
        assert isinstance(found, type) and issubclass(found, Answer)
        return found

    of = await issuing.cohort(services)
    who = Browser(app)
    entered = await account(Role.ISSUER)
    came = await who("POST", "/session", {"username": entered.username, "password": PASSWORD})
    held(model("POST", "/session"), came)
    who.cookie, who.csrf = came.headers["set-cookie"].split("=", 1)[1].partition(";")[0], came.json["csrf"]
    made = await who("POST", "/issuances", {"plan_id": of.plan.id})
    held(model("POST", "/issuances"), made, 201)
    held(model("POST", "/issuances"), await who("POST", "/issuances", {"plan_id": of.plan.id}))
    new = {"old_password": PASSWORD, "new_password": "秋天的银杏叶落满山坡"}
    held(model("PUT", "/session/password"), await who("PUT", "/session/password", new))
