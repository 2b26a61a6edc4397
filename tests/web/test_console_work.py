"""The console API at work: imports, release, a batch from 待签发 to 已发放, officers, revocation, the trail."""

from __future__ import annotations

import io
import zipfile
from base64 import b64decode
from typing import Any

import pytest
from sanic import Sanic

from server.domain.issuance import scan_tickets
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import AuditEntry, Certificate, IdempotentAnswer, Officer, PlanSlot, Staff, StaffChange
from tests.kit import issuing, make
from tests.kit.console_desk import code, seated
from tests.kit.console_imports import XLSX, sheet
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatLinks
from tests.kit.fakes import FakeClock
from tests.kit.jobs import drained

App = Sanic[Any, Any]


async def test_a_workbook_without_its_columns_is_taken_watched_and_ends_unreadable(
    app: App, services: Services
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    files = {"file": ("成绩.xlsx", sheet(["准考证号", "科目", "成绩"], ["1", "2", "3"]), XLSX)}
    sent = await who("POST", "/imports", files=files, data={"kind": "scores", "dry_run": "true"})
    assert sent.status == 202, sent.text
    import_id = sent.json["id"]
    assert (await who("GET", f"/imports/{import_id}")).json["state"] == "queued"
    assert code(await who("GET", f"/imports/{import_id}/report.xlsx")) == (409, "import_running")
    await drained(services)
    run = (await who("GET", f"/imports/{import_id}")).json
    assert run["state"] == "unreadable"
    assert run["dry_run"] is True
    listed = (await who("GET", "/imports?limit=1")).json
    assert [one["id"] for one in listed["items"]] == [import_id]


POOR_FORMS: list[tuple[Any, Any, str]] = [
    ({"kind": "scores"}, {"other": ("x", b"x", XLSX)}, "/file"),
    ({"kind": "letters"}, {"file": ("x", b"x", XLSX)}, "/kind"),
    ({"kind": "scores", "dry_run": "maybe"}, {"file": ("x", b"x", XLSX)}, "/dry_run"),
    ({"kind": "scores", "extra": "1"}, {"file": ("x", b"x", XLSX)}, "/extra"),
    ({"kind": ["scores", "scores"]}, {"file": ("x", b"x", XLSX)}, "/kind"),
]


async def test_a_poor_form_is_refused_by_field(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    for data, files, pointer in POOR_FORMS:
        refused = await who("POST", "/imports", data=data, files=files)
        assert (refused.status, [e["pointer"] for e in refused.json["errors"]]) == (422, [pointer])


async def test_the_same_upload_with_one_key_is_one_import(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)

    async def send(content: bytes) -> Any:
        files = {"file": ("成绩.xlsx", content, XLSX)}
        headers = {"idempotency-key": "k-1"}
        return await who("POST", "/imports", files=files, data={"kind": "scores"}, headers=headers)

    table = sheet(["准考证号", "成绩"], ["1", 60])
    first, again = await send(table), await send(table)
    assert (first.status, first.json) == (again.status, again.json) == (202, first.json)
    assert code(await send(sheet(["准考证号", "成绩"], ["1", 61]))) == (422, "idempotency_key_reused")
    assert await IdempotentAnswer.all().count() == 1


async def test_release_now_and_at_a_minute(app: App, services: Services, clock: FakeClock) -> None:
    who = await seated(app, services, Role.OPERATOR)
    other = await seated(app, services, Role.ISSUER)
    done = await make.registration(services)
    plan_id = done.plan_id
    later = await who("POST", f"/plans/{plan_id}/release", {"at": "2026-11-23T18:00:00+08:00"})
    path = f"/releases/{later.json['release_request']}"
    assert code(await who("POST", f"{path}/approve")) == (403, "same_person")
    assert (await who("GET", "/plans")).json["items"][0]["state"] == "unreleased"
    assert (await other("POST", f"{path}/approve")).json["release_at"] == "2026-11-23T18:00:00+08:00"
    assert (await who("GET", "/plans")).json["items"][0]["state"] == "scheduled"
    assert (await who("POST", f"/plans/{plan_id}/cancel-release")).json["release_at"] is None
    switched = await who("POST", f"/plans/{plan_id}/practice", {"requires_practice": True})
    assert switched.json["requires_practice"] is True
    asked = (await who("POST", f"/plans/{plan_id}/release", {})).json["release_request"]
    assert code(await who("POST", f"/plans/{plan_id}/release", {})) == (409, "release_open")
    assert (await who("POST", f"/releases/{asked}/withdraw")).status == 204
    asked = (await who("POST", f"/plans/{plan_id}/release", {})).json["release_request"]
    assert (await other("POST", f"/releases/{asked}/refuse", {"note": "成绩未齐"})).status == 204
    asked = (await who("POST", f"/plans/{plan_id}/release", {})).json["release_request"]
    assert (await other("POST", f"/releases/{asked}/approve")).json[
        "release_at"
    ] == "2026-11-23T12:00:00+08:00"
    assert code(await who("POST", f"/plans/{plan_id}/release", {})) == (409, "already_released")
    for poor in ("2026-11-23", "2026-11-23T18:00:00", "soon", 5, "2026-13-01T00:00:00Z"):
        refused = await who("POST", f"/plans/{plan_id}/release", {"at": poor})
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/at")


@pytest.mark.rule("S25")
async def test_the_time_of_an_examination(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    plan = await make.plan()
    slot: dict[str, Any] = {"level": "primary", "subject": make.SUBJECT}
    await PlanSlot.create(plan=plan, **slot)
    body = {**slot, "starts": "9:00", "ends": "11:00"}
    answer = await who("POST", f"/plans/{plan.id}/times", body)
    said = {
        **slot,
        "level_label": "初级",
        "starts_at": "2023-09-22T09:00:00+08:00",
        "ends_at": "2023-09-22T11:00:00+08:00",
    }
    assert (answer.status, answer.json) == (200, said)
    assert (await who("GET", "/plans")).json["items"][0]["slots"] == [said]
    assert "09:00–11:00" in (await who.page("/console/plans")).text
    assert code(await who("POST", f"/plans/{plan.id}/times", {**body, "ends": "8:00"})) == (422, "invalid")


class NoCodes(FakeWeChatLinks):
    """WeChat draws no mini-program code now."""

    async def scan_code_image(self, scene: str) -> bytes:
        raise OutsideFailure("微信没有给出小程序码")


async def test_a_ticket_as_a_mini_program_code(app: App, services: Services) -> None:
    """wechat.md §4.3: the token is the scene. Without WeChat's picture the ordinary QR remains."""
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.ISSUER)
    shown = await who("POST", f"/issuances/{batch.id}/scan-tickets", {"code": "mini_program"})
    assert shown.status == 201
    kind, _, picture = shown.json["png"].partition(",")
    assert kind == "data:image/png;base64"
    assert b64decode(picture).endswith(shown.json["scene"].encode())
    assert code(await who("POST", f"/issuances/{batch.id}/scan-tickets", {"code": "fax"})) == (
        422,
        "invalid",
    )

    exchange(services, wechat_links=NoCodes())
    refused = await who("POST", f"/issuances/{batch.id}/scan-tickets", {"code": "mini_program"})
    assert code(refused)[1] == "mini_code_refused"
    again = await who("POST", f"/issuances/{batch.id}/scan-tickets", {})
    await scan_tickets.confirm(services, again.json["scene"], issuing.PIN, identity=of.identity)


@pytest.mark.rule("S85")
@pytest.mark.rule("S88")
@pytest.mark.rule("S90")
async def test_a_batch_goes_the_whole_way(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    who = await seated(app, services, Role.ISSUER)
    made = await who("POST", "/issuances", {"plan_id": of.plan.id}, headers={"idempotency-key": "k"})
    assert made.status == 201
    [batch] = made.json["ids"]
    assert [one["id"] for one in (await who("GET", "/issuances?state=prepared")).json["items"]] == [batch]
    seen = (await who("GET", f"/issuances/{batch}/people")).json["items"]
    assert [one["name_masked"] for one in seen] == ["崔**", "买" + "*" * 6, "欧***", "王*"]
    assert seen[0]["id_masked"].startswith("99************")
    of_seen = {"list_sha256": (await who("GET", f"/issuances/{batch}")).json["list_sha256"]}
    assert (await who("POST", f"/issuances/{batch}/sign", {"list_sha256": "00"})).status == 422
    assert (await who("POST", f"/issuances/{batch}/sign", of_seen)).json["state_label"] == "考核站点待签发"
    assert code(await who("POST", f"/issuances/{batch}/sign", of_seen)) == (409, "already_moved")
    shown = await who("POST", f"/issuances/{batch}/scan-tickets", {})
    assert shown.status == 201
    ticket = shown.json
    assert (ticket["expires_in"], ticket["expires_at"], len(ticket["scene"])) == (
        300,
        "2026-11-23T12:05:00+08:00",
        32,
    )
    assert ticket["url"] == f"http://127.0.0.1:8000/s/{ticket['scene']}"
    assert ticket["png"].startswith("data:image/png;base64,")
    await scan_tickets.confirm(services, ticket["scene"], issuing.PIN, identity=of.identity)
    receipt = await who("GET", f"/issuances/{batch}/receipt")
    assert receipt.headers["content-disposition"].endswith(
        f"filename*=UTF-8''%E7%AD%BE%E5%8F%91%E5%87%AD%E6%8D%AE-{batch}.json"
    )
    assert code(await who("GET", f"/issuances/{batch}/certificates.zip")) == (409, "not_issued")
    assert (await who("POST", f"/issuances/{batch}/hand-over")).json["state"] == "generating"
    await drained(services)
    assert (await who("GET", f"/issuances/{batch}")).json["state"] == "issued"
    packed = await who("GET", f"/issuances/{batch}/certificates.zip")
    assert packed.headers["content-type"] == "application/zip"
    assert len(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) == 5
    number = (await who("GET", f"/certificates?issuance_id={batch}&limit=1")).json["items"][0]["number"]
    assert (await who("POST", f"/certificates/{number}/revoke", {"reason": "登记错误"})).status == 204
    assert code(await who("POST", f"/certificates/{number}/revoke", {"reason": "再来"}))[0] == 409
    revoked = (await who("GET", f"/certificates?number={number}")).json["items"][0]
    assert (revoked["state"], revoked["revoke_reason"]) == ("revoked", "登记错误")


async def test_withdraw_adds_a_revision(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.ISSUER)
    assert (await who("POST", f"/issuances/{batch.id}/withdraw")).json["state"] == "prepared"
    assert (await who("GET", f"/issuances/{batch.id}")).json["revision"] == 2
    assert code(await who("POST", f"/issuances/{batch.id}/revise")) == (409, "already_moved")
    assert code(await who("POST", f"/issuances/{batch.id}/scan-tickets", {})) == (409, "not_site_pending")


async def test_events_begin_with_a_snapshot(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.ISSUER)
    stream = await who("GET", f"/issuances/{batch.id}/events")
    assert stream.headers["content-type"].startswith("text/event-stream")
    assert stream.headers["cache-control"] == "no-store"
    assert stream.text.startswith("retry: 2000\n\nevent: snapshot\ndata: {")
    assert '"state":"site_pending"' in stream.text


async def test_another_schools_things_are_not_there(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    number = (await Certificate.filter(issuance_id=batch.id).first()).number  # type: ignore[union-attr]
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    for path in ("", "/people", "/events", "/receipt", "/certificates.zip"):
        found = await stranger("GET", f"/issuances/{batch.id}{path}")
        nothing = await stranger("GET", f"/issuances/987654{path}")
        assert (found.status, found.json["detail"]) == (404, nothing.json["detail"]), path
    assert code(await stranger("POST", f"/issuances/{batch.id}/scan-tickets", {})) == (
        404,
        "issuance_not_found",
    )
    assert code(await stranger("POST", f"/officers/{of.officer.id}/suspend")) == (404, "officer_not_found")
    body = {"school_id": of.school.id, "name": "王小明"}
    assert code(await stranger("POST", "/officers", body)) == (404, "school_not_found")
    for path in ("/issuances", "/officers", f"/certificates?number={number}"):
        assert (await stranger("GET", path)).json["items"] == []
    assert len((await stranger("GET", "/schools")).json["items"]) == 1
    own = await seated(app, services, Role.SCHOOL, school=of.school, username="own")
    assert (await own("GET", f"/issuances/{batch.id}")).json["state"] == "issued"
    assert (await own("GET", f"/certificates?number={number}")).json["items"][0]["number"] == number
    assert (await own("GET", f"/issuances/{batch.id}/certificates.zip")).status == 200


async def test_officers_are_invited_and_suspended(app: App, services: Services) -> None:
    at = await make.school()
    who = await seated(app, services, Role.SCHOOL, school=at)
    made = await who("POST", "/officers", {"name": "赵明", "mobile": "13800001234"})
    assert made.status == 201
    assert made.json["url"].startswith("http://127.0.0.1:8000/h5/officer?invitation=")
    [row] = (await who("GET", "/officers")).json["items"]
    assert (row["name"], row["mobile_masked"], row["state"]) == ("赵明", "138****1234", "invited")
    assert (await who("POST", f"/officers/{row['id']}/suspend")).status == 204
    assert (await Officer.get(id=row["id"])).state == "withdrawn"
    issuer = await seated(app, services, Role.ISSUER)
    nowhere = await issuer("POST", "/officers", {"name": "赵明"})
    assert (nowhere.status, nowhere.json["errors"][0]["pointer"]) == (422, "/school_id")


async def test_an_invitation_asked_for_twice_is_one(app: App, services: Services) -> None:
    who = await seated(app, services, Role.SCHOOL, school=await make.school())
    headers = {"idempotency-key": "invite-1"}
    first = await who("POST", "/officers", {"name": "赵明", "mobile": "13800001234"}, headers=headers)
    again = await who("POST", "/officers", {"name": "赵明", "mobile": "13800001234"}, headers=headers)
    assert first.json == again.json
    assert await Officer.all().count() == 1
    assert code(
        await who("POST", "/officers", {"name": "李明", "mobile": "13800001235"}, headers=headers)
    ) == (
        422,
        "idempotency_key_reused",
    )


async def test_accounts_by_the_administrator(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    at = await make.school()
    body = {"username": "school-1", "name": "教务处", "role": "school", "school_id": at.id}
    made = await who("POST", "/staff", body)
    made_id = (await Staff.get(username="school-1")).id
    change = (await StaffChange.get()).id
    waits = {"id": change, "staff_id": made_id, "state": "requested", "state_label": "待批准"}
    assert (made.status, made.json) == (201, waits)
    assert code(await who("POST", "/staff", body)) == (409, "account_waits")
    assert code(await who("POST", f"/staff/{made_id}/activate")) == (409, "account_waits")
    assert "没有批准建立" in (await who.page("/console/accounts")).text
    another = await seated(app, services, Role.ADMIN, username="z-other")
    done = await another("POST", f"/staff-changes/{change}/approve")
    assert (done.status, len(done.json["one_time_password"])) == (200, 19)
    assert code(await who("POST", "/staff", body)) == (409, "username_taken")
    listed = (await who("GET", "/staff")).json["items"]
    assert [(row["username"], row["school"]) for row in listed] == [
        ("user-admin", None),
        ("school-1", at.name),
        ("z-other", None),
    ]
    await Staff.filter(username="z-other").delete()
    assert (await who("POST", f"/staff/{made_id}/deactivate")).status == 204
    assert (await who("POST", f"/staff/{made_id}/activate")).status == 204
    assert (await who("PUT", f"/staff/{made_id}/name", {"name": "教务科"})).status == 204
    assert (await Staff.get(id=made_id)).name == "教务科"
    own = await Staff.get(username="user-admin")
    assert code(await who("POST", f"/staff/{own.id}/deactivate")) == (403, "own_account")
    first = (await who("GET", "/staff?limit=1")).json
    assert [row["id"] for row in first["items"]] == [own.id]
    rest = (await who("GET", f"/staff?limit=1&cursor={first['next_cursor']}")).json
    assert ([row["id"] for row in rest["items"]], rest["next_cursor"]) == ([made_id], None)


async def test_the_trail_is_filtered_and_paged(app: App, services: Services, clock: FakeClock) -> None:
    who = await seated(app, services, Role.AUDITOR)
    plan = (await make.registration(services)).plan_id
    operator = await seated(app, services, Role.OPERATOR)
    await operator("POST", f"/plans/{plan}/practice", {"requires_practice": True})
    clock.forward(hours=1)
    asked = (await operator("POST", f"/plans/{plan}/release", {})).json["release_request"]
    admin = await seated(app, services, Role.ADMIN)
    await admin("POST", f"/releases/{asked}/approve")
    first = (await who("GET", "/audit?limit=1")).json
    assert [row["action"] for row in first["items"]] == ["plan.release"]
    entry = first["items"][0]
    assert (entry["action_label"], entry["actor_name"], entry["address"]) == ("公布成绩", "王敏", "127.0.0.1")
    assert entry["request_id"] == (await AuditEntry.get(id=entry["id"])).request_id != ""
    rest = (await who("GET", f"/audit?limit=1&cursor={first['next_cursor']}")).json["items"]
    assert [row["action"] for row in rest] == ["release_request.approve"]
    for query, found in (
        ("action=plan.release", 1),
        (f"subject_kind=plan&subject_id={plan}", 2),
        ("actor_kind=officer", 0),
        ("since=2026-11-23T12:30:00%2B08:00", 3),
        ("until=2026-11-23T12:30:00%2B08:00", 1),
    ):
        assert len((await who("GET", f"/audit?{query}")).json["items"]) == found, query


POOR_QUERIES = [
    ("/audit?cursor=x", "/cursor"),
    ("/audit?cursor=" + "9" * 30, "/cursor"),
    ("/audit?limit=0", "/limit"),
    ("/audit?limit=201", "/limit"),
    ("/audit?limit=1&limit=2", "/limit"),
    ("/audit?actor_name=a%00b", "/actor_name"),
    ("/audit?since=2026-11-23", "/since"),
    ("/audit?what=1", "/what"),
    ("/issuances?state=lost", "/state"),
    ("/issuances?plan_id=" + "9" * 25, "/plan_id"),
    ("/certificates?name=%ED%A0%80%00", "/name"),
]


async def test_a_poor_query_is_refused_by_name(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    for path, pointer in POOR_QUERIES:
        refused = await who("GET", path)
        got = (refused.status, [e["pointer"] for e in refused.json["errors"]])
        assert got == (422, [pointer]), path


POOR_BODIES = [
    (b"{", "application/json", 400),
    (b"[]", "application/json", 400),
    (b"\xff", "application/json", 400),
    (b'{"name":"\\ud800"}', "application/json", 400),
    (b"name=x", "application/x-www-form-urlencoded", 415),
    (b"{}", "text/plain", 415),
    (b"{}", "application/json", 422),
    (b'{"name":"a\\u0000b"}', "application/json", 422),
    (b'{"name":"a","school_id":1e30}', "application/json", 422),
    (b'{"name":"a","school_id":true}', "application/json", 422),
    (b'{"name":"a","school_id":99999999999999999999}', "application/json", 422),
    (b'{"name":["a"]}', "application/json", 422),
    (b'{"name":"a","a/b~c":1}', "application/json", 422),
    (b"[" * 60_000, "application/json", 400),
]


async def test_a_poor_body_is_refused(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    for content, kind, status in POOR_BODIES:
        refused = await who("POST", "/officers", content=content, headers={"content-type": kind})
        assert (refused.status, refused.headers["content-type"]) == (status, "application/problem+json"), (
            content[:60]
        )
    assert await Officer.all().count() == 0
