"""What is for operators is shown to operators: metrics, the checks of /readyz, the documents."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

import pytest
from sanic import Sanic

from server import operators
from server.domain.ports import Services
from server.settings import Settings, SettingsError, load
from server.start_cautions import cautions
from server.web import request
from tests.kit.exchange import exchange

App = Sanic[Any, Any]
PRIVATE = ("/metrics", "/docs", "/docs/openapi.json", "/docs/redoc")


def behind_a_proxy(services: Services, **changes: Any) -> None:
    exchange(
        services, settings=dataclasses.replace(services.settings, env="production", proxies=1, **changes)
    )


async def status(app: App, path: str, address: str) -> int:
    _, response = await app.asgi_client.get(path, headers={"x-forwarded-for": address})
    return int(response.status)


@pytest.mark.parametrize(
    ("operations", "address", "may"),
    [
        ("", "127.0.0.1", True),
        ("", "::1", True),
        ("", "203.0.113.9", False),
        ("10.0.0.5,192.168.0.0/16", "192.168.7.7", True),
        ("10.0.0.5,192.168.0.0/16", "10.0.0.5", True),
        ("10.0.0.5,192.168.0.0/16", "10.0.0.6", False),
        ("10.0.0.5", "127.0.0.1", False),
        ("2001:db8::/32", "[2001:db8::7]:4711", True),
    ],
)
async def test_in_production_only_from_the_given_addresses(
    app: App, services: Services, operations: str, address: str, may: bool
) -> None:
    behind_a_proxy(services, operations=operations)
    for path in PRIVATE:
        assert await status(app, path, address) == (200 if may else 404), path
    _, ready = await app.asgi_client.get("/readyz", headers={"x-forwarded-for": address})
    assert set(ready.json) == ({"status", "degraded", "checks"} if may else {"status"})
    _, alive = await app.asgi_client.get("/healthz", headers={"x-forwarded-for": address})
    assert alive.json == {"status": "ok"}


async def test_development_shows_them_to_everybody(app: App, services: Services) -> None:
    exchange(services, settings=dataclasses.replace(services.settings, proxies=1))
    for path in PRIVATE:
        assert await status(app, path, "203.0.113.9") == 200


async def test_a_proxy_on_this_machine_that_nobody_told_of_opens_nothing(
    app: App, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """Every request then comes from 127.0.0.1; and the log says once that XCERT_PROXIES is missing."""
    exchange(
        services,
        settings=dataclasses.replace(services.settings, env="production", operations="0.0.0.0/0,::/0"),
    )
    with caplog.at_level(logging.WARNING, "xcert.web"):
        for path in PRIVATE:
            assert await status(app, path, "127.0.0.1") == 404
        wechat = {"x-forwarded-for": "203.0.113.9", "user-agent": "MicroMessenger/8.0"}
        for _ in range(2):
            await app.asgi_client.get("/h5/login", headers=wechat, follow_redirects=False)
    told = [one for one in caplog.records if one.name == "xcert.web"]
    assert len(told) == 1
    assert "XCERT_PROXIES is 0" in told[0].getMessage()


@pytest.mark.parametrize("wrong", ["localhost", "10.0.0.0/33", "10.0.0.1 10.0.0.2"])
def test_a_list_that_cannot_be_read_is_told_at_the_start(wrong: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load({"XCERT_OPERATIONS": wrong}, env_file=None)
    assert refused.value.problems == [
        "XCERT_OPERATIONS 应为用逗号分开的地址或网段，如 10.0.0.5,192.168.0.0/16"
    ]


def test_what_is_no_address_is_no_operator() -> None:
    assert not operators.is_among("unix:", "0.0.0.0/0")


LIVE = {"env": "production", "contact": "1"}
FULL = "sslmode=verify-full&sslrootcert=/ca.pem"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        ({"oa_appid": "wxsandboxoa00000001"}, []),
        ({"mp_appid": "wx0123456789abcdef"}, ["XCERT_ENV"]),
        ({"env": "production", "contact": "010-12345678", "oa_appid": "wx0123456789abcdef"}, []),
        ({"env": "production"}, ["XCERT_CONTACT"]),
        ({"public_url": "https://c.example", "env": "production"}, ["XCERT_PROXIES", "XCERT_CONTACT"]),
        ({"public_url": "https://c.example", "env": "production", "proxies": 1, "contact": "1"}, []),
        ({"public_url": "https://c.example", "env": "production", "host": "0.0.0.0", "contact": "1"}, []),
        (LIVE | {"database_url": "postgresql://u@127.0.0.1/x", "redis_url": "redis://localhost"}, []),
        (LIVE | {"database_url": "postgresql://u@db/x", "redis_url": "redis://r"}, ["_DATABASE_", "_REDIS_"]),
        (LIVE | {"database_url": "postgresql://u@127.0.0.1,db/x?sslmode=prefer"}, ["_DATABASE_"]),
        (LIVE | {"database_url": f"postgresql://u@db/x?{FULL}", "redis_url": "rediss://r"}, []),
        (
            LIVE
            | {"database_url": f"postgresql://u@b/x?{FULL}", "database_session_url": "postgresql://u@db/x"},
            ["_SESSION_"],
        ),
        ({"contact": "1", "database_url": "postgresql://u@db/x"}, []),
    ],
)
def test_what_a_start_is_cautioned_of(changes: dict[str, Any], words: list[str]) -> None:
    told = cautions(Settings(**changes))
    assert len(told) == len(words)
    assert all(word in line for word, line in zip(words, told, strict=True))


async def test_strict_transport_security_with_https_alone(app: App, services: Services) -> None:
    plain = request.security_headers(services.settings)
    secure = request.security_headers(dataclasses.replace(services.settings, public_url="https://c.example"))
    assert "strict-transport-security" not in plain
    assert secure["strict-transport-security"] == "max-age=31536000"
