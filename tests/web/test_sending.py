"""Answers are compressed where that is safe, and files are not sent twice."""

from __future__ import annotations

import gzip
from types import SimpleNamespace
from typing import Any

import pytest
from sanic import Sanic
from sanic.response import html

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Certificate
from server.web import responses, templating
from tests.kit import make
from tests.kit.console_desk import seated
from tests.kit.h5 import ME, get
from tests.kit.lookups import bound, sealed_certificate

App = Sanic[Any, Any]


async def fetch(app: App, path: str, **headers: str) -> Any:
    """The answer with its body as it travelled: httpx would unpack it."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    _, response = await app.asgi_client.get(path, headers={"accept-encoding": "identity", **sent})
    return response


@pytest.mark.parametrize("name", ["css/phone.css", "css/console.css", "js/console.js", "js/wechat.js"])
async def test_styles_and_scripts_are_compressed_and_kept_for_ever(app: App, name: str) -> None:
    whole = (templating.STATIC / name).read_bytes()
    plain = await fetch(app, templating.asset(name))
    packed = await fetch(app, templating.asset(name), accept_encoding="gzip, deflate, br")
    assert (plain.status, plain.body, plain.headers.get("content-encoding")) == (200, whole, None)
    assert (packed.status, packed.headers["content-encoding"]) == (200, "gzip")
    assert packed.num_bytes_downloaded < len(whole) / 2
    for answer in (plain, packed):
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    refused = await fetch(app, templating.asset(name), accept_encoding="gzip;q=0")
    assert "content-encoding" not in refused.headers


async def test_a_file_that_is_known_is_not_sent_again(app: App) -> None:
    first = await fetch(app, "/static/css/docs.css")
    assert first.headers["cache-control"] == "public, no-cache"
    for asked in (first.headers["etag"], f"W/{first.headers['etag']}", f'"x", {first.headers["etag"]}', "*"):
        again = await fetch(app, "/static/css/docs.css", if_none_match=asked)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert (await fetch(app, "/static/css/docs.css", if_none_match='"x"')).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/static/css/none.css",
        "/static/fonts/NotoSerifCJKsc-Regular.otf",
        "/static/css/../../pyproject.toml",
        "/static/css/%2e%2e/%2e%2e/pyproject.toml",
        "/static/css/..%2f..%2fpyproject.toml",
        "/static//etc/passwd",
    ],
)
async def test_nothing_else_is_behind_static(app: App, path: str) -> None:
    assert (await fetch(app, path)).status == 404


async def test_the_icon_is_there_for_every_browser(app: App) -> None:
    icon = await fetch(app, "/favicon.ico")
    assert (icon.status, icon.headers["content-type"]) == (200, "image/x-icon")
    assert icon.body[:4] == b"\x00\x00\x01\x00"


async def test_phone_and_public_pages_are_compressed(app: App, me: dict[str, str]) -> None:
    for path in ("/", "/v", "/h5/", "/h5/bind"):
        plain = await fetch(app, path, **me)
        packed = await fetch(app, path, **me, accept_encoding="gzip")
        assert packed.headers["vary"] == "Accept-Encoding", path
        assert packed.headers.get("content-encoding") == "gzip", path
        assert packed.num_bytes_downloaded < len(plain.body), path


async def test_a_page_with_the_sessions_secret_is_never_compressed(app: App, services: Services) -> None:
    """Beside text that the address chooses, its compressed length would tell the secret (BREACH)."""
    admin = await seated(app, services, Role.ADMIN)
    headers = {"accept": "text/html", "accept-encoding": "gzip"}
    answer = await admin("GET", "/console/certificates?name=csrf-token", headers=headers)
    assert answer.status == 200 and admin.csrf in answer.text
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("ending", ["pdf", "jpg", "png"])
async def test_a_phone_keeps_the_certificate_and_asks_each_time_whether_it_may(
    app: App,
    services: Services,
    me: dict[str, str],
    ending: str,
) -> None:
    plan = await make.plan(release_at=services.clock.now())
    registration = await make.registration(services, await bound(services, ME), on=plan)
    made = await sealed_certificate(services, registration)
    if ending != "pdf":
        await services.file_store.put(f"certificates/1.{ending}", b"the picture, drawn before")
    path = f"/h5/certificates/{made.number}.{ending}"
    first = await get(app, path, me)
    assert (first.status, first.headers["cache-control"]) == (200, "private, no-cache")
    known = {**me, "if-none-match": first.headers["etag"]}
    again = await get(app, path, known)
    assert (again.status, again.body) == (304, b"")
    await Certificate.filter(id=made.id).update(state="revoked", revoked_at=services.clock.now())
    assert (await get(app, path, known)).status == 410


@pytest.mark.parametrize(
    ("offered", "takes"),
    [
        ("gzip", True), ("br, GZIP", True), ("*", True), ("gzip;q=0.5", True), ("", False), ("br", False),
        ("gzip;q=0", False), ("gzip; q=0.000", False), ("xgzip", False),
    ],
)  # fmt: skip
def test_who_takes_gzip(offered: str, takes: bool) -> None:
    assert responses.takes_gzip(asking(offered)) is takes


def test_a_short_answer_stays_as_it_is() -> None:
    assert responses.compress(asking("gzip"), html("a" * 1023)).body == b"a" * 1023
    packed = responses.compress(asking("gzip"), html("a" * 1024)).body
    assert packed is not None and gzip.decompress(packed) == b"a" * 1024


def asking(offered: str) -> Any:
    """As much of a request as compression looks at."""
    return SimpleNamespace(headers={"accept-encoding": offered})
