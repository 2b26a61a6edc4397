"""GET /scans/{token} · POST …/confirm · …/return: the officer's scan; POST /officer-binding pairs the second account."""

from __future__ import annotations

import orjson

from miniprogram_api import answers, bodies
from miniprogram_api.session import identity
from server.domain.issuance import scan_tickets
from server.domain.issuance.scan_tickets import Outcome
from server.domain.people import officers
from server.web.request import Asked


async def look(asked: Asked, token: str) -> answers.Scan:
    """What is to be signed; `receipt` is there once this officer has decided."""
    view = await scan_tickets.look(asked.s, token, identity=await identity(asked.request))
    return answers.Scan(
        state=view.state.value,
        state_label=view.state.label,
        plan=view.plan,
        exam_date=view.exam_date.isoformat(),
        certificate=view.certificate,
        site=view.site,
        school=view.school,
        level=view.level.value,
        level_label=view.level.label,
        count=view.count,
        digest=view.digest,
        revision=view.revision,
        expires_at=view.expires_at,
        shown_at=view.shown_at,
        shown_by=view.shown_by,
        corrects=view.corrects or None,
        people=[
            answers.ScannedPerson(
                row=one.row, number=one.number, name_masked=one.name_masked, id_masked=one.id_masked
            )
            for one in view.people
        ],
        receipt=None if view.receipt is None else orjson.loads(view.receipt),
    )


async def confirm(asked: Asked, body: bodies.Pin, token: str) -> answers.Scanned:
    outcome = await scan_tickets.confirm(
        asked.s,
        token,
        body.pin,
        identity=await identity(asked.request),
        caller=asked.caller,
    )
    return _outcome(outcome)


async def return_batch(asked: Asked, body: bodies.Return, token: str) -> answers.Scanned:
    outcome = await scan_tickets.return_batch(
        asked.s,
        token,
        body.pin,
        body.reason,
        identity=await identity(asked.request),
        caller=asked.caller,
    )
    return _outcome(outcome)


async def bind(asked: Asked, body: bodies.Pair) -> answers.Officer:
    """Pair this account with an officer of the official account, by the code shown there and the PIN."""
    officer = await officers.bind_mp(
        asked.s,
        body.code,
        body.pin,
        identity=await identity(asked.request),
        caller=asked.caller,
    )
    return answers.Officer(name=officer.name, school=officer.school)


def _outcome(outcome: Outcome) -> answers.Scanned:
    return answers.Scanned(
        state=outcome.state.value, state_label=outcome.state.label, receipt=orjson.loads(outcome.receipt)
    )
