"""Who watches a batch's stream of events goes on watching only as long as they may."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain.audit import SYSTEM
from server.domain.entry import api_tokens
from server.domain.people.roles import Role
from server.domain.ports import Services
from server.records import ApiToken, Staff
from tests import make
from tests.domain import issuing
from tests.doors.console_desk import PASSWORD, Browser, account
from tests.doors.test_console_screens import ScriptedLive

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
    made = await api_tokens.create(services, who, "大屏", 1, password=PASSWORD, actor=SYSTEM)
    machine = Browser(app, extra={"authorization": f"Bearer {made['token']}"})
    opened = {"event": "opened", "officer": "王签发"}
    services.live = ScriptedLive(opened, lambda: change(services, who), {"event": "confirmed"})
    stream = (await machine("GET", f"/issuances/{batch.id}/events")).text
    names = [line.removeprefix("event: ") for line in stream.splitlines() if line.startswith("event: ")]
    assert names == ["snapshot", "opened", "snapshot"]
