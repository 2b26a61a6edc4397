"""GET /scans/{token} · POST …/confirm · …/return: the officer's scan; POST /officer-binding pairs the second account."""

from __future__ import annotations

import orjson
from sanic import HTTPResponse
from sanic.response import raw

from miniprogram_api.request import JSON, Asked
from miniprogram_api.session import identity
from server.domain.beijing import local
from server.domain.issuance import scan_tickets
from server.domain.issuance.scan_tickets import Outcome
from server.domain.people import officers
from server.domain.people.names import mask_name


async def look(asked: Asked, token: str) -> HTTPResponse:
    """What is to be signed; `receipt` is there once this officer has decided."""
    view = await scan_tickets.look(asked.s, token, identity=await identity(asked.request))
    said = {
        "state": view.state,
        "state_label": view.state_label,
        "plan": view.plan,
        "exam_date": view.exam_date,
        "certificate": view.certificate,
        "site": view.site,
        "school": view.school,
        "level": view.level,
        "level_label": view.level_label,
        "count": view.count,
        "digest": view.digest,
        "revision": view.revision,
        "expires_at": local(view.expires_at).isoformat(timespec="seconds"),
        "shown_at": local(view.shown_at).isoformat(timespec="seconds"),
        "shown_by": view.shown_by,
        "people": [
            {
                "row": one.row,
                "number": one.number,
                "name_masked": mask_name(one.name),
                "id_masked": one.id_masked,
            }
            for one in view.people
        ],
        "receipt": None if view.receipt is None else orjson.loads(view.receipt),
    }
    return _json(said)


async def confirm(asked: Asked, token: str) -> HTTPResponse:
    outcome = await scan_tickets.confirm(
        asked.s,
        token,
        asked.said["pin"],
        identity=await identity(asked.request),
        address=asked.address,
        request_id=asked.request_id,
    )
    return _outcome(outcome)


async def return_batch(asked: Asked, token: str) -> HTTPResponse:
    outcome = await scan_tickets.return_batch(
        asked.s,
        token,
        asked.said["pin"],
        asked.said["reason"],
        identity=await identity(asked.request),
        address=asked.address,
        request_id=asked.request_id,
    )
    return _outcome(outcome)


async def bind(asked: Asked) -> HTTPResponse:
    """Pair this account with an officer of the official account, by the code shown there and the PIN."""
    officer = await officers.bind_mp(
        asked.s,
        asked.said["code"],
        asked.said["pin"],
        identity=await identity(asked.request),
        address=asked.address,
        request_id=asked.request_id,
    )
    return _json({"name": officer.name, "school": officer.school.name})


def _outcome(outcome: Outcome) -> HTTPResponse:
    return _json(
        {
            "state": outcome.state,
            "state_label": outcome.state_label,
            "receipt": orjson.loads(outcome.receipt),
        }
    )


def _json(said: object) -> HTTPResponse:
    return raw(orjson.dumps(said), content_type=JSON, headers={"cache-control": "no-store"})
