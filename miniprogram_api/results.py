"""GET /results: released results, and why others are not there. Ready bytes with an ETag."""

from __future__ import annotations

from sanic import HTTPResponse

from miniprogram_api.ready_answer import answer
from miniprogram_api.session import identity
from server.domain import lookups
from server.web.request import Asked


async def show(asked: Asked) -> HTTPResponse:
    return answer(asked.request, await lookups.results(asked.s, await identity(asked.request)))
