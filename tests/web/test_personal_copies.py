"""个人信息副本 and 删除个人信息 by the API: one archive as the answer, and an erasure by two."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from sanic import Sanic

from server.domain.auth import web_login
from server.domain.people import officers
from server.domain.ports import Services
from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.roles import Role
from server.models import CourseEnrolment, Staff
from server.web.h5.login import SESSION_COOKIE
from tests.kit import issuing, make, training
from tests.kit.console_desk import PASSWORD, Browser, account, code, seated
from tests.kit.h5 import ME
from tests.kit.jobs import drained
from tests.kit.whole_person import MOBILE, NUMBER, whole_person

App = Sanic[Any, Any]
ASKED = {"asked_on": "2026-11-20", "reason": "本人持身份证当面提交申请书"}


async def test_the_archive_is_readable_by_people_and_by_machines(app: App, services: Services) -> None:
    who = await whole_person(services)
    desk = await seated(app, services, Role.OPERATOR)
    path = f"/people/{who.id}/copy"
    answer = await desk("POST", path, ASKED)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["cache-control"] == "no-store"
    packed = zipfile.ZipFile(io.BytesIO(answer.body))
    names = set(packed.namelist())
    assert {"个人信息副本.html", "个人信息副本.json", "文件/照片.jpg"} <= names
    held = json.loads(packed.read("个人信息副本.json"))["held"]
    assert set(held) == {one.table for one in CANDIDATE_TABLES}
    assert held["candidate"][0]["id_sealed"] == NUMBER
    page = packed.read("个人信息副本.html").decode()
    assert all(
        text in page for text in (NUMBER, MOBILE, "龙雯", "已更正换发", "导出考生的个人信息副本", "有效")
    )
    assert "绑定状态" not in page and "<script" not in page
    assert "导出了个人信息副本" in (await desk.page(f"/console/people/{who.id}")).text
    assert code(await desk("POST", path, {**ASKED, "reason": "。"})) == (422, "invalid")
    made = await desk(
        "POST", "/tokens", {"label": "机器", "days": 30, "password": PASSWORD, "scopes": ["manage"]}
    )
    machine = Browser(app, extra={"authorization": f"Bearer {made.json['token']}"})
    assert code(await machine("POST", path, ASKED)) == (403, "session_only")


async def test_an_erasure_goes_by_two_desks(app: App, services: Services) -> None:
    who = await whole_person(services)
    desk, other = [await seated(app, services, role) for role in (Role.OPERATOR, Role.ADMIN)]
    asked = await desk("POST", f"/people/{who.id}/erasure", ASKED)
    assert asked.status == 201
    path = f"/erasures/{asked.json['id']}"
    mine, theirs = [await one.page("/console/erasures") for one in (desk, other)]
    assert "/withdraw" in mine.text and "/approve" not in mine.text
    assert "/approve" in theirs.text and "删除个人信息等待您批准" in (await other.page("/console/")).text
    assert code(await desk("POST", f"{path}/approve", {})) == (403, "same_person")
    assert (await other("POST", f"{path}/approve", {})).json == {"state": "under_way"}
    await drained(services)
    [row] = (await desk("GET", "/erasures?state=done")).json["items"]
    assert (row["name"], row["id_masked"], row["asked_on"]) == ("（已删除）", "*" * 18, "2026-11-20")
    page = (await desk.page(f"/console/people/{who.id}")).text
    assert "按本人要求删除" in page and 'data-open="erasure"' not in page and "龙" not in page


async def test_officers_accounts_and_participants_have_the_same(app: App, services: Services) -> None:
    s = services
    of = await issuing.cohort(s)
    course = await training.course(s)
    await training.enrol(s, course, f"{of.school.name}\t王伟\t19912345678")
    [enrolled] = await CourseEnrolment.all()
    desk, other = [await seated(app, s, Role.ADMIN, username=name) for name in ("first", "second")]
    await officers.suspend(s.clock, s.event_bus, of.officer.id, actor=make.OPERATOR)
    closed = await account(Role.FINANCE, username="closed")
    await Staff.filter(id=closed.id).update(is_active=False)
    for place, number, page, table in (
        ("officers", of.officer.id, "/console/officers", "officer"),
        ("staff", closed.id, f"/console/accounts/{closed.id}", "staff"),
        ("enrolments", enrolled.id, f"/console/courses/{course.id}", "course_enrolment"),
    ):
        shown = (await desk.page(page)).text
        assert f'data-open="copy" data-set-person="{number}"' in shown, page
        assert f'data-open="erasure" data-set-person="{number}"' in shown, page
        answer = await desk("POST", f"/{place}/{number}/copy", ASKED)
        packed = zipfile.ZipFile(io.BytesIO(answer.body))
        assert len(json.loads(packed.read("个人信息副本.json"))["held"][table]) == 1
        asked = await desk("POST", f"/{place}/{number}/erasure", ASKED)
        assert asked.status == 201, asked.body
        path = f"/erasures/{asked.json['id']}"
        assert f"编号 {number}" in (await other.page("/console/erasures")).text
        assert (await other("POST", f"{path}/approve", {})).json == {"state": "under_way"}
        await drained(s)
        shown = (await desk.page(page)).text
        assert f'data-set-person="{number}"' not in shown and "（已删除）" in shown, page
    found = (await desk("GET", "/erasures?state=done")).json["items"]
    assert [(one["kind"], one["candidate_id"], one["name"]) for one in found] == [
        ("enrolment", None, "（已删除）"), ("staff", None, "（已删除）"), ("officer", None, "（已删除）"),
    ]  # fmt: skip


async def test_everybody_may_read_how_personal_data_are_handled(app: App, services: Services) -> None:
    pages = {}
    for language, wanted in (("zh-CN", "个人信息怎样处理"), ("en", "How personal data are handled")):
        _, answer = await app.asgi_client.get("/privacy", headers={"accept-language": language})
        assert answer.status == 200 and wanted in answer.text
        pages[language] = answer.text
    s = services.settings
    assert all(
        f"{days} 天" in pages["zh-CN"]
        for days in (s.keep_bindings_days, s.keep_leavers_days, s.keep_notices_days)
    )
    assert "仅供本人查询" not in pages["zh-CN"], "it is for everybody"
    assert s.issuer in pages["en"] and "撤回同意" in pages["zh-CN"] and "网信部门" in pages["zh-CN"]
    _, front = await app.asgi_client.get("/", headers={"accept-language": "zh-CN"})
    assert 'href="/privacy"' in front.text


async def test_the_binding_page_says_what_is_held_and_how_to_withdraw(app: App, services: Services) -> None:
    headers = {"cookie": f"{SESSION_COOKIE}={web_login.session_for(services, ME)}", "accept": "text/html"}
    _, answer = await app.asgi_client.get("/h5/bind", headers=headers)
    assert answer.status == 200
    for said in ("处理者", "单独同意", "加密保存", "解除绑定", "查阅、更正或删除", 'href="/privacy"'):
        assert said in answer.text, said
