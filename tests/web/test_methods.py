"""HEAD and OPTIONS, at every address that is served."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest
from sanic import Sanic


async def test_every_address_has_both(app: Sanic[Any, Any]) -> None:
    methods: defaultdict[str, set[str]] = defaultdict(set)
    for route in app.router.routes:
        methods[route.path] |= set(route.methods)
    assert len(methods) > 80
    assert [path for path, known in methods.items() if "GET" in known and "HEAD" not in known] == []
    assert [path for path, known in methods.items() if "OPTIONS" not in known] == []


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/mp/v1/results", 401), ("/nowhere", 404)])
async def test_head_is_get_without_its_body(app: Sanic[Any, Any], path: str, status: int) -> None:
    _, whole = await app.asgi_client.get(path)
    _, head = await app.asgi_client.head(path)
    assert (whole.status, head.status) == (status, status)
    assert whole.content and not head.content
    assert head.headers["content-type"] == whole.headers["content-type"]


async def test_options_tell_what_an_address_takes_and_do_nothing(app: Sanic[Any, Any]) -> None:
    _, answer = await app.asgi_client.options("/console/api/v1/session")
    assert (answer.status, answer.content) == (204, b"")
    assert answer.headers["allow"] == "DELETE,GET,HEAD,POST,OPTIONS"
    _, refused = await app.asgi_client.patch("/console/api/v1/session")
    assert refused.status == 405
