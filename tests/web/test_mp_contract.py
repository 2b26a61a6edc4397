"""The mini-program API as outsiders rely on it: every path and field that the contract names, under that very name."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from pydantic.fields import FieldInfo
from sanic import Sanic

from miniprogram_api import ROUTES
from server.domain.auth import mini_login
from server.domain.people import officers
from server.domain.ports import Services, WeChatIdentity
from server.web.routes import Route
from server.web.schema import Whole
from tests.kit import issuing, make
from tests.kit.fake_wechat import FakeWeChatLogins

App = Sanic[Any, Any]
ME = WeChatIdentity("mp", "mpContract000000000000000001")
NUMBER = make.id_number(77)


def _fields(route: Route) -> dict[str, FieldInfo]:
    return {} if route.takes is None else route.takes.model_fields


async def ask(app: App, method: str, path: str, token: str, **body: Any) -> Any:
    more = {"json": body} if body else {}
    headers = {"authorization": f"Bearer {token}"}
    _, response = await getattr(app.asgi_client, method)(f"/mp/v1{path}", headers=headers, **more)
    return response


@pytest.fixture
async def token(app: App, services: Services) -> str:
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    services.wechat_logins.codes["code"] = ME
    return (await mini_login.log_in(services, "code")).token


async def test_session_and_binding(app: App, services: Services) -> None:
    assert isinstance(services.wechat_logins, FakeWeChatLogins)
    services.wechat_logins.codes["code"] = ME
    await make.candidate(services, "崔子涵", NUMBER)
    _, opened = await app.asgi_client.post("/mp/v1/session", json={"code": "code"})
    assert opened.json.keys() == {"token", "expires_at", "bound", "roles"}
    said = {"name": "崔子涵", "id_number": NUMBER, "phone_code": "from-getPhoneNumber"}
    bound = await ask(app, "post", "/binding", opened.json["token"], **said)
    masked = {"name_masked": "崔**", "id_masked": f"{NUMBER[:2]}************{NUMBER[-4:]}"}
    assert (bound.status, bound.json["candidate"]) == (200, masked)
    assert (await ask(app, "delete", "/binding", opened.json["token"])).status == 204


@pytest.mark.rule("S84")
@pytest.mark.rule("S93")
async def test_results(app: App, services: Services, token: str) -> None:
    who = await make.candidate(services, "崔子涵", NUMBER)
    await make.registration(services, who, on=await make.plan("甲计划", release_at=services.clock.now()))
    await ask(app, "post", "/binding", token, name="崔子涵", id_number=NUMBER)
    answer = await ask(app, "get", "/results", token)
    assert answer.headers["etag"]
    assert {"items", "next_cursor"} <= answer.json.keys()
    [item] = answer.json["items"]
    named = ("plan", "exam_date", "level", "outcome", "released_at")
    assert {name: item[name] for name in named} == {
        "plan": "甲计划",
        "exam_date": "2023-09-22",
        "level": "primary",
        "outcome": "passed",
        "released_at": "2026-11-23T12:00:00+08:00",
    }
    [subject] = item["subjects"]
    assert (subject["name"], subject["score"], subject["status"]) == (make.SUBJECT, 78.5, "scored")


@pytest.mark.rule("S86")
async def test_a_scan(app: App, services: Services, token: str) -> None:
    of = await issuing.cohort(services)
    scene = (await issuing.shown_ticket(services, of)).scene
    code = await officers.pairing_code(services.cache, of.identity)
    await ask(app, "post", "/officer-binding", token, code=code, pin=issuing.PIN)
    seen = (await ask(app, "get", f"/scans/{scene}", token)).json
    named = {"plan", "school", "level", "count", "digest", "people", "revision", "expires_at"}
    assert named <= seen.keys()
    assert len(seen["digest"]) == 8
    assert all("*" in one["name_masked"] and "*" in one["id_masked"] for one in seen["people"])
    done = await ask(app, "post", f"/scans/{scene}/confirm", token, pin=issuing.PIN)
    assert done.json["state"] == "school_signed"
    assert orjson.dumps(done.json["receipt"])


def _least(kind: Any) -> Any:
    return True if kind is bool else "x" if kind is str else [1] if kind == list[Whole] else ["x"]


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if not one.is_open], ids=lambda one: f"{one.method} {one.path}"
)
async def test_nobody_gets_in_without_a_token(app: App, route: Route) -> None:
    """The handlers of this API ask for themselves (`session.identity`): one that forgot would be open to the world."""
    shown = re.sub(r"<\w+:int>", "1", route.shown_as or f"/mp/v1{route.path}")
    path = re.sub(r"<.*?>|{.*?}", "26SPS100000001X", shown)
    body = {name: _least(about.annotation) for name, about in _fields(route).items() if about.is_required()}
    _, response = await app.asgi_client.request(route.method, path, json=body)
    assert response.status == 401, "the handler has to ask who it is: await identity(asked.request)"
    assert response.json["code"] == "token_missing"


@pytest.mark.parametrize(
    "route", [one for one in ROUTES if one.takes], ids=lambda one: f"{one.method} {one.path}"
)
def test_every_field_has_a_word_for_people(route: Route) -> None:
    """What is wrong with a field is told with its description: 缺少…… and ……的格式不对。"""
    assert [name for name, about in _fields(route).items() if not about.description] == [], (
        "Field(description=…)"
    )
