"""The mini-program's binding, results and certificates over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

import miniprogram_api
from server.domain.auth import sessions
from server.domain.ports import Services, WeChatIdentity
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.history import issued
from tests.kit.lookups import RELEASE, SEALED, bound, certificate, sealed_certificate

App = Sanic[Any, Any]
ME = WeChatIdentity("mp", "openid-mp")
NUMBER = make.id_number(4055)


@pytest.fixture
def token(services: Services) -> dict[str, str]:
    return {"authorization": f"Bearer {sessions.mint(services, 'mp', ME.openid, 3600)}"}


async def call(app: App, method: str, path: str, headers: dict[str, str], **more: Any) -> Any:
    _, response = await getattr(app.asgi_client, method)(f"/mp/v1{path}", headers=headers, **more)
    return response


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/binding"), ("post", "/binding"), ("delete", "/binding"), ("get", "/binding/captcha"),
        ("get", "/results"), ("get", "/certificates"), ("get", "/certificates/23SPS100000001W"),
        ("get", "/certificates/23SPS100000001W.pdf"), ("get", "/certificates/23SPS100000001W.vc"),
    ],
)  # fmt: skip
async def test_everything_asks_for_a_token(app: App, method: str, path: str) -> None:
    body = {"json": {"name": "崔子涵", "id_number": NUMBER}} if method == "post" else {}
    response = await call(app, method, path, {}, **body)
    assert (response.status, response.json["code"]) == (401, "token_missing")


async def test_bind_look_and_unbind(app: App, services: Services, token: dict[str, str]) -> None:
    await make.candidate(services, "崔子涵", NUMBER)
    unbound = {"bound": False, "candidate": None, "phone_masked": None}
    assert (await call(app, "get", "/binding", token)).json == unbound
    response = await call(app, "post", "/binding", token, json={"name": "崔子涵", "id_number": NUMBER})
    masked = {"name_masked": "崔**", "id_masked": f"99************{NUMBER[-4:]}"}
    assert (response.status, response.json) == (200, {"candidate": masked})
    bound = {"bound": True, "candidate": masked, "phone_masked": None}
    assert (await call(app, "get", "/binding", token)).json == bound
    response = await call(app, "delete", "/binding", token)
    assert (response.status, response.body) == (204, b"")
    over = await call(app, "get", "/binding", token)
    assert (over.status, over.json["code"]) == (401, "session_ended")
    new = {"authorization": f"Bearer {sessions.mint(services, 'mp', ME.openid, 3600)}"}
    assert (await call(app, "get", "/binding", new)).json == unbound
    assert (await call(app, "delete", "/binding", new)).status == 204


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, [("/name", "name_missing"), ("/id_number", "id_number_missing")]),
        ({"name": 1, "id_number": ["x"]}, [("/name", "name_form"), ("/id_number", "id_number_form")]),
        ({"name": "崔", "id_number": "1" * 61}, [("/id_number", "id_number_form")]),
        ({"name": "崔\x00", "id_number": NUMBER}, [("/name", "name_form")]),
        ({"name": "崔子涵", "id_number": NUMBER[:-1] + "0"}, [("/id_number", "id_check_digit")]),
        ([1], [("", "body_form")]),
    ],
)
async def test_bodies_that_cannot_be_right(
    app: App, token: dict[str, str], body: Any, errors: list[tuple[str, str]]
) -> None:
    response = await call(app, "post", "/binding", token, json=body)
    assert response.status == 422
    assert [(e["pointer"], e["code"]) for e in response.json["errors"]] == errors


async def test_a_miss_is_a_problem_document(app: App, services: Services, token: dict[str, str]) -> None:
    response = await call(app, "post", "/binding", token, json={"name": "崔子涵", "id_number": NUMBER})
    assert response.status == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json["code"], response.json["title"]) == ("binding_not_matched", "信息不相符")


async def test_the_image_check_comes_as_a_data_url(
    app: App, services: Services, token: dict[str, str]
) -> None:
    from tests.kit.statements import Reader

    reader = Reader()
    exchange(services, image_check=reader)
    for serial in range(5):
        await call(
            app, "post", "/binding", token, json={"name": "崔子涵", "id_number": make.id_number(serial)}
        )
    said = {"name": "崔子涵", "id_number": NUMBER}
    response = await call(app, "post", "/binding", token, json=said)
    assert (response.status, response.json["code"]) == (422, "captcha_required")
    response = await call(app, "get", "/binding/captcha", token)
    assert response.json["image"].startswith("data:image/png;base64,")
    await make.candidate(services, "崔子涵", NUMBER)
    response = await call(app, "post", "/binding", token, json={**said, "captcha": reader.drawn[-1]})
    assert response.status == 200


@pytest.mark.rule("S93")
async def test_results_come_with_a_tag(app: App, services: Services, token: dict[str, str]) -> None:
    plan = await make.plan(release_at=services.clock.now())
    await make.registration(services, await bound(services, ME), on=plan)
    first = await call(app, "get", "/results", token)
    assert first.status == 200
    assert first.headers["cache-control"] == "private, no-cache"
    [item] = first.json["items"]
    assert (item["outcome"], item["subjects"][0]["score"], item["released_at"]) == (
        "passed", 78.5, "2026-11-23T12:00:00+08:00",
    )  # fmt: skip
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = await call(app, "get", "/results", {**token, "if-none-match": known})
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    changed = await call(app, "get", "/results", {**token, "if-none-match": '"other"'})
    assert changed.status == 200


async def test_results_before_release(app: App, services: Services, token: dict[str, str]) -> None:
    await make.registration(services, await bound(services, ME), on=await make.plan(release_at=RELEASE))
    response = await call(app, "get", "/results", token)
    assert response.json["items"] == []
    [notice] = response.json["notices"]
    assert (notice["code"], notice["until"]) == ("not_released", "2026-11-24T09:00:00+08:00")
    assert "78.5" not in response.text


async def test_certificates_one_and_all(app: App, services: Services, token: dict[str, str]) -> None:
    plan = await make.plan(release_at=services.clock.now())
    await certificate(await make.registration(services, await bound(services, ME), on=plan))
    listing = await call(app, "get", "/certificates", token)
    assert listing.status == 200 and listing.headers["etag"]
    [item] = listing.json["items"]
    one = await call(app, "get", f"/certificates/{item['number']}", token)
    assert (one.status, one.json) == (200, item)


async def test_other_peoples_and_no_ones_certificates_are_not_found_alike(
    app: App, services: Services, token: dict[str, str]
) -> None:
    await bound(services, ME)
    plan = await make.plan(release_at=services.clock.now())
    other = await bound(services, WeChatIdentity("mp", "openid-other"), "李四")
    theirs = await certificate(await make.registration(services, other, on=plan))
    for ending in ("", ".pdf", ".vc"):
        answers = []
        for number in (theirs.number, "23SPS199999999P"):
            response = await call(app, "get", f"/certificates/{number}{ending}", token)
            answers.append((response.status, {**response.json, "request_id": ""}))
        assert answers[0] == answers[1]
        assert (answers[0][0], answers[0][1]["code"]) == (404, "certificate_not_found")


async def test_the_pdf_comes_inline(app: App, services: Services, token: dict[str, str]) -> None:
    plan = await make.plan(release_at=services.clock.now())
    made = await sealed_certificate(
        services, await make.registration(services, await bound(services, ME), on=plan)
    )
    response = await call(app, "get", f"/certificates/{made.number}.pdf", token)
    assert (response.status, response.body) == (200, SEALED)
    assert response.headers["content-type"] == "application/pdf"
    assert response.headers["content-disposition"] == f'inline; filename="{made.number}.pdf"'
    assert response.headers["cache-control"] == "private, no-store"


async def test_the_credential_for_a_wallet(app: App, services: Services, token: dict[str, str]) -> None:
    plan = await make.plan(release_at=services.clock.now())
    made = await issued(services, await make.registration(services, await bound(services, ME), on=plan), 7)
    response = await call(app, "get", f"/certificates/{made.number}.vc", token)
    assert (response.status, response.content_type) == (200, "application/vc")
    assert response.json["credentialSubject"]["licenseNumber"] == made.number
    assert response.headers["content-disposition"] == f'attachment; filename="{made.number}.vc.json"'


async def test_every_call_is_documented_with_its_way_in(app: App) -> None:
    _, response = await app.asgi_client.get("/docs/openapi.json")
    paths = response.json["paths"]
    assert {f"{method.upper()} {path}" for path in paths if path.startswith("/mp/v1/") for method in paths[path]} >= {
        "GET /mp/v1/binding", "POST /mp/v1/binding", "DELETE /mp/v1/binding", "GET /mp/v1/binding/captcha",
        "GET /mp/v1/results", "GET /mp/v1/certificates", "GET /mp/v1/certificates/{number}",
        "GET /mp/v1/certificates/{number}.pdf", "GET /mp/v1/certificates/{number}.vc",
    }  # fmt: skip
    assert paths["/mp/v1/results"]["get"]["security"] == [{"mp_token": []}]
    assert "mp_token" in response.json["components"]["securitySchemes"]


async def test_logging_in_and_out_are_documented(app: App) -> None:
    _, response = await app.asgi_client.get("/docs/openapi.json")
    path = response.json["paths"]["/mp/v1/session"]
    assert path.keys() == {"post", "delete"}
    assert "security" not in path["post"]
    body = path["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["code"]
    told = path["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert told["properties"].keys() == {"token", "expires_at", "bound", "roles"}
    assert path["delete"]["security"] == [{"mp_token": []}]
    assert "204" in path["delete"]["responses"]
    assert {(one.method, one.path) for one in miniprogram_api.ROUTES} >= {
        ("POST", "/session"),
        ("DELETE", "/session"),
    }
