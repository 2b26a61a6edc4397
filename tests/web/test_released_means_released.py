"""Before a plan's results are released nobody outside the organisation learns who passed, by any door.

Every GET route of the service is asked by every outside role, once before the release and once after it. The list of
routes is the service's own, so that a new one is asked by itself.
"""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
from sanic import Sanic

from server.adapters.captcha import PillowImageCheck
from server.domain.actor import Actor, Caller
from server.domain.auth import mini_login, web_login
from server.domain.exams import plans
from server.domain.issuance import announcements, organisation, scan_tickets
from server.domain.lookups import worklist
from server.domain.people import bindings, officers
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Role
from server.errors import Conflict
from server.models import Certificate, Delivery, Issuance, Plan, Receipt
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing, make
from tests.kit.console_desk import seated
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLogins
from tests.kit.issuing import PIN
from tests.kit.jobs import drained

App = Sanic[Any, Any]
HOLDER = WeChatIdentity("oa", "oHolder", "uHolder")
HOLDER_MP = WeChatIdentity("mp", "mHolder", "uHolder")
OFFICER_MP = WeChatIdentity("mp", "mOfficer")
SKIPPED = ("static/", "wechat/")  # files, and pushes that only WeChat may send
DOSSIER, RECEIPT = "console/people/<candidate_id:int>", "h5/officer/signed/<receipt_id:int>"
LISTS = ("console/people", "console/api/v1/people/export.xlsx")
EMPTY = {"console/api/v1/issuances/export.xlsx", "console/api/v1/certificates/export.xlsx"}
STREAM = "console/api/v1/issuances/<issuance_id:int>/events"


@dataclass
class World:
    """One batch, how its outsiders come in, and what would tell them who passed."""

    app: App
    of: issuing.Cohort
    values: dict[str, Any]
    secrets: list[str]
    roles: dict[str, dict[str, str]] = field(default_factory=dict)

    async def ask(self, method: str, path: str, role: str, **more: Any) -> Any:
        self.app.asgi_client.cookies.clear()  # nobody keeps another role's session
        headers = {"accept": "text/html", "origin": "http://127.0.0.1:8000", **self.roles[role]}
        call = getattr(self.app.asgi_client, method)
        _, response = await call(path, headers=headers, follow_redirects=False, **more)
        return response

    def told(self, text: str) -> bool:
        return any(secret in text for secret in self.secrets)

    async def telling(self, role: str, *, skip: str = "") -> set[str]:
        """The GET routes by which this role learns who passed."""
        found = set()
        for route in self.app.router.routes:
            if "GET" not in route.methods or route.path == skip or route.path.startswith(SKIPPED):
                continue
            path = "/" + re.sub(
                r"<(\w+)(:[^>]*)?>", lambda m: quote(str(self.values.get(m[1], 1))), route.path
            )
            async with asyncio.timeout(30):
                response = await self.ask("get", path, role)
            if self.told(response.text) or response.body[:4] in (b"%PDF", b"PK\x03\x04"):
                found.add(route.path)
        return found


async def bound(s: Services, of: issuing.Cohort) -> None:
    """The first on the list, bound in both accounts."""
    holder = await of.registrations[0].candidate
    number = s.keys.decrypt(bytes(holder.id_sealed), about=ABOUT_ID)
    for who in (HOLDER, HOLDER_MP):
        await bindings.bind(s, who, holder.name, number, caller=Caller("127.0.0.1", "test"))


