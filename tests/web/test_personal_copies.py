"""个人信息副本 by the API: one archive as the answer, for a person alone."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from sanic import Sanic

from server.domain.ports import Services
from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.roles import Role
from tests.kit.console_desk import PASSWORD, Browser, code, seated
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
