"""Every list of the console: sorted by its columns, counted, turned on and back, narrowed down and taken away alike."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
from sanic import Sanic

from server.domain import score_changes
from server.domain.campaigns import campaign_views
from server.domain.corrections import case_views
from server.domain.dossiers import school_dossier
from server.domain.exams import plan_list
from server.domain.lookups.list_exports import LISTS
from server.domain.paper import paper_views
from server.domain.payments import (
    bank_refund_queries,
    fee_overview,
    queries,
    transfer_queries,
    waiver_queries,
)
from server.domain.people import account_list, officer_list, staff_changes
from server.domain.ports import Services
from server.domain.privacy import erasure_views
from server.domain.roles import Role
from server.domain.training import queries as training_queries
from server.models import AuditEntry
from tests.kit import make, money_desk
from tests.kit.console_desk import seated

App = Sanic[Any, Any]
# the page → its export, and its orders
PAGES: dict[str, tuple[str, dict[str, str]]] = {
    "orders": ("orders", queries.ORDER_SORTS),
    "fees": ("fees", fee_overview.SORTS),
    "refunds": ("refunds", queries.REFUND_SORTS),
    "prices": ("prices", queries.PRICE_SORTS),
    "waivers": ("waivers", waiver_queries.SORTS),
    "transfers": ("transfers", transfer_queries.SORTS),
    "bank-refunds": ("bank-refunds", bank_refund_queries.SORTS),
    "courses": ("courses", training_queries.SORTS),
    "corrections": ("corrections", case_views.SORTS),
    "score-changes": ("score-changes", score_changes.SORTS),
    "account-changes": ("staff-changes", staff_changes.SORTS),
    "erasures": ("erasures", erasure_views.SORTS),
    "paper": ("paper-runs", paper_views.SORTS),
    "campaigns": ("campaigns", campaign_views.SORTS),
    "officers": ("officers", officer_list.SORTS),
    "accounts": ("staff", account_list.SORTS),
    "schools": ("schools", school_dossier.SORTS),
    "plans": ("plans", plan_list.SORTS),
}
SEEN_AS = {"refunds": Role.FINANCE}


async def test_every_list_is_sorted_and_counted_and_can_be_taken_away(app: App, services: Services) -> None:
    school = await make.school("京华职业技术学院")
    till = await money_desk.a_busy_till(services, school)
    await money_desk.waiting_for_another(services, till)
    await money_desk.going_back_by_bank(services, school)
    admin, finance = await seated(app, services, Role.ADMIN), await seated(app, services, Role.FINANCE)
    shown: set[str] = set()
    for name, (api, sorts) in PAGES.items():
        who = finance if SEEN_AS.get(name) else admin
        for sort in sorts:
            page = await who.page(f"/console/{name}?sort={sort}")
            assert page.status == 200, (name, sort)
            if 'data-list="' in page.text:
                shown.add(name)
                assert f'sort={sort}" aria-current="true"' in page.text and "导出表格" in page.text, (
                    name,
                    sort,
                )
        wrong = await who.page(f"/console/{name}?sort=password_hash")
        assert wrong.status == 200 and "password_hash" in wrong.text  # named among what was not understood
        assert (await who("GET", f"/{api}?sort=password_hash")).status == 422, name
        table = await who("GET", f"/{api}/export.xlsx?sort={next(iter(sorts))}")
        assert table.status == 200, name
        book = openpyxl.load_workbook(io.BytesIO(table.body), read_only=True)
        assert book.sheetnames[0] == "说明" and len(book.sheetnames) == 2, name
    # Those of which this till has rows; an empty list shows no order.
    assert shown >= {
        "orders",
        "fees",
        "refunds",
        "prices",
        "waivers",
        "transfers",
        "bank-refunds",
        "accounts",
        "schools",
    }
    kinds = {one.subject_id for one in await AuditEntry.filter(action="list.export")}
    assert kinds == {"bank_refunds" if api == "bank-refunds" else _what(api) for api, _ in PAGES.values()}
    assert kinds <= set(LISTS)


def _what(api: str) -> str:
    return {"staff": "accounts", "paper-runs": "paper"}.get(api, api.replace("-", "_"))


async def test_amounts_are_walked_on_and_back_and_exported_alike(app: App, services: Services) -> None:
    school = await make.school("京华职业技术学院")
    await money_desk.a_busy_till(services, school)
    who = await seated(app, services, Role.FINANCE)
    seen: list[str] = []
    path = "/orders?sort=-total_fen&limit=1"
    while True:
        answer = (await who("GET", path)).json
        seen += [one["number"] for one in answer["items"]]
        if answer["next_cursor"] is None:
            break
        path = f"/orders?sort=-total_fen&limit=1&cursor={answer['next_cursor']}"
    assert len(seen) == len(set(seen)) == 3
    every = (await who("GET", "/orders?sort=-total_fen")).json["items"]
    assert [one["number"] for one in every] == seen
    assert [one["total_fen"] for one in every] == sorted((one["total_fen"] for one in every), reverse=True)
    page = (await who.page("/console/orders?sort=-total_fen")).text
    assert (
        re.findall(r'class="mono" href="/console/orders/\d+">(\w+)<', page) == seen and "共 3 个订单" in page
    )
    table = await who("GET", f"/orders/export.xlsx?sort=-total_fen&number={seen[1]}")
    sheet = openpyxl.load_workbook(io.BytesIO(table.body), read_only=True)["订单"]
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert [rows[0][0], *(row[0] for row in rows[1:])] == ["订单号", seen[1]]
    amount = sheet.cell(2, rows[0].index("金额（元）") + 1)
    assert (amount.data_type, amount.number_format) == ("n", "#,##0.00")
    assert amount.value == every[1]["total_fen"] / 100
    one = (await who.page(f"/console/orders?number={seen[1]}&made_from=2020-01-01")).text
    assert (
        "共 1 个订单" in one
        and f"订单号：{seen[1]}，去掉这项筛选" in one
        and "下单日期从：2020-01-01，去掉这项筛选" in one
    )
    none = (await who.page("/console/orders?made_to=2020-01-01")).text
    assert "没有这样的订单。" in none
    assert (await who("GET", "/orders?sort=-total_fen&cursor=5")).status == 422
    back = (await who("GET", path)).json
    assert back["before"].startswith("total_fen:")
    to_first = (await who("GET", f"/orders?sort=-total_fen&limit=1&before={back['before']}")).json
    assert [one["number"] for one in to_first["items"]] == seen[-2:-1]
    other = await who("GET", f"/orders?sort=-id&cursor={back['before']}")
    assert other.status == 422 and other.json["errors"][0]["code"] == "cursor_unknown"


async def test_a_cursor_that_no_page_of_this_order_gave_is_refused(app: App, services: Services) -> None:
    who = await seated(app, services, Role.ADMIN)
    for api, sort, cursor in (
        ("paper-runs", "issued_at", "issued_at:0001-01-01T00:00:00+14:00~1"),
        ("paper-runs", "issued_at", "issued_at:9999-12-31T23:59:59-14:00~1"),
        ("paper-runs", "issued_at", "issued_at:2026-11-01T00:00:00~1"),
        ("paper-runs", "issued_at", "issued_at:20261101T000000+00:00~1"),
        ("paper-runs", "issued_at", "2026-11-01T00:00:00+00:00~1"),
        ("prices", "-from_on", "from_on:2026-W01-1~1"),
        ("prices", "-from_on", "from_on:20261101~1"),
        ("prices", "-from_on", "total_fen:2026-11-01~1"),
        ("staff", "username", "name:admin~1"),
        ("staff", "username", "admin~1"),
    ):
        answer = await who("GET", f"/{api}", params={"sort": sort, "cursor": cursor})
        assert answer.status == 422, (api, cursor, answer.text)
        assert answer.json["errors"][0]["code"] == "cursor_unknown", (api, cursor)
    for api, sort, cursor in (
        ("paper-runs", "issued_at", "issued_at:0001-01-01T00:00:00+00:00~1"),
        ("paper-runs", "issued_at", "issued_at:9999-12-31T23:59:59+00:00~1"),
        ("staff", "username", "username:admin~1"),
    ):
        assert (await who("GET", f"/{api}", params={"sort": sort, "cursor": cursor})).status == 200, cursor


async def test_accounts_are_found_by_role_state_and_a_part_of_a_name(app: App, services: Services) -> None:
    admin = await seated(app, services, Role.ADMIN)
    for role in (Role.ISSUER, Role.FINANCE):
        await seated(app, services, role)
    [issuer] = (await admin("GET", "/staff?role=issuer")).json["items"]
    assert issuer["role"] == "issuer"
    page = (await admin.page(f"/console/accounts?q={issuer['username'][1:]}&active=true")).text
    assert "共 1 个账号" in page and issuer["username"] in page and "状态：正常，去掉这项筛选" in page
    assert "没有这样的账号。" in (await admin.page("/console/accounts?active=false")).text
    by_name = (await admin("GET", "/staff?sort=username")).json["items"]
    assert [one["username"] for one in by_name] == sorted(one["username"] for one in by_name)