async def world(app: App, s: Services, state: str) -> World:
    """A batch that an older version has brought as far as `state`, its plan not released."""
    exchange(s, image_check=PillowImageCheck())
    of = await issuing.cohort(s)
    code = await officers.pairing_code(s.cache, of.identity)
    await officers.bind_mp(s, code, PIN, identity=OFFICER_MP, caller=Caller("127.0.0.1"))
    await bound(s, of)
    if state == "site_pending":
        shown = await issuing.shown_ticket(s, of)
        token = shown.token
    else:
        shown = await issuing.shown_ticket(s, of)
        token = shown.token
        await scan_tickets.confirm(s, token, PIN, identity=of.identity)
        await organisation.hand_over(s, (await Issuance.get()).id, actor=make.ISSUER_STAFF)
        await drained(s)
    batch, first = await Issuance.get(), await Certificate.all().order_by("number").first()
    assert first is not None and batch.state == state
    await Plan.filter(id=of.plan.id).update(release_at=None)
    await Delivery.all().delete()
    numbers = [str(one) for one in await Certificate.all().values_list("number", flat=True)]
    digest = bytes(batch.list_sha256 or b"").hex()

    made = World(
        app,
        of,
        {
            "issuance_id": batch.id,
            "plan_id": of.plan.id,
            "candidate_id": of.registrations[0].candidate_id,
            "receipt_id": getattr(await Receipt.first(), "id", 1),
            "number": first.number,
            "code": first.code or "0",
            "token": token,
            "officer_id": of.officer.id,
        },
        [*numbers, *issuing.NAMES, digest[:8], f"{digest[:4]} {digest[4:8]}", f"第 {batch.id} 批"],
    )
    assert isinstance(s.wechat_logins, FakeWeChatLogins)
    bearer = {}
    for name, who in (("officer", OFFICER_MP), ("holder", HOLDER_MP)):
        s.wechat_logins.codes[name] = who
        bearer[name] = (await mini_login.log_in(s, name)).token
    browser = await seated(app, s, Role.SCHOOL, school=of.school)
    made.roles = {
        "anybody": {},
        "school": {"cookie": f"xcert_console={browser.cookie}", "x-csrf-token": browser.csrf},
        "officer": {"cookie": f"{SESSION_COOKIE}={web_login.session_for(s, of.identity)}"},
        "officer in the mini-program": {"authorization": f"Bearer {bearer['officer']}"},
        "holder": {"cookie": f"{SESSION_COOKIE}={web_login.session_for(s, HOLDER)}"},
        "holder in the mini-program": {"authorization": f"Bearer {bearer['holder']}"},
    }
    return made


@pytest.mark.parametrize("state", ["site_pending", "issued"])
async def test_no_door_tells_before_the_release_and_the_right_ones_do_after_it(
    app: App, services: Services, state: str
) -> None:
    w = await world(app, services, state)
    before = {role: await w.telling(role) for role in w.roles}
    # The code on a certificate says what is printed there; it is nobody's before the release, and is told not to hold.
    if state == "issued":
        for found in before.values():
            found.discard("v/<code:str>")
        seen = await w.ask("get", f"/v/{w.values['code']}", "anybody")
        assert "没有这份证书的发放记录" in seen.text and "证书有效" not in seen.text
    # That its own candidate is registered, a school knows, and an officer what he himself has signed.
    found = before.pop("school")
    tables = {path for path in found if path.endswith("/export.xlsx")} - {LISTS[1]}
    assert found - tables == {DOSSIER, *LISTS} and tables >= EMPTY
    for path in tables:
        taken = await w.ask("get", f"/{path}", "school")
        _, sheet = openpyxl.load_workbook(
            io.BytesIO(taken.body)
        ).worksheets  # the first says how many there are
        assert path not in EMPTY or sheet.max_row == 1, path
        assert not w.told(str(list(sheet.values))), path
    _, people = openpyxl.load_workbook(
        io.BytesIO((await w.ask("get", f"/{LISTS[1]}", "school")).body)
    ).worksheets
    assert "何未过" in str(list(people.values))  # all of theirs, whoever passed
    dossier = await w.ask("get", f"/console/people/{w.values['candidate_id']}", "school")
    assert dossier.text.count("公布后可见") == 2 and "没有证书。" in dossier.text
    w.secrets = [secret for secret in w.secrets if secret not in issuing.NAMES]
    assert not w.told(dossier.text)
    w.secrets += issuing.NAMES
    assert before.pop("officer") <= {RECEIPT, f"{RECEIPT}/file"}
    assert before == {role: set() for role in before}

    await plans.release(services.clock, services.queue, w.of.plan.id, at=None, actor=make.OPERATOR)
    after = {role: await w.telling(role, skip=STREAM) for role in w.roles}
    api = "console/api/v1/issuances"
    theirs = {"console/issuances", "console/issuances/<issuance_id:int>", api, f"{api}/<issuance_id:int>"}
    assert theirs <= after["school"], after["school"]
    assert f"{api}/<issuance_id:int>/people" in after["school"]
    if state == "site_pending":
        assert {"h5/officer", "s/<token:str>"} <= after["officer"]
        assert after["holder"] == set()
        assert after["anybody"] == set()
    else:
        assert f"{api}/<issuance_id:int>/certificates.zip" in after["school"]
        assert "h5/certificates" in after["holder"]
        assert "mp/v1/certificates" in after["holder in the mini-program"]
        assert after["anybody"] == {"v/<code:str>"}


