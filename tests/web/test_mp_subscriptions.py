"""/mp/v1/subscriptions: what to ask for, what was accepted, and a report that comes again."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sanic import Sanic

from server.domain.auth import sessions
from server.domain.notices import grants
from server.domain.ports import Push, Services
from server.models import GrantEntry, IdempotentAnswer
from tests.kit.exchange import exchange

App = Sanic[Any, Any]
OPENID = "m-somebody-0000000000000000"


async def ask(
    app: App, s: Services, method: str, body: Any = None, *, openid: str = OPENID, **headers: str
) -> Any:
    token = sessions.mint(s, "mp", openid, 3600)
    more = {"json": body} if body is not None else {}
    headers = {"authorization": f"Bearer {token}", **headers}
    _, response = await getattr(app.asgi_client, method)("/mp/v1/subscriptions", headers=headers, **more)
    return response


def items(results: int, certificates: int) -> dict[str, Any]:
    rows = [
        ("certificate_issued", "证书发放", "mp-template-certificate", certificates),
        ("results_released", "成绩公布", "mp-template-result", results),
    ]
    names = ("topic", "title", "template_id", "left")
    shown = [dict(zip(names, row, strict=True)) for row in rows]
    return {"items": [one | {"ask": one["left"] == 0, "long_term": False} for one in shown]}


async def test_what_to_ask_for_and_what_was_accepted(app: App, services: Services) -> None:
    shown = await ask(app, services, "get")
    assert (shown.status, shown.json, shown.headers["cache-control"]) == (200, items(0, 0), "no-store")
    both = {"accepted": ["results_released", "certificate_issued"]}
    told = await ask(app, services, "post", both)
    assert (told.status, told.json) == (200, items(1, 1))
    push = Push(
        "mp",
        "subscribe_msg_popup_event",
        True,
        OPENID,
        "gh_1",
        1,
        "key",
        fields={"List": {"TemplateId": "mp-template-result", "SubscribeStatusString": "accept"}},
    )
    await grants.taken_in(services, push)  # WeChat tells of the same accept
    assert (await ask(app, services, "get")).json == items(1, 1)
    assert (await ask(app, services, "post", {"accepted": ["results_released"]})).json == items(2, 1)
    assert (await ask(app, services, "get", openid="m-somebody-else")).json == items(0, 0)


async def test_a_report_that_comes_again_counts_once(app: App, services: Services) -> None:
    body, key = {"accepted": ["results_released"]}, {"idempotency-key": "tap-1"}
    first = await ask(app, services, "post", body, **key)
    again = await ask(app, services, "post", body, **key)
    assert (first.json, again.json) == (items(1, 0), items(1, 0))
    other = await ask(app, services, "post", {"accepted": ["certificate_issued"]}, **key)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    elsewhere = await ask(app, services, "post", body, openid="m-somebody-else", **key)
    assert elsewhere.json == items(1, 0)
    assert await GrantEntry.all().count() == 2
    kept = [f"{row.owner} {bytes(row.request_sha256)!r}" for row in await IdempotentAnswer.all()]
    assert len(kept) == 2
    assert [row for row in kept if OPENID in row or "m-somebody-else" in row] == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"accepted": ["results_released", "weather"]}, ["/accepted/1"]),
        ({"accepted": ["signing_reminder"]}, ["/accepted/0"]),  # nobody can be asked for it
        ({"accepted": []}, ["/accepted"]),
        ({"accepted": "results_released"}, ["/accepted"]),
        ({}, ["/accepted"]),
    ],
)
async def test_what_cannot_be_taken_is_refused_by_its_place(
    app: App, services: Services, body: Any, pointers: list[str]
) -> None:
    for key in ({}, {"idempotency-key": "k"}):
        refused = await ask(app, services, "post", body, **key)
        assert refused.status == 422
        assert [error["pointer"] for error in refused.json["errors"]] == pointers
        assert all(error["detail"] for error in refused.json["errors"])
    assert await GrantEntry.all().count() == 0


async def test_only_for_those_who_are_logged_in_and_only_what_is_configured(
    app: App, services: Services
) -> None:
    for method in ("get", "post"):
        more = {"json": {"accepted": ["results_released"]}} if method == "post" else {}
        _, response = await getattr(app.asgi_client, method)("/mp/v1/subscriptions", **more)
        assert (response.status, response.json["code"]) == (401, "token_missing")
    exchange(services, settings=dataclasses.replace(services.settings, mp_template_result=""))
    shown = await ask(app, services, "get")
    assert [item["topic"] for item in shown.json["items"]] == ["certificate_issued"]
    assert (await ask(app, services, "post", {"accepted": ["results_released"]})).status == 422
