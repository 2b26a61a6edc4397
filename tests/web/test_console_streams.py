"""Who watches a batch's stream of events goes on watching only as long as they may."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sanic import Sanic

from server.domain.actor import SYSTEM
from server.domain.auth import api_tokens, logins
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import ApiToken, Staff
from server.web import connections
from server.web.console import event_stream
from tests.kit import issuing, make
from tests.kit.console_desk import PASSWORD, Browser, account, code
from tests.kit.event_bus import ScriptedEventBus
from tests.kit.exchange import exchange

App = Sanic[Any, Any]


async def _revoked(s: Services, who: Staff) -> None:
    await ApiToken.filter(staff_id=who.id).update(revoked_at=s.clock.now())


async def _closed(s: Services, who: Staff) -> None:
    await Staff.filter(id=who.id).update(is_active=False)


async def _of_another_school(s: Services, who: Staff) -> None:
    await Staff.filter(id=who.id).update(school_id=(await make.school()).id)


@pytest.mark.parametrize("change", [_revoked, _closed, _of_another_school])
async def test_a_machines_stream_ends_when_it_may_no_longer_look(
    app: App, services: Services, change: Any
) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await account(Role.SCHOOL, school=of.school)
    made = await api_tokens.create(
        services, who.id, "大屏", 1, proof=api_tokens.Proof(password=PASSWORD), actor=SYSTEM
    )
    machine = Browser(app, extra={"authorization": f"Bearer {made.token}"})
    opened = {"event": "opened", "officer": "王签发"}
    exchange(
        services, event_bus=ScriptedEventBus(opened, lambda: change(services, who), {"event": "confirmed"})
    )
    stream = (await machine("GET", f"/issuances/{batch.id}/events")).text
    names = [line.removeprefix("event: ") for line in stream.splitlines() if line.startswith("event: ")]
    assert names == ["snapshot", "opened", "snapshot"]


async def test_one_account_has_ten_streams_in_a_process(app: App, services: Services) -> None:
    """The eleventh is refused with a sentence; others' are not, and an ended one makes room."""
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await account(Role.ISSUER)
    token, session = logins.begin(services, who)
    browser = Browser(app, token, session.csrf)
    path = f"/issuances/{batch.id}/events"
    app.ctx.streams[who.id] = event_stream.MOST_STREAMS
    refused = await browser("GET", path)
    assert code(refused) == (429, "too_many_streams")
    assert refused.json["detail"] == "您打开的批次页面太多，请关闭几个后再刷新本页。"
    app.ctx.streams[who.id] = event_stream.MOST_STREAMS - 1
    exchange(services, event_bus=ScriptedEventBus({"event": "opened", "officer": "王签发"}))
    assert (await browser("GET", path)).status == 200
    assert app.ctx.streams[who.id] == event_stream.MOST_STREAMS - 1


async def test_a_stop_ends_open_streams_at_once_and_says_when_to_come_again(
    app: App, services: Services
) -> None:
    """An open page on a quiet batch used to hold a stop up until Sanic cut it off."""
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await account(Role.ISSUER)
    token, session = logins.begin(services, who)
    left: list[str] = []

    async def stopped_and_nothing_happens() -> None:
        connections.at_stop(app)
        try:
            await asyncio.Event().wait()
        finally:
            left.append("listening")

    exchange(services, event_bus=ScriptedEventBus(stopped_and_nothing_happens))
    async with asyncio.timeout(60):
        answer = await Browser(app, token, session.csrf)("GET", f"/issuances/{batch.id}/events")
    assert answer.status == 200
    assert [line for line in answer.text.splitlines() if line.startswith(("event: ", "retry: "))] == [
        "retry: 2000",
        "event: snapshot",
        "retry: 5000",
    ]
    assert answer.text.endswith("\n\nretry: 5000\n\n")
    assert (left, app.ctx.streams) == (["listening"], {})
