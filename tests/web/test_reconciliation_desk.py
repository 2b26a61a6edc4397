"""对账 in the console, its API and its pages: who sees them, each difference with what to do, settled, booked and closed over the API."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sanic import Sanic

from server.domain import beijing
from server.domain.payments import reconciliation
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import ReconciliationDay, ReconciliationDifference
from server.models.database import rows
from tests.kit import fake_bill, paying
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.paying import PRICE_FEN
from tests.kit.reconciling import compared, one_paid_and_over

App = Sanic[Any, Any]


@pytest.fixture
def pay(services: Services) -> FakePay:
    made = FakePay(services.settings, services.clock)
    exchange(services, pay=made)
    return made


async def test_a_day_from_its_differences_to_its_closing(app: App, services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    finance = await seated(app, s, Role.FINANCE)
    assert "还没有对账" in (await finance.page("/console/reconciliation")).text
    at = s.clock.now() - timedelta(days=1)
    pay.moved = [fake_bill.flow("提现", -10_000, at), fake_bill.flow("其他扣款", -300, at)]
    await compared(s, pay, day)
    listing, path = (await finance.page("/console/reconciliation")).text, f"/console/reconciliation/{day}"
    assert f'href="{path}"' in listing and "2 项待处理" in listing
    page = (await finance.page(path)).text
    assert "请核对银行账户，确认后点“记账”" in page and "这笔资金与付款、退款无关" in page
    assert re.search(r'data-post="/reconciliation/[0-9-]+/close"[^>]* disabled', page)
    assert page.count("/book") == 1 and "不同" in page
    by_what = {one.what: one.id for one in await ReconciliationDifference.all()}
    differences = "/reconciliation/differences"
    assert code(await finance("POST", f"{differences}/{by_what['other']}/book")) == (409, "not_a_withdrawal")
    assert (await finance("POST", f"{differences}/{by_what['withdrawal']}/book")).status == 204
    note = {"note": "平台服务费，已与微信核实"}
    assert (await finance("POST", f"{differences}/{by_what['other']}/settle", note)).status == 204
    page = (await finance.page(f"{path}?open=1")).text
    assert "没有待处理的差异。" in page and "平台服务费" not in page
    assert (await finance("POST", f"/reconciliation/{day}/close")).status == 204
    page = (await finance.page(path)).text
    assert "已结账" in page and "平台服务费，已与微信核实" in page
    assert "data-post" not in page and "data-open" not in page
    assert (await finance.page("/console/reconciliation?state=closed")).text.count(path) == 1
    assert (await finance.page("/console/reconciliation/2020-01-01")).status == 404
    assert (await finance.page("/console/reconciliation/nonsense")).status == 404


async def test_others_do_not_see_it(app: App, services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    await compared(s, pay, day)
    for role in (Role.OPERATOR, Role.AUDITOR, Role.ISSUER):
        who = await seated(app, s, role)
        for path in ("/console/reconciliation", f"/console/reconciliation/{day}"):
            assert (await who.page(path)).status == 403
        assert 'href="/console/reconciliation"' not in (await who.page("/console/")).text
        query = f"/accounts-export?from_on={day}&to_on={day}"
        assert code(await who("GET", query)) == (403, "role_not_allowed")


async def test_a_hundred_thousand_differences_are_read_by_pages(
    app: App, services: Services, pay: FakePay
) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    await compared(s, pay, day)
    of = await ReconciliationDay.get()
    await rows(
        """INSERT INTO reconciliation_difference (day_id, kind, what, number, wechat_number, theirs_fen, found_at,
             settled_by_name, note)
           SELECT $1, 'theirs_only', 'flow', 'x' || n, '', 1, now(), '', '' FROM generate_series(1, 100000) n""",
        of.id,
    )
    finance = await seated(app, s, Role.FINANCE)
    page = (await finance.page(f"/console/reconciliation/{day}")).text
    assert page.count('data-open="settle"') == 50 and len(page) < 200_000
    following = re.search(r'href="([^"]*cursor=[0-9]+)" rel="next"', page)
    assert following is not None
    page = (await finance.page(following[1].replace("&amp;", "&"))).text
    assert ">x51<" in page and ">x50<" not in page


async def test_the_workbook_is_downloaded(app: App, services: Services, pay: FakePay) -> None:
    s = services
    _, day = await one_paid_and_over(s, pay)
    finance = await seated(app, s, Role.FINANCE)
    answer = await finance("GET", f"/accounts-export?from_on={day}&to_on={day}")
    assert answer.status == 200 and answer.headers["content-type"].endswith("spreadsheetml.sheet")
    assert "attachment" in answer.headers["content-disposition"]
    assert code(await finance("GET", f"/accounts-export?from_on={day}")) == (422, "invalid")
    paying.forward(s, days=1)


async def test_finance_reconciles_a_day_explains_and_closes_it(
    app: App, services: Services, pay: FakePay
) -> None:
    s = services
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    day = beijing.day(s.clock.now()).isoformat()
    finance = await seated(app, s, Role.FINANCE)
    assert code(await finance("GET", f"/reconciliation?date={day}")) == (404, "day_unknown")
    assert code(await finance("GET", "/reconciliation?date=2026-02-30")) == (422, "invalid")
    assert code(await finance("POST", "/reconciliation/2026-02-30/close")) == (404, "day_unknown")
    paying.forward(s, days=1)
    finance = await seated(app, s, Role.FINANCE, username="finance-next-day")
    pay.misprint = lambda found: []
    await reconciliation.sweep(s.clock, s.faults, pay)
    seen = (await finance("GET", f"/reconciliation?date={day}")).json
    assert (seen["date"], seen["state"], seen["state_label"]) == (day, "differing", "有差异")
    assert (seen["payments"], seen["charges_fen"], seen["differences"], seen["unsettled"]) == (0, 0, 1, 1)
    [line] = seen["items"]
    assert (line["kind"], line["kind_label"], line["what_label"]) == (
        "ours_only",
        "账上有，微信没有",
        "付款",
    )
    assert (line["number"], line["theirs_fen"], line["ours_fen"]) == (order.number, None, PRICE_FEN)
    path = f"/reconciliation/{day}"
    assert code(await finance("POST", f"{path}/close")) == (409, "differences_open")
    settle = f"/reconciliation/differences/{line['id']}/settle"
    assert (await finance("POST", settle, {"note": "微信次日补账，已核对"})).status == 204
    assert code(await finance("POST", settle, {"note": "微信次日补账，已核对"})) == (
        409,
        "difference_settled",
    )
    assert (await finance("POST", f"{path}/compare")).status == 204
    pay.misprint = list
    await reconciliation.sweep(s.clock, s.faults, pay)
    assert (await finance("GET", f"/reconciliation?date={day}")).json["state"] == "matched"
    assert (await finance("POST", f"{path}/close")).status == 204
    seen = (await finance("GET", f"/reconciliation?date={day}")).json
    assert (seen["state_label"], seen["closed_by_name"] != "", seen["payments_fen"]) == (
        "已结账",
        True,
        PRICE_FEN,
    )
    assert code(await finance("POST", f"{path}/compare")) == (409, "day_closed")
    operator = await seated(app, s, Role.OPERATOR)
    assert code(await operator("GET", f"/reconciliation?date={day}")) == (403, "role_not_allowed")
