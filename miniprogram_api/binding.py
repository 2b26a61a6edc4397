"""/binding: which candidate the holder of the token is."""

from __future__ import annotations

from base64 import b64encode

import orjson
from sanic import HTTPResponse
from sanic.response import json

from miniprogram_api.asking import Asked
from miniprogram_api.session import identity
from server.domain import bindings, captcha, lookups

NO_STORE = {"cache-control": "no-store"}


async def show(asked: Asked) -> HTTPResponse:
    """Whether somebody is bound, and who, masked."""
    view = orjson.loads(await lookups.results_bytes(asked.s, await identity(asked.request)))
    return json({"bound": view["bound"], "candidate": view["candidate"]}, headers=NO_STORE)


async def bind(asked: Asked) -> HTTPResponse:
    """Bind by name and identity number; the same again changes nothing."""
    bound = await bindings.bind(
        asked.s,
        await identity(asked.request),
        asked.said["name"],
        asked.said["id_number"],
        address=asked.address,
        request_id=asked.request_id,
        image_answer=asked.said["captcha"],
    )
    masked = {"name_masked": bound.name_masked, "id_masked": bound.id_masked}
    return json({"candidate": masked}, headers=NO_STORE)


async def unbind(asked: Asked) -> HTTPResponse:
    """Undo the binding; nothing to undo is no error."""
    who = await identity(asked.request)
    await bindings.unbind(asked.s, who, address=asked.address, request_id=asked.request_id)
    return HTTPResponse(b"", status=204)


async def picture(asked: Asked) -> HTTPResponse:
    """A picture for the image check as a data URL, since <image> cannot send the token."""
    image = await captcha.draw(asked.s, await identity(asked.request))
    shown = "data:image/png;base64," + b64encode(image).decode()
    return json({"image": shown, "expires_in": captcha.SECONDS}, headers=NO_STORE)
