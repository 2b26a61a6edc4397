"""A part is away: who asks is told to come again, what can do without goes on, and the log stays readable."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from sanic import Sanic

from server.adapters import cache, rate_limits
from server.domain.actor import SYSTEM
from server.domain.auth import sessions
from server.domain.auth.login_limits import TRIES_OF_ONE_AT_ADDRESS
from server.domain.people import staff
from server.domain.ports import Services
from server.models import Certificate, database
from server.models.database import Patience
from tests.kit.exchange import exchange
from tests.kit.proxy import Proxy, before

App = Sanic[Any, Any]
PAGE = {"accept": "text/html"}
HURRIED = Patience(statement=2.0, lock=0.5, idle=5.0, acquire=1.0)
SHOWN = "服务暂时繁忙"


@pytest.fixture
async def line(services: Services, db: str, certificate: Certificate) -> AsyncIterator[Proxy]:
    """The database is reached through a proxy by now, with four connections and little patience."""
    await database.close()
    async with before(db) as (url, proxy):
        await database.connect(url, pool=4, patience=HURRIED)
        yield proxy
        proxy.go_on()
        await database.close()
    await database.connect(db)


@pytest.fixture
async def redis_line(services: Services, redis_url: str) -> AsyncIterator[Proxy]:
    """Counters and cache are the real ones, in a Redis behind a proxy."""
    async with before(redis_url) as (url, proxy):
        client = cache.connect(url)
        exchange(services, rate_limiter=rate_limits.RedisRateLimiter(client), cache=cache.RedisCache(client))
        yield proxy
        proxy.go_on()
        await client.aclose()


async def knock(app: App, services: Services, code: str) -> dict[str, Any]:
    """Every kind of door that needs the database, once."""
    ask = app.asgi_client
    bearer = sessions.mint(services, "mp", "mp:oSomebody", 3600)
    answers = {
        "scan": await ask.get(f"/v/{code}", headers=PAGE),
        "search": await ask.post("/v", data={"number": "26SPS100000001X", "name": "崔子涵"}, headers=PAGE),
        "console page": await ask.post(
            "/console/login", data={"username": "li.hua", "password": "x" * 12}, headers=PAGE
        ),
        "console": await ask.post(
            "/console/api/v1/session", json={"username": "li.hua", "password": "x" * 12}
        ),
        "mini program": await ask.get("/mp/v1/results", headers={"authorization": f"Bearer {bearer}"}),
    }
    return {name: response for name, (_, response) in answers.items()}


def told(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.name == "xcert.problems"]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    logging.getLogger("xcert").addHandler(caplog.handler)
    caplog.set_level(logging.WARNING, "xcert")
    yield caplog
    logging.getLogger("xcert").removeHandler(caplog.handler)


async def test_a_database_that_refuses_is_503_everywhere_with_one_line_a_cause(
    app: App, services: Services, line: Proxy, certificate: Certificate, lines: pytest.LogCaptureFixture
) -> None:
    await line.refuse()
    for _ in range(3):
        for name, answer in (await knock(app, services, certificate.code)).items():
            assert (name, answer.status, answer.headers.get("retry-after")) == (name, 503, "5")
            if answer.headers["content-type"].startswith("text/html"):
                assert SHOWN in answer.text and "数据库暂时没有响应，请稍后再试。" in answer.text
            else:
                assert answer.headers["content-type"] == "application/problem+json"
                assert (answer.json["code"], answer.json["title"]) == ("try_again", SHOWN)
    records = told(lines)
    causes = [record.getMessage() for record in records]
    assert len(causes) == len(set(causes)) <= 3, "one line for each cause, not for each visitor"
    assert all(record.exc_info is None and record.levelno == logging.WARNING for record in records)
    await line.open()
    answers = await knock(app, services, certificate.code)
    assert {name: answer.status for name, answer in answers.items() if answer.status >= 500} == {}
    assert "证书有效" in answers["scan"].text


async def test_a_database_that_hangs_is_503_and_comes_back(
    app: App, services: Services, line: Proxy, certificate: Certificate
) -> None:
    assert (await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE))[1].status == 200
    line.hang()
    visits = [app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE) for _ in range(9)]
    assert {response.status for _, response in await asyncio.gather(*visits)} == {503}
    line.go_on()
    _, response = await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
    assert response.status == 200


async def test_a_lock_on_one_table_does_not_starve_the_pages_that_do_not_need_it(
    app: App, services: Services, line: Proxy, db: str, certificate: Certificate
) -> None:
    """All connections of the pool used to wait in one lock for as long as it was held."""
    holder = await asyncpg.connect(db)
    async with holder.transaction():
        await holder.execute("LOCK TABLE certificate IN ACCESS EXCLUSIVE MODE")
        visits = [app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE) for _ in range(12)]
        assert {response.status for _, response in await asyncio.gather(*visits)} == {503}
        _, other = await app.asgi_client.post(
            "/console/api/v1/session", json={"username": "nobody", "password": "x" * 12}
        )
        assert (other.status, other.json["code"]) == (401, "login_wrong")
    await holder.close()
    _, response = await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
    assert response.status == 200


@pytest.mark.parametrize("how", ["refuses", "hangs"])
async def test_without_redis_certificates_are_verified_and_staff_logs_in(
    app: App, services: Services, certificate: Certificate, redis_line: Proxy, how: str
) -> None:
    password = await staff.create(
        services.clock, services.password_hasher, "li.hua", "operator", name="李华", actor=SYSTEM
    )
    if how == "refuses":
        await redis_line.refuse()
    else:
        redis_line.hang()
    _, scanned = await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
    assert (scanned.status, "证书有效" in scanned.text) == (200, True)
    form = {"number": certificate.number, "name": "欧阳慧敏"}
    _, found = await app.asgi_client.post("/v", data=form, headers=PAGE, follow_redirects=True)
    assert (found.status, "证书有效" in found.text) == (200, True)
    said = {"username": "li.hua", "password": password}
    _, came = await app.asgi_client.post("/console/api/v1/session", json=said)
    assert came.status == 200
    # what stands in for Redis counts, too: guessing is not free meanwhile
    wrong = {"username": "li.hua", "password": "x" * 12}
    app.asgi_client.cookies.clear()  # somebody else's browser: not the device that has just logged in
    tries = [
        (await app.asgi_client.post("/console/api/v1/session", json=wrong))[1].status
        for _ in range(TRIES_OF_ONE_AT_ADDRESS + 1)
    ]
    assert tries == [401] * TRIES_OF_ONE_AT_ADDRESS + [429]


async def test_a_hanging_redis_is_not_waited_for_by_everybody(
    app: App, services: Services, certificate: Certificate, redis_line: Proxy
) -> None:
    await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
    asked = redis_line.pieces
    redis_line.hang()
    for _ in range(40):
        _, response = await app.asgi_client.get(f"/v/{certificate.code}", headers=PAGE)
        assert response.status == 200
    assert redis_line.pieces - asked <= 10, "after the first silence the others do not ask"