async def test_nothing_is_waiting_for_a_school_or_its_officer(app: App, services: Services) -> None:
    w = await world(app, services, "site_pending")
    clerk = Actor("staff", 7, "院校", role="school", school_id=w.of.school.id)
    assert sum(one.batches + one.certificates for one in await worklist.batches(services.clock, clerk)) == 0
    assert sum(one.batches for one in await worklist.batches(services.clock, make.ISSUER_STAFF)) == 1
    services.clock.forward(days=15)  # type: ignore[attr-defined]
    await announcements.remind(services.clock, services.queue)
    assert await Delivery.all().count() == 0
    await plans.release(services.clock, services.queue, w.of.plan.id, at=None, actor=make.OPERATOR)
    await announcements.remind(services.clock, services.queue)
    assert await Delivery.filter(topic="signing_reminder").count() == 1
    assert sum(one.certificates for one in await worklist.batches(services.clock, clerk)) == 4


async def test_every_step_towards_the_school_is_refused(app: App, services: Services) -> None:
    w = await world(app, services, "site_pending")
    token, issuance = w.values["token"], w.values["issuance_id"]
    for path, body in (
        (f"/s/{token}/confirm", {"pin": PIN}),
        (f"/s/{token}/return", {"pin": PIN, "reason": "有误"}),
    ):
        answer = await w.ask("post", path, "officer", data=body)
        assert answer.status == 409 and "成绩尚未公布" in answer.text, path
        answer = await w.ask("post", f"/mp/v1/scans/{path[3:]}", "officer in the mini-program", json=body)
        assert (answer.status, answer.json["code"]) == (409, "results_not_released")
    answer = await w.ask("post", f"/console/api/v1/issuances/{issuance}/scan-tickets", "school", json={})
    assert (answer.status, answer.json["code"]) == (404, "issuance_not_found")
    with pytest.raises(Conflict) as refused:
        await scan_tickets.show(services, issuance, actor=make.ISSUER_STAFF)
    assert refused.value.code == "results_not_released"
    assert (await Issuance.get()).state == "site_pending"
    await Issuance.all().update(state="school_signed")
    with pytest.raises(Conflict) as refused:
        await organisation.hand_over(services, issuance, actor=make.ISSUER_STAFF)
    assert (refused.value.code, (await Issuance.get()).state) == ("results_not_released", "school_signed")


async def test_a_number_and_a_name_find_nothing_before_the_release(app: App, services: Services) -> None:
    w = await world(app, services, "issued")
    asked = {"number": w.values["number"], "name": issuing.NAMES[0]}
    assert "没有查到编号与姓名都相符的证书" in (await w.ask("post", "/v", "anybody", data=asked)).text
    await plans.release(services.clock, services.queue, w.of.plan.id, at=None, actor=make.OPERATOR)
    found = await w.ask("post", "/v", "anybody", data=asked)
    assert found.status == 303
    assert "证书有效" in (await w.ask("get", found.headers["location"], "anybody")).text


@pytest.mark.rule("S85")
async def test_a_batch_may_be_prepared_but_goes_to_the_school_after_the_release(
    services: Services,
) -> None:
    of = await issuing.cohort(services)
    await Plan.filter(id=of.plan.id).update(release_at=None)
    batch = await issuing.prepared(services, of)
    later = services.clock.now().replace(hour=9)
    for _ in range(2):  # not at all, and not yet
        with pytest.raises(Conflict) as refused:
            await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
        assert refused.value.code == "results_not_released"
        assert refused.value.message.endswith("公布成绩后即可继续。")
        await plans.release(services.clock, services.queue, of.plan.id, at=later, actor=make.OPERATOR)
    await plans.cancel_release(
        services.clock, of.plan.id, actor=make.OPERATOR
    )  # nobody was asked: still possible
    await plans.release(services.clock, services.queue, of.plan.id, at=None, actor=make.OPERATOR)
    await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
    assert (await Issuance.get(id=batch.id)).state == "site_pending"


@pytest.mark.parametrize("step", ["signed", "withdrawn"])
async def test_a_release_only_comes_sooner_once_a_school_was_asked(services: Services, step: str) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    if step == "withdrawn":
        await organisation.withdraw(services, batch.id, actor=make.ISSUER_STAFF)
    later = services.clock.now().replace(hour=9)
    await Plan.filter(id=of.plan.id).update(release_at=later)  # by an older version
    for call in (
        plans.cancel_release(services.clock, of.plan.id, actor=make.OPERATOR),
        plans.release(
            services.clock, services.queue, of.plan.id, at=later.replace(hour=10), actor=make.OPERATOR
        ),
    ):
        with pytest.raises(Conflict) as refused:
            await call
        assert refused.value.code == "school_asked" and refused.value.message.endswith("。")
    assert (await Plan.get(id=of.plan.id)).release_at == later
    await plans.release(services.clock, services.queue, of.plan.id, at=None, actor=make.OPERATOR)
    assert (await Plan.get(id=of.plan.id)).release_at == services.clock.now()
