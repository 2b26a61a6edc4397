"""A number that no row can have is refused by every route of every door, wherever it stands: path, query, form or body.

The routes are the service's own, so that a new one is asked by itself.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args, get_origin
from urllib.parse import quote

import pytest
from annotated_types import Le
from pydantic.fields import FieldInfo
from sanic import Sanic

import miniprogram_api
from server.domain.auth import mini_login
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import PERMISSIONS, Role
from server.models import Binding, Fee
from server.web import console
from server.web.routes import Route
from server.web.schema import BIGGEST, Input
from tests.kit import make, paying
from tests.kit.console_desk import Browser, seated
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.fake_wechat import FakeWeChatLogins
from tests.kit.h5 import ME

App = Sanic[Any, Any]
MINI = WeChatIdentity("mp", "mpPayer0000000000000000000001")
IN_PATHS = (str(2**63), str(2**64), "9" * 5000, "-1", "0", "٣", " 1", "1_000", "+1", "01", "1.0")
IN_TEXTS = (str(2**63), str(2**64), "9" * 5000, "-1", "0", "٣", " 1", "1_000", "0" * 19 + "1" + "9" * 30)
IN_JSON = (2**63, 2**64, -1, "٣", " 1", "1_000", "1", 1.5, True)
HOST = {"origin": "http://127.0.0.1:8000"}


@pytest.fixture
async def fee(services: Services) -> Fee:
    """Owed by somebody who is bound in both accounts."""
    exchange(services, pay=FakePay(services.settings, services.clock))
    made = await paying.owing(services, await paying.priced(services))
    for who in (ME, MINI):
        await Binding.create(
            account=who.account,
            openid=who.openid,
            candidate_id=made.candidate_id,
            bound_at=services.clock.now(),
        )
    return made


async def someone(app: App, s: Services, me: dict[str, str]) -> dict[str, Any]:
    """Headers of somebody who is logged in, by door; staff of every role by role."""
    assert isinstance(s.wechat_logins, FakeWeChatLogins)
    s.wechat_logins.codes["code"] = MINI
    token = (await mini_login.log_in(s, "code")).token
    school = await make.school()
    staff = {
        role: await seated(app, s, role, school=school if role is Role.SCHOOL else None) for role in Role
    }
    return {"mp": {"authorization": f"Bearer {token}"}, "h5": me | HOST, "staff": staff}


def _whole_of(field: FieldInfo) -> str:
    """`one`, `list` or `` (no whole number in it)."""
    kinds: list[Any] = [field.annotation]
    is_list = False
    while kinds:
        kind = kinds.pop()
        is_list = is_list or get_origin(kind) is list
        if kind is int:
            return "list" if is_list else "one"
        kinds += get_args(kind)
    return ""


def numbers(route: Route) -> dict[str, str]:
    """The fields of what the route takes that are whole numbers."""
    fields = route.takes.model_fields.items() if route.takes is not None else ()
    return {name: kind for name, field in fields if (kind := _whole_of(field))}


def _inputs(kind: type[Input]) -> list[type[Input]]:
    return [kind, *(below for one in kind.__subclasses__() for below in _inputs(one))]


def _bounded(field: FieldInfo) -> bool:
    found: list[Any] = list(field.metadata)
    kinds: list[Any] = [field.annotation]
    while kinds:
        kind = kinds.pop()
        if get_origin(kind) is Annotated:
            for one in kind.__metadata__:
                found += one.metadata if isinstance(one, FieldInfo) else [one]
        kinds += get_args(kind)
    return any(isinstance(one, Le) and isinstance(one.le, int) and one.le <= BIGGEST for one in found)


def test_every_whole_number_that_comes_in_has_its_bounds() -> None:
    models = {one for one in _inputs(Input) if one.__module__.startswith(("server", "miniprogram_api"))}
    open_ended = [
        f"{model.__module__}.{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if _whole_of(field) and not _bounded(field)
    ]
    assert sorted(open_ended) == []


async def test_in_paths_of_all_doors(app: App, services: Services, me: dict[str, str], fee: Fee) -> None:
    people = await someone(app, services, me)
    named = [(one.path, sorted(one.methods)) for one in app.router.routes if ":int>" in f"/{one.path}"]
    assert {path.partition("/")[0] for path, _ in named} == {"console", "mp", "h5"} and len(named) > 40
    for path, methods in named:
        for method in {"GET", "POST", "PUT", "DELETE"} & set(methods):
            for text in IN_PATHS:
                address = "/" + re.sub(
                    r"<\w+:int>", quote(text), re.sub(r"<\w+:str>", "26SPS100000001X", path)
                )
                answer = await _asked(app, people, method, address)
                assert answer.status == 404, (method, path, text[:30], answer.status)
                assert "Traceback" not in answer.text


async def test_in_what_the_apis_are_sent(app: App, services: Services, me: dict[str, str], fee: Fee) -> None:
    people = await someone(app, services, me)
    asked = 0
    for api, prefix in ((console, "/console/api/v1"), (miniprogram_api, "/mp/v1")):
        for route in api.ROUTES:
            address = prefix + re.sub(
                r"<\w+:int>", "987654", re.sub(r"<\w+:str>", "26SPS100000001X", route.path)
            )
            for name, kind in numbers(route).items():
                in_text = route.method == "GET" or route.file
                for value in IN_TEXTS if in_text else IN_JSON:
                    said: Any = [value] if kind == "list" and not in_text else value
                    answer = await _sent(app, people, route, address, name, said)
                    assert answer.status in (404, 422), (
                        route.method,
                        route.path,
                        name,
                        str(value)[:30],
                        answer.text,
                    )
                    assert re.fullmatch("[a-z_]+", answer.json["code"])
                    asked += 1
    assert asked > 60


async def test_in_the_addresses_of_pages(app: App, services: Services, me: dict[str, str], fee: Fee) -> None:
    """What makes no sense there is not asked for, and the page says so."""
    admin = await seated(app, services, Role.ADMIN)
    pages = [
        f"/{one.path}"
        for one in app.router.routes
        if one.path.startswith("console/")
        and "<" not in one.path
        and "GET" in one.methods
        and not one.path.startswith("console/api/")
    ]
    assert len(pages) > 12
    for page in pages:
        for text in IN_TEXTS:
            query = "&".join(
                f"{name}={quote(text)}" for name in ("plan_id", "cursor", "limit", "before", "school_id")
            )
            assert (await admin.page(f"{page}?{query}")).status < 500, (page, text[:30])


async def test_in_the_order_form_of_the_page_inside_wechat(
    app: App, services: Services, me: dict[str, str], fee: Fee
) -> None:
    for text in IN_TEXTS:
        for given in (text, [str(fee.id), text]):
            _, answer = await app.asgi_client.post("/h5/orders", headers=me | HOST, data={"fee": given})
            assert answer.status in (404, 422), (text[:30], answer.status)


async def _asked(app: App, people: dict[str, Any], method: str, address: str) -> Any:
    door = address.split("/")[1]
    if door == "console":
        return await people["staff"][Role.FINANCE](method, address, None)
    _, answer = await getattr(app.asgi_client, method.lower())(address, headers=people[door])
    return answer


async def _sent(app: App, people: dict[str, Any], route: Route, address: str, name: str, value: Any) -> Any:
    if address.startswith("/mp"):
        _, answer = await app.asgi_client.request(
            route.method, address, headers=people["mp"], json={name: value}
        )
        return answer
    role = next(role for role in Role if route.verb is None or route.verb in PERMISSIONS[role])
    who: Browser = people["staff"][role]
    if route.method == "GET":
        return await who("GET", f"{address}?{name}={quote(value)}")
    if route.file:
        files = {"file": ("a.pdf", b"%PDF-1.7")}
        return await who(route.method, address, None, data={name: value}, files=files)
    return await who(route.method, address, {name: value})
