"""考生管理: the finding without an address, the page of one candidate, and the number that is uncovered for a reason."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role, Verb
from tests.kit import correcting, issuing, make
from tests.kit.console_desk import PASSWORD, Browser, code, seated
from tests.kit.jobs import drained

App = Sanic[Any, Any]


@pytest.mark.parametrize("role", list(Role))
async def test_the_page_opens_for_who_may_see_people(app: App, services: Services, role: Role) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    await correcting.asked(services, of, name="崔子寒")
    who = await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
    first = of.registrations[0]
    sees = Verb.SEE_PEOPLE in PERMISSIONS[role]
    for path in ("/console/people", f"/console/people/{first.candidate_id}"):
        assert (await who.page(path)).status == (200 if sees else 403)
    assert (await who.page("/console/people/987654")).status == (404 if sees else 403)
    if not sees:
        return
    text = (await who.page(f"/console/people/{first.candidate_id}")).text
    assert "王敏 打开了这一页" in text and first.admission_number in text and "更正 <a" in text
    assert ('data-open="uncover"' in text) == (Verb.UNCOVER in PERMISSIONS[role])
    assert ("没有发过通知" in text or 'aria-label="通知列表"' in text) == (role is not Role.SCHOOL)
    number = services.keys.decrypt(bytes((await first.candidate).id_sealed), about="candidate.id_number")
    assert number not in text


async def test_finding_and_uncovering_by_the_api(app: App, services: Services) -> None:
    who = await make.candidate(services, number=make.id_number(4055))
    desk = await seated(app, services, Role.OPERATOR)
    answer = await desk("POST", "/people/find", {"q": make.id_number(4055)})
    assert (answer.status, answer.json["is_more"]) == (200, False)
    [one] = answer.json["items"]
    assert (one["id"], one["how"], one["id_masked"]) == (
        who.id,
        "证件号码",
        "99************4055"[:2] + one["id_masked"][2:],
    )
    assert make.id_number(4055) not in answer.text
    path = f"/people/{who.id}/uncover"
    body = {"what": "id_number", "reason": "来电核对本人身份"}
    assert (await desk("POST", path, body)).json == {"label": "证件号码", "number": make.id_number(4055)}
    assert code(await desk("POST", path, {**body, "reason": "。"})) == (422, "invalid")
    made = await desk(
        "POST", "/tokens", {"label": "机器", "days": 30, "password": PASSWORD, "scopes": ["manage"]}
    )
    machine = Browser(app, extra={"authorization": f"Bearer {made.json['token']}"})
    assert code(await machine("POST", path, body)) == (403, "session_only")
