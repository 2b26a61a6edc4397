"""/binding: which candidate the holder of the token is, and the phone the holder gives."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import orjson
from sanic import HTTPResponse
from sanic.response import json

from miniprogram_api.request import Asked
from miniprogram_api.session import identity
from server.domain import lookups
from server.domain.people import bindings, captcha, phones
from server.errors import NotFound

NO_STORE = {"cache-control": "no-store"}


async def show(asked: Asked) -> HTTPResponse:
    """Whether somebody is bound, and who, masked, with the phone that was given."""
    who = await identity(asked.request)
    view = orjson.loads(await lookups.results_bytes(asked.s, who))
    candidate = await bindings.candidate_of(asked.s, who)
    phone = candidate and phones.known(asked.s, candidate)
    said = {"bound": view["bound"], "candidate": view["candidate"], "phone_masked": phone}
    return json(said, headers=NO_STORE)


async def bind(asked: Asked) -> HTTPResponse:
    """Bind by name and identity number; the same again changes nothing.

    A phone code is used after the binding stands, and whatever WeChat says to it does not undo the binding; before it
    only as the proof that somebody needs who is bound in the official account under another WeChat identity.
    """
    who = await identity(asked.request)
    bound = await bindings.bind(
        asked.s,
        who,
        asked.said["name"],
        asked.said["id_number"],
        address=asked.address,
        request_id=asked.request_id,
        image_answer=asked.said["captcha"],
        phone_last4=asked.said["phone_last4"],
        phone_code=asked.said["phone_code"],
    )
    place = {"address": asked.address, "request_id": asked.request_id}
    said: dict[str, Any] = {"candidate": {"name_masked": bound.name_masked, "id_masked": bound.id_masked}}
    if bound.phone is not None:
        masked = await phones.keep(asked.s, bound.candidate_id, bound.phone, **place)
        said["phone"] = _phone(phones.Given(masked))
    elif code := asked.said["phone_code"]:
        given = await phones.try_to_give(asked.s, who, bound.candidate_id, code, **place)
        said["phone"] = _phone(given)
    return json(said, headers=NO_STORE)


async def give_phone(asked: Asked) -> HTTPResponse:
    """Give a phone after the binding, or once more; it takes the place of the one given before."""
    who = await identity(asked.request)
    candidate = await bindings.candidate_of(asked.s, who)
    if candidate is None:
        raise NotFound("not_bound", "您还没有绑定考生信息，请先绑定。")
    masked = await phones.give(
        asked.s,
        who,
        candidate.id,
        asked.said["phone_code"],
        address=asked.address,
        request_id=asked.request_id,
    )
    return json({"phone": _phone(phones.Given(masked))}, headers=NO_STORE)


def _phone(given: phones.Given) -> dict[str, Any]:
    problem = given.refusal and {"code": given.refusal.code, "detail": given.refusal.message}
    return {"masked": given.masked, "problem": problem}


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
