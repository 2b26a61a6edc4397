"""GET /results: released results, and why others are not there. Ready bytes with an ETag."""

from __future__ import annotations

from sanic import HTTPResponse

from miniprogram_api import lookup_answers
from miniprogram_api.ready_response import ready
from server.domain import lookups
from server.domain.lookups.views import Standing
from server.domain.ports import Services, WeChatIdentity
from server.web import responses
from server.web.request import Asked


async def show(asked: Asked) -> HTTPResponse:
    return await ready(asked, "results", read)


async def read(s: Services, who: WeChatIdentity) -> tuple[bytes, Standing]:
    """The body, and how long it stands."""
    view = await lookups.results(s, who)
    return responses.encoded(lookup_answers.results(view)), view.standing
