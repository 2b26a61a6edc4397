"""Imports over the console's API: names confirmed, a check written later, the template, and who may read a report."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from sanic import Sanic

from server import demo_cohort
from server.domain import imports
from server.domain.imports.guide import ABOUT
from server.domain.imports.validation import TOPICS
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Candidate, ImportRun, School
from tests.kit import importing, make
from tests.kit.console_desk import account, code, seated
from tests.kit.console_imports import XLSX, hand_in
from tests.kit.jobs import drained

App = Sanic[Any, Any]
PEOPLE = demo_cohort.people(4, schools=2)


async def test_names_are_confirmed_and_the_check_is_written(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    checked = (await hand_in(who, demo_cohort.people_book(PEOPLE))).json["id"]
    await drained(services)
    run = (await who("GET", f"/imports/{checked}")).json
    schools = [one["name"] for one in run["asked"]["schools"]]
    assert set(schools) == {person.school for person in PEOPLE}
    assert code(await who("POST", f"/imports/{checked}/take", {})) == (409, "nothing_to_take")
    strange = await who("POST", f"/imports/{checked}/check", {"create": {"schools": ["没有的学院"]}})
    assert code(strange) == (422, "name_not_asked")
    again = (await who("POST", f"/imports/{checked}/check", {"create": {"schools": schools}})).json["id"]
    await drained(services)
    taken = await who("POST", f"/imports/{again}/take", {})
    assert (taken.status, (await who("POST", f"/imports/{again}/take", {})).json) == (202, taken.json)
    await drained(services)
    assert (await who("GET", f"/imports/{taken.json['id']}")).json["rows_new"] == 4
    assert await Candidate.all().count() == 4
    listed = (await who("GET", "/imports?open_only=true")).json["items"]
    assert [one["id"] for one in listed] == [taken.json["id"]]


async def test_a_program_confirms_with_the_upload(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    create = json.dumps({"schools": sorted({person.school for person in PEOPLE})})
    sent = await hand_in(who, demo_cohort.people_book(PEOPLE), dry_run="false", create=create)
    await drained(services)
    assert (await who("GET", f"/imports/{sent.json['id']}")).json["rows_new"] == 4
    for poor in ("x", "[]", '{"cities": []}', '{"schools": "x"}', '{"schools": [1]}', '{"schools": [""]}'):
        refused = await hand_in(who, demo_cohort.people_book(PEOPLE), create=poor)
        assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/create"), poor


async def test_reports_are_for_those_who_import(app: App, services: Services) -> None:
    operator, auditor = await seated(app, services, Role.OPERATOR), await seated(app, services, Role.AUDITOR)
    rows = [PEOPLE[0].people_row(), [*PEOPLE[1].people_row()[:4], "旁听", *PEOPLE[1].people_row()[5:]]]
    sent = await hand_in(operator, demo_cohort.book(demo_cohort.PEOPLE_HEADER, rows))
    await drained(services)
    path = f"/imports/{sent.json['id']}"
    assert (await auditor("GET", path)).json["errors"][-1]["code"] == "kind_unknown"
    assert code(await auditor("GET", f"{path}/report.xlsx")) == (403, "role_not_allowed")
    report = await operator("GET", f"{path}/report.xlsx")
    assert report.status == 200
    entry = await AuditEntry.get(action="import.download_report")
    assert (entry.subject_id, entry.address) == (str(sent.json["id"]), "127.0.0.1")
    for name in ("take", "check"):
        assert code(await auditor("POST", f"{path}/{name}", {})) == (403, "role_not_allowed")


@pytest.mark.parametrize("kind", list(TOPICS))
async def test_a_template_explains_every_column_and_can_be_filled_in(
    app: App, services: Services, kind: str
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    sent = await who("GET", f"/imports/template.xlsx?kind={kind}")
    assert sent.headers["content-type"] == XLSX
    book = load_workbook(BytesIO(sent.body))
    titles = [column.title for column in TOPICS[kind].COLUMNS]
    assert [cell.value for cell in book.worksheets[0][1]] == titles
    assert set(ABOUT[kind]) == set(titles)
    guide = [[cell.value or "" for cell in row] for row in book.worksheets[1].iter_rows(min_row=2)]
    assert [row[0] for row in guide] == titles
    assert all(row[1] in ("是", "否") and row[3] for row in guide)
    book.worksheets[0].append([row[2] for row in guide])
    out = BytesIO()
    book.save(out)
    names = importing.names_in(out.getvalue())
    done = await imports.take(
        services,
        kind,
        "t.xlsx",
        out.getvalue(),
        wish=imports.Wish(dry_run=True, creating=names),
        actor=make.OPERATOR,
    )
    assert done.rows_total == 1
    read = {
        "candidates": [],
        "scores": ["candidate_unknown", "school_unknown"],
        "practice": ["candidate_unknown"],
    }
    assert [error["code"] for error in done.errors] == read.get(kind, ["number_unknown"])
    assert not any("没有读取" in note for note in done.notes)
    assert not await School.all().exists()


async def test_the_log_is_narrowed_by_who_and_what(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    other = await account(Role.OPERATOR, username="another")
    for kind, state, by, name in (
        ("scores", "done", other.id, "甲.xlsx"),
        ("scores", "unreadable", other.id + 1, "乙.xlsx"),
        ("practice", "done", other.id + 1, "丙.xlsx"),
    ):
        actor = {"kind": "staff", "id": by, "name": f"同事{by}"}
        await ImportRun.create(
            kind=kind,
            state=state,
            actor=actor,
            file_name=name,
            is_dry_run=False,
            file_key="",
            file_sha256=b"",
        )

    async def files(asked: str) -> list[str]:
        return re.findall(
            r'href="/console/imports/\d+">(.*?)</a>', (await who.page(f"/console/imports{asked}")).text
        )

    assert await files("") == ["丙.xlsx", "乙.xlsx", "甲.xlsx"]
    assert await files("?kind=scores") == ["乙.xlsx", "甲.xlsx"]
    assert await files(f"?by={other.id + 1}&all=1") == ["丙.xlsx", "乙.xlsx"]
    assert await files(f"?kind=scores&state=done&by={other.id}") == ["甲.xlsx"]
    text = (await who.page(f"/console/imports?state=unreadable&by={other.id}&all=1")).text
    assert "没有这样的导入记录" in text and f"谁导入的：同事{other.id}，去掉这项筛选" in text
    assert await files("?all=True&state=done") == ["丙.xlsx", "甲.xlsx"]  # as a chip writes it
