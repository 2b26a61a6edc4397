"""What is signed can be checked: the list in full for those who answer for it, on the desk, as a workbook, byte for byte."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import openpyxl
import pytest
from sanic import Sanic

from server.domain.certificates import revocation
from server.domain.certificates.claims import canonical
from server.domain.issuance import receipts, scan_tickets
from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role, Verb
from server.models import AuditEntry, Certificate, Issuance, Receipt, Score
from tests.kit import issuing, make
from tests.kit.console_desk import seated
from tests.kit.issuing import PIN
from tests.kit.jobs import drained

App = Sanic[Any, Any]


async def test_who_answers_for_a_list_sees_it_in_full_and_others_masked(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    path = f"/issuances/{batch.id}/people"
    admission = [r.admission_number for r in of.registrations]
    for role in (Role.ISSUER, Role.OPERATOR, Role.ADMIN, Role.SCHOOL):
        who = await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
        items = (await who("GET", path)).json["items"]
        assert [(one["row"], one["name"], one["admission_number"]) for one in items] == list(
            zip((1, 2, 3, 4), issuing.NAMES, admission, strict=True)
        )
        assert items[0]["scores"] == [{"subject": make.SUBJECT, "score": 78.5, "status": "scored"}]
        page = (await who.page(f"/console/issuances/{batch.id}")).text
        assert all(name in page for name in issuing.NAMES) and "78.5" in page and admission[3] in page
    for role in (Role.AUDITOR, Role.FINANCE, Role.NOTIFIER):
        who = await seated(app, services, role)
        items = (await who("GET", path)).json["items"]
        assert [(one["row"], one["name"], one["name_masked"], one["scores"]) for one in items] == [
            (1, None, "崔**", []),
            (2, None, "买******", []),
            (3, None, "欧***", []),
            (4, None, "王*", []),
        ]
        page = (await who.page(f"/console/issuances/{batch.id}")).text
        assert not any(name in page for name in issuing.NAMES)
        for form in ("list.xlsx", "list.json"):
            assert (await who("GET", f"/issuances/{batch.id}/{form}")).status == 403
        assert (await who.page(f"/console/issuances/{batch.id}/print")).status == 403
    assert {r for r in Role if Verb.CHECK_LIST in PERMISSIONS[r]} == {
        Role.ISSUER,
        Role.OPERATOR,
        Role.ADMIN,
        Role.SCHOOL,
    }


async def test_the_workbook_has_every_person_as_the_desk_has_them(app: App, services: Services) -> None:
    of = await issuing.cohort(services, names=("=崔一", *issuing.NAMES))
    await Score.create(registration=of.registrations[1], subject="实操", score=80, status="scored")
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.SCHOOL, school=of.school)
    answer = await who("GET", f"/issuances/{batch.id}/list.xlsx")
    assert answer.status == 200 and ".xlsx" in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.body)).active
    assert sheet is not None
    table = [list(row) for row in sheet.iter_rows(values_only=True)]
    head = next(i for i, row in enumerate(table) if row[0] == "序号")
    numbers = [
        str(one) for one in await Certificate.all().order_by("number").values_list("number", flat=True)
    ]
    assert [(row[0], row[1], row[2], row[5], row[6]) for row in table[head + 1 :]] == [
        (i, r.admission_number, name, number, "编号已预留")
        for i, (r, name, number) in enumerate(
            zip(of.registrations, ("=崔一", *issuing.NAMES), numbers, strict=True), 1
        )
    ]
    assert table[head + 1][4] == "78.5"
    assert table[head + 2][4] == f"实操 80；{make.SUBJECT} 78.5"
    assert all("*" * 12 in str(row[3]) for row in table[head + 1 :])
    assert ["名单校验码", bytes(batch.list_sha256 or b"").hex()] in [row[:2] for row in table]
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    taken = await AuditEntry.get(action="issuance.list")
    assert (taken.actor_kind, taken.subject_id, taken.became) == (
        "staff",
        str(batch.id),
        {"as": "xlsx", "count": 5},
    )


async def test_the_canonical_list_hashes_to_what_is_signed_also_after_a_revocation(
    app: App, services: Services
) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    who = await seated(app, services, Role.SCHOOL, school=of.school)
    before = (await who("GET", f"/issuances/{batch.id}/list.json")).body
    first = await Certificate.all().order_by("number").first()
    assert first is not None
    await revocation.revoke(
        services.clock, services.faults, first.number, "冒名顶替", actor=make.ISSUER_STAFF
    )
    answer = await who("GET", f"/issuances/{batch.id}/list.json")
    assert answer.body == before
    said = receipts.verify(services.keys, bytes((await Receipt.get()).document))
    assert hashlib.sha256(before).hexdigest() == said.list_sha256
    lines = json.loads(before)
    assert canonical(lines) == before
    assert [(line["number"], line["name"]) for line in lines] == [
        (c.number, name)
        for c, name in zip(await Certificate.all().order_by("number"), issuing.NAMES, strict=True)
    ]
    await Certificate.filter(id=first.id).update(line=first.line.replace("崔".encode(), "张".encode()))
    assert (await who("GET", f"/issuances/{batch.id}/list.json")).status == 503


async def test_the_officers_phone_shows_the_same_rows(services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    view = await scan_tickets.look(services, shown.token, identity=of.identity)
    assert [(one.row, one.name, one.admission_number, one.score) for one in view.people] == [
        (i, name, r.admission_number, "78.5")
        for i, (name, r) in enumerate(zip(issuing.NAMES, of.registrations, strict=True), 1)
    ]


@pytest.mark.rule("S8")
async def test_every_receipt_of_a_batch_can_be_fetched(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    await scan_tickets.return_batch(services, shown.token, PIN, "第 3 位考生姓名有误", identity=of.identity)
    batch = await Issuance.get()
    who = await seated(app, services, Role.SCHOOL, school=of.school)
    issuer = await seated(app, services, Role.ISSUER)
    for step in ("revise", "sign"):
        assert (await issuer("POST", f"/issuances/{batch.id}/{step}")).status == 200
    again = await scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)
    await scan_tickets.confirm(services, again.token, PIN, identity=of.identity)
    kept = (await who("GET", f"/issuances/{batch.id}")).json["receipts"]
    assert [(one["action"], one["action_label"], one["revision"], one["officer"]) for one in kept] == [
        ("confirm_scan", "院校签发", 2, "王签发"),
        ("school_return", "院校退回", 1, "王签发"),
    ]
    latest, returned = [
        receipts.verify(services.keys, (await who("GET", f"/issuances/{batch.id}/receipts/{one['id']}")).body)
        for one in kept
    ]
    assert (returned.action, returned.reason) == ("school_return", "第 3 位考生姓名有误")
    assert (latest.issuer, latest.certificate, latest.site, latest.exam_date, latest.issuer_signer) == (
        services.settings.issuer,
        make.KIND,
        of.site.name,
        "2023-09-22",
        "王敏",
    )
    assert (await who("GET", f"/issuances/{batch.id}/receipts/{kept[0]['id'] + 99}")).status == 404
    other = await issuing.pending(services, await issuing.cohort(services))
    assert (await issuer("GET", f"/issuances/{other.id}/receipts/{kept[0]['id']}")).status == 404
