"""/subscriptions: which templates to ask for, and what was accepted after wx.requestSubscribeMessage (wechat.md §4.5)."""

from __future__ import annotations

from typing import Any

import orjson
from sanic import HTTPResponse
from sanic.response import raw

from miniprogram_api.asking import JSON, Asked
from miniprogram_api.session import identity
from server.domain import idempotency
from server.domain.idempotency import Answer
from server.domain.notices import grants
from server.domain.notices.topics import TOPICS

NO_STORE = {"cache-control": "no-store"}


async def listing(asked: Asked) -> HTTPResponse:
    """The templates to ask for in one tap, and how many messages of each are left."""
    who = await identity(asked.request)
    asked_for = grants.asked_for(asked.s, who.account)
    left = await grants.left(who.account, who.openid, list(asked_for))
    return _answer(_body(asked_for, left))


async def accept(asked: Asked) -> HTTPResponse:
    """Take in what was accepted. With an Idempotency-Key the same report counts once, however often it comes."""
    who = await identity(asked.request)

    async def work() -> Answer:
        left = await grants.report(asked.s, who.account, who.openid, asked.said["accepted"])
        return Answer(200, _body(grants.asked_for(asked.s, who.account), left))

    key = asked.request.headers.get("idempotency-key")
    if key is None:
        return _answer((await work()).body)
    said = b"POST /mp/v1/subscriptions\n" + asked.request.body
    return _answer((await idempotency.once(asked.s, f"mp:{who.openid}", key, said, work)).body)


def _body(asked_for: dict[str, str], left: dict[str, int]) -> bytes:
    items: list[dict[str, Any]] = [
        {"topic": name, "title": TOPICS[name].label, "template_id": template, "left": left[name]}
        for name, template in asked_for.items()
    ]
    return orjson.dumps({"items": items})


def _answer(body: bytes) -> HTTPResponse:
    return raw(body, content_type=JSON, headers=NO_STORE)
