"""门户核对 in the console (S22, S94): the page with what counts as authoritative, the API, the export, and the line on the home page."""

from __future__ import annotations

import io
from typing import Any

import pytest
from openpyxl import load_workbook
from sanic import Sanic

from server.domain.certificates.claims import AUTHORITY, number_of
from server.domain.levels import Level
from server.domain.portal_lists import differences_workbook
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Certificate, PortalDifference
from tests.kit import issuing, make
from tests.kit.console_desk import API, code, seated
from tests.kit.home import told
from tests.kit.jobs import drained

App = Sanic[Any, Any]
pytestmark = pytest.mark.rule("S94")
STRANGE = number_of("26", "SPS", Level.PRIMARY, 99_999_999)
PAGE = "/console/portal-differences"


@pytest.fixture
async def numbers(services: Services) -> list[str]:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    return [c.number for c in await Certificate.filter(issuance_id=batch.id).order_by("number")]


async def test_from_a_list_to_the_last_difference(app: App, services: Services, numbers: list[str]) -> None:
    who = await seated(app, services, Role.OPERATOR)
    assert "还没有门户的清单" in (await who.page(PAGE)).text
    lines = [f"{numbers[0]},P-0,崔子寒,{make.id_number(77)}", f"{numbers[1]},P-1,,", f"{STRANGE},P-9,,"]
    data = "\n".join(["证书编号,门户证书编号,姓名,证件号码", *lines]).encode()
    files = {"file": ("门户清单.csv", data, "text/csv")}
    assert (await who("POST", "/imports", files=files, data={"kind": "portal"})).status == 202
    await drained(services)
    page = (await who.page(PAGE)).text
    assert AUTHORITY in page and "崔子涵 → <b>崔子寒</b>" in page and "证件号码不同" in page
    assert make.id_number(77) not in page and STRANGE in page
    assert (await told(who))["与国家门户的差异没有处理"] == 4
    found = (await who("GET", "/portal-differences?kind=differs")).json["items"]
    assert [(one["number"], one["kind_label"]) for one in found] == [(numbers[0], "内容不同")]
    assert [each["what"] for each in found[0]["fields"]] == ["portal_number", "name", "id_number"]
    path = f"/portal-differences/{found[0]['id']}/settle"
    assert (await who("POST", path, {"note": "已请门户改正"})).status == 204
    assert (await who("POST", path, {"note": "已请门户改正"})).status == 204
    assert code(await who("POST", path, {"note": "另一种说法"})) == (409, "difference_settled")
    assert '<small class="soft block">王敏' not in (await who.page(PAGE)).text
    assert "已请门户改正<small" in (await who.page(f"{PAGE}?all=1")).text
    assert (await who("POST", "/portal-differences/compare")).status == 204
    await drained(services)
    assert await PortalDifference.filter(settled_at=None).count() == 3


async def test_pages_follow_one_another(app: App, services: Services, numbers: list[str]) -> None:
    who = await seated(app, services, Role.OPERATOR)
    plan = (await Certificate.get(number=numbers[0]).prefetch_related("issuance")).issuance.plan_id
    for at in range(51):
        await PortalDifference.create(
            kind="ours_only", plan_id=plan, number=f"N{at:03}", found_at=services.clock.now()
        )
    body = {"items": [{"number": STRANGE, "portal_number": "P-9"}]}
    assert (await who("POST", "/certificates/portal-numbers", body)).status == 200
    first = (await who("GET", f"/portal-differences?plan_id={plan}&limit=50")).json
    rest = (await who("GET", f"/portal-differences?plan_id={plan}&cursor={first['next_cursor']}")).json
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (50, 1, None)
    page = (await who.page(f"{PAGE}?plan_id={plan}&kind=ours_only")).text
    assert f"plan_id={plan}&amp;cursor=" in page


async def test_the_differences_go_out_as_a_workbook_and_that_is_written_down(
    app: App, services: Services, numbers: list[str]
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    body = {"items": [{"number": numbers[0], "portal_number": "P-0", "name": "崔子寒"}]}
    assert (await who("POST", "/certificates/portal-numbers", body)).status == 200
    await drained(services)
    answer = await who("GET", "/portal-differences/export.xlsx?kind=differs")
    assert answer.status == 200
    sheet = load_workbook(io.BytesIO(answer.body)).active
    assert sheet is not None
    told = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert told[0][0] == AUTHORITY
    assert told[3][0] == "内容不同" and told[3][2] == numbers[0]
    assert told[3][4] == "门户证书编号：无 → P-0；姓名：崔子涵 → 崔子寒"
    assert len(told) == 4
    entry = await AuditEntry.get(action="portal_difference.export")
    assert entry.became == {"kind": "differs", "plan_id": None, "rows": 1}


async def test_a_workbook_holds_all_that_is_wanted_or_is_refused(
    app: App, services: Services, numbers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences_workbook, "MOST_ROWS", 2)
    who = await seated(app, services, Role.OPERATOR)
    plan = (await Certificate.get(number=numbers[0]).prefetch_related("issuance")).issuance.plan_id
    for at, status in enumerate((200, 200, 422)):
        await PortalDifference.create(
            kind="ours_only", plan_id=plan, number=f"N{at:03}", found_at=services.clock.now()
        )
        answer = await who("GET", f"/portal-differences/export.xlsx?plan_id={plan}")
        assert answer.status == status
    assert code(answer) == (422, "too_many_rows") and "分几次导出" in answer.json["detail"]
    exports = await AuditEntry.filter(action="portal_difference.export").order_by("id")
    assert [entry.became for entry in exports] == [
        {"kind": None, "plan_id": plan, "rows": rows} for rows in (1, 2)
    ]


@pytest.mark.parametrize("role", [Role.ISSUER, Role.AUDITOR, Role.SCHOOL])
async def test_nobody_else_sees_or_settles(app: App, services: Services, role: Role) -> None:
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    assert (await who.page(PAGE)).status == 403
    assert "与国家门户的差异没有处理" not in await told(who)
    for method, path, body in (
        ("GET", "/portal-differences", None),
        ("GET", "/portal-differences/export.xlsx", None),
        ("POST", "/portal-differences/compare", None),
        ("POST", "/portal-differences/1/settle", {"note": "已请门户改正"}),
    ):
        assert code(await who(method, path, body)) == (403, "role_not_allowed"), (API, path)


async def test_a_list_that_registers_nothing_can_be_kept_after_a_check(
    app: App, services: Services, numbers: list[str]
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    data = f"证书编号,门户证书编号\n{STRANGE},P-9\n".encode()
    for all_or_nothing in (True, False):
        files = {"file": ("门户清单.csv", data, "text/csv")}
        wish = {"kind": "portal", "dry_run": "true", "all_or_nothing": str(all_or_nothing).lower()}
        sent = await who("POST", "/imports", files=files, data=wish)
        await drained(services)
        check = (await who("GET", f"/imports/{sent.json['id']}")).json
        assert (check["rows_taken"], check["can_take"]) == (0, not all_or_nothing)
        taken = await who("POST", f"/imports/{check['id']}/take", {})
        if all_or_nothing:
            assert code(taken) == (409, "nothing_to_take")
        else:
            assert taken.status == 202, taken.text
    await drained(services)
    assert [one.number for one in await PortalDifference.all()] == [STRANGE]
