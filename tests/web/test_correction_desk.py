"""更正 at the console: asked for with the letter by a school, decided by staff, seen on the pages."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.certificates import revocation
from server.domain.corrections import completion
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Candidate, Correction, Issuance
from tests.kit import correcting, make
from tests.kit.console_desk import Browser, code, seated
from tests.kit.correcting import LETTER, REASON
from tests.kit.fakes import FakeClock
from tests.kit.h5 import App
from tests.kit.home import told
from tests.kit.issuing import Cohort

pytestmark = pytest.mark.rule("S68")


@pytest.fixture
async def of(services: Services) -> Cohort:
    return await correcting.issued(services)


async def ask(who: Browser, about: str, *, letter: bytes | None = LETTER, **said: str) -> Any:
    files = {"file": ("函.pdf", letter or b"", "application/pdf")}
    if letter is None:
        files = {"other": ("x", b"x", "text/plain")}
    said = {"kind": "person", "about": about, "reason": REASON, **said}
    return await who("POST", "/corrections", data=said, files=files)


async def test_a_school_asks_and_staff_approve(app: App, services: Services, of: Cohort) -> None:
    school = await seated(app, services, Role.SCHOOL, school=of.school)
    admin = await seated(app, services, Role.ADMIN)
    old = await correcting.certificate(of)
    assert f"/console/corrections/new?about={old.number}" in (await school.page("/console/certificates")).text
    assert f'value="{old.number}"' in (await school.page(f"/console/corrections/new?about={old.number}")).text
    made = await ask(school, old.number, name="龙文")
    assert made.status == 201, made.text
    path = f"/corrections/{made.json['id']}"
    shown = (await school("GET", path)).json
    assert (shown["state_label"], shown["requested_by_school"], shown["may_withdraw"], shown["may_decide"]) == (
        "待批准", True, True, False,
    )  # fmt: skip
    assert shown["changes"] == [{"label": "姓名", "was": "龙雯", "becomes": "龙文"}]
    assert code(await school("POST", f"{path}/approve", {})) == (403, "role_not_allowed")
    assert (await told(admin))["更正等待您对照函件处理"] == 1
    assert await told(school) == {}
    page = await admin.page(f"/console{path}")
    assert f'data-post="{path}/approve"' in page.text and "龙文" in page.text
    letter = await admin("GET", f"{path}/letter")
    assert (letter.status, letter.body) == (200, LETTER)
    assert await AuditEntry.filter(action="correction.letter").count() == 1
    assert (await admin("POST", f"{path}/approve", {})).json == {"state": "under_way"}
    [anew] = (await admin("GET", path)).json["certificates"]
    assert (anew["old_number"], anew["batch_state_label"]) == (old.number, "待签发")
    batch = await admin.page(f"/console/issuances/{anew['issuance_id']}")
    assert "更正换发" in batch.text and old.number in batch.text
    assert [one["id"] for one in (await admin("GET", "/corrections?state=under_way")).json["items"]] == [
        made.json["id"]
    ]
    assert "龙文" in (await school.page("/console/corrections")).text
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="other-school")
    assert code(await stranger("GET", path)) == (404, "correction_unknown")
    assert code(await stranger("GET", f"{path}/letter")) == (404, "correction_unknown")
    assert (await stranger("GET", "/corrections")).json["items"] == []


async def test_an_identity_number_is_shown_by_its_ends_and_typed_again(
    app: App, services: Services, of: Cohort
) -> None:
    operator, admin = await seated(app, services, Role.OPERATOR), await seated(app, services, Role.ADMIN)
    right, before = make.id_number(4321), await correcting.number_of(services, of)
    made = await ask(operator, of.registrations[0].admission_number, id_number=right)
    path = f"/corrections/{made.json['id']}"
    for answer in (
        await admin("GET", path),
        await admin.page(f"/console{path}"),
        await admin.page("/console/corrections"),
    ):
        assert answer.status == 200
        assert right not in answer.text and before not in answer.text
    assert "照函件再填一次" in (await admin.page(f"/console{path}")).text
    wrong = await admin("POST", f"{path}/approve", {"id_number": before})
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/id_number")
    assert right not in wrong.text
    assert (await admin("POST", f"{path}/approve", {"id_number": right})).status == 200


async def test_refused_withdrawn_and_poor(app: App, services: Services, of: Cohort) -> None:
    operator, issuer = await seated(app, services, Role.OPERATOR), await seated(app, services, Role.ISSUER)
    about = of.registrations[0].admission_number
    none = await ask(operator, about, name="龙文", letter=None)
    assert (none.status, none.json["errors"][0]["pointer"]) == (422, "/file")
    made = (await ask(operator, about, name="龙文")).json
    assert code(await operator("POST", f"/corrections/{made['id']}/approve", {})) == (403, "same_person")
    refused = await issuer("POST", f"/corrections/{made['id']}/refuse", {"note": "函件没有公章"})
    assert refused.json == {"state": "refused"}
    assert "函件没有公章" in (await operator.page(f"/console/corrections/{made['id']}")).text
    again = (await ask(operator, about, name="龙文")).json
    assert (await operator("POST", f"/corrections/{again['id']}/withdraw", {})).json == {"state": "withdrawn"}
    assert {one.state for one in await Correction.all()} == {"refused", "withdrawn"}
    assert (await Candidate.get(id=of.registrations[0].candidate_id)).name == "龙雯"
    auditor = await seated(app, services, Role.AUDITOR)
    assert (await auditor.page("/console/corrections")).status == 200
    assert (await auditor.page("/console/corrections/new")).status == 403


async def test_a_batch_that_came_to_nothing_says_so(
    app: App, services: Services, clock: FakeClock, of: Cohort
) -> None:
    s = services
    case = await correcting.approved(s, of)
    old = await correcting.certificate(of, state="valid")
    clock.forward(minutes=1)
    await revocation.revoke(s.clock, s.faults, old.number, "冒名", actor=make.ISSUER_STAFF)
    await completion.sweep(s)
    batch = await Issuance.get(corrects_id=old.id)
    who = await seated(app, s, Role.ISSUER)
    page = (await who.page(f"/console/issuances/{batch.id}")).text
    assert "已作废" in page and "不再换发" in page and 'data-post="/issuances' not in page
    assert "已作废" in (await who.page("/console/issuances?state=void")).text
    assert "已作废" in (await who.page(f"/console/corrections/{case.id}")).text
    assert "已作废" not in (await who.page("/console/")).text
