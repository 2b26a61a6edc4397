"""A fee from its price to its refund, in a browser: finance, a candidate's phone and WeChat's cashier of the sandbox.

Set XCERT_SCREENSHOTS to a folder to look at every page of it.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from io import BytesIO

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect

from server.demo_cohort import PLANS, Person, people_book, score_book
from server.domain.beijing import BEIJING
from tests.journeys.people import Desk, until
from tests.journeys.service import Service
from tests.journeys.windows_of_tour import look, window
from tests.kit import make

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NUMBER, MOBILE = make.id_number(6021), "19912345678"
PLAN, DAY = PLANS[0]
PAYER = Person(
    name="金自付",
    id_number=NUMBER,
    mobile=MOBILE,
    is_social=True,
    school="京华职业技术学院",
    major=None,
    plan=PLAN,
    exam_date=DAY,
    level="初级",
    admission_number="2309229990001",
    score=71.0,
)


@pytest.mark.timeout(600)  # two starts of the whole service
def test_a_fee_is_paid_in_wechat_and_given_back_by_two(fresh: Service, chromium: Browser) -> None:
    admin, finance = Desk(fresh, "admin"), Desk(fresh, "finance")
    operator = Desk(fresh, "operator")
    for kind, name, data in (
        ("candidates", "考生信息.xlsx", people_book([PAYER])),
        (
            "scores",
            "成绩.xlsx",
            score_book([PAYER]),
        ),  # which registers, until there are registrations of their own
    ):
        run = operator.upload(kind, name, data, dry_run=False)
        assert run["rows_taken"] == 1, run["errors"]
    [plan] = [one for one in finance.get("/plans")["items"] if one["name"] == PLAN]
    price = {"plan_id": plan["id"], "level": "primary", "candidate_kind": "social", "amount_fen": 12_050}
    finance.post("/prices", price, status=201)
    until(
        lambda: any(
            one["candidate"] == "金**" for one in finance.get("/fees", state="owed", limit=200)["items"]
        )
    )

    phone = window(chromium, phone=False)  # the sandbox's phone has its own frame
    phone.goto(f"{fresh.sandbox}/phone")
    phone.get_by_role("button", name="罗云曦").click()
    phone.get_by_role("button", name="发现").click()
    phone.get_by_label("在微信里打开网页").fill(f"{fresh.url}/h5/bind")
    phone.get_by_role("button", name="打开", exact=True).click()
    page = phone.frame_locator("iframe[title=网页]")
    page.get_by_label("姓名").fill(PAYER.name)
    page.get_by_label("证件号码").fill(NUMBER)
    page.get_by_label("手机号后四位").fill(MOBILE[-4:])
    page.get_by_role("button", name="同意并绑定").click()
    expect(page.get_by_role("heading", name="成绩查询")).to_be_visible()
    page.get_by_role("link", name="缴费").click()
    expect(page.get_by_text("¥120.50").first).to_be_visible()
    look(phone, "pay-owed")
    page.get_by_role("button", name=re.compile("去付款")).click()
    expect(page.locator(".state")).to_have_text("待支付")
    look(phone, "pay-order")
    page.get_by_role("button", name="微信支付").click()
    cashier = phone.frame_locator("iframe[title=微信支付]")
    expect(cashier.locator(".amount")).to_have_text("￥120.50")
    look(phone, "pay-cashier")
    cashier.get_by_role("button", name="确认支付").click()
    cashier.get_by_role("button", name="完成").click()
    expect(phone.locator("iframe[title=微信支付]")).to_have_count(0)
    expect(page.locator(".state")).to_have_text("已支付")
    look(phone, "pay-paid")

    [order] = finance.get("/orders", state="paid")["items"]
    wish = {"amount_fen": 12_050, "reason": "考生因病不能参加考试"}
    refund = finance.post(f"/orders/{order['id']}/refund", wish, status=201)
    answer = admin.client.post(f"/refunds/{refund['id']}/approve")
    assert answer.status_code == 204, answer.text
    until(lambda: finance.get("/refunds")["items"][0]["state"] in ("accepted", "done"))
    until(lambda: finance.get("/orders")["items"][0]["state"] == "refunded", seconds=240)
    phone.get_by_role("button", name="更多").click()
    phone.get_by_role("button", name="刷新").click()
    expect(page.locator(".state").first).to_have_text("已退款")
    look(phone, "pay-refunded")
    assert finance.get("/finance-alarms")["items"] == []
    close_the_day(fresh, chromium, datetime.fromisoformat(order["paid_at"]).astimezone(BEIJING).date())


def close_the_day(service: Service, chromium: Browser, day: date) -> None:
    """At noon of the day after: compared by itself against the two bills, closed by finance, exported for the accountant."""
    noon = datetime.combine(day + timedelta(days=1), time(12), BEIJING)
    service.stop()
    service.ahead_seconds = int((noon - datetime.now(BEIJING)).total_seconds())
    service.start()
    desk = window(chromium, phone=False)
    desk.goto(f"{service.url}/console/reconciliation")
    desk.get_by_label("用户名").fill("finance")
    desk.get_by_label("密码").fill(service.logins["finance"])
    desk.get_by_role("button", name="登录", exact=True).click()
    expect(desk.get_by_role("heading", name="对账日")).to_be_visible()
    row = desk.locator("main tbody tr").filter(has_text=day.isoformat())

    def compared() -> bool:
        desk.goto(f"{service.url}/console/reconciliation")
        return bool(row.count()) and row.get_by_text("待对账").count() == 0

    until(compared, seconds=150)  # the sweep of every minute, after half past ten
    row.get_by_role("link").first.click()
    expect(desk.get_by_text("付款 1 笔").first).to_be_visible()
    look(desk, "pay-day")
    desk.get_by_role("button", name="结账", exact=True).click()
    desk.locator("dialog[open]").get_by_role("button", name="结账", exact=True).click()
    expect(desk.get_by_text("已结账").first).to_be_visible()
    look(desk, "pay-day-closed")
    desk.goto(f"{service.url}/console/reconciliation")
    desk.get_by_role("button", name="导出账目").click()
    form = desk.locator("dialog[open]")
    form.get_by_label("从", exact=True).fill(day.isoformat())
    form.get_by_label("到（含当天）", exact=True).fill(noon.date().isoformat())
    with desk.expect_download() as handed:
        form.get_by_role("button", name="导出", exact=True).click()
    book = load_workbook(BytesIO(handed.value.path().read_bytes()), read_only=True)
    lines = [row for row in book["科目合计"].iter_rows(values_only=True) if len(row) >= 5]
    sums = {row[0]: row[1:5] for row in lines}
    book.close()
    for account in ("微信支付账户", "考试费和培训费收入", "应退付款人"):  # opening, debit, credit, closing
        assert sums[account] == (0, 120.5, 120.5, 0), account
    assert sums["合计"] == (0, 361.5, 361.5, 0)
