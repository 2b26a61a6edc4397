"""The console's pages of money: who is shown what, and a school its own only."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from sanic import Sanic

from server.domain.levels import Level
from server.domain.payments import posting_words, prices, transfers
from server.domain.payments.fee_states import FeeState
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import OrderState
from server.domain.payments.prices import NewPrice
from server.domain.payments.reconciliation_states import ReconciliationState
from server.domain.payments.refund_states import RefundState
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Candidate, Fee, FeeOrder, FeeRefund, Registration, School, Staff
from server.web.console import money_words
from tests.kit import make, paying, transferring
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.money_desk import REASON, Till, a_busy_till

App = Sanic[Any, Any]
LIVES = (FeeState, OrderState, RefundState)
PAGES = ("prices", "fees", "orders", "refunds")


@pytest.fixture
async def school() -> School:
    return await make.school()


@pytest.fixture
async def till(services: Services, school: School) -> Till:
    return await a_busy_till(services, school)


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_open_which_page(app: App, services: Services, till: Till, role: Role) -> None:
    """Finance and the administrator all; a school all but the refunds; nobody else any, nor is told of them."""
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    every = {Role.FINANCE: PAGES, Role.ADMIN: PAGES, Role.SCHOOL: PAGES[:3]}.get(role, ())
    home = (await who.page("/console/")).text
    for name in PAGES:
        assert (await who.page(f"/console/{name}")).status == (200 if name in every else 403)
        assert (f'href="/console/{name}"' in home) is (name in every)
    assert ("缴费提醒" in home) is (role in (Role.FINANCE, Role.ADMIN))


async def test_a_school_sees_its_own_only(app: App, services: Services, till: Till, school: School) -> None:
    mine = await seated(app, services, Role.SCHOOL, school=school, username="mine")
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    one, pay_page = f"/console/orders/{till.open_order.id}", f"/console/orders/{till.open_order.id}/pay"
    assert till.open_order.number in (await mine.page("/console/orders")).text
    assert till.open_order.number not in (await stranger.page("/console/orders")).text
    for page in (one, pay_page):
        assert ((await mine.page(page)).status, (await stranger.page(page)).status) == (200, 404)
        assert till.open_order.number not in (await stranger.page(page)).text
    assert (await mine.page(f"/console/orders/{till.paid_order.id}")).status == 404
    assert (await mine("GET", f"/orders/{till.open_order.id}")).json["state"] == "pending"
    assert code(await stranger("GET", f"/orders/{till.open_order.id}")) == (404, "order_unknown")
    fees = (await mine.page("/console/fees")).text
    assert len(re.findall('data-fen="12050"', fees)) == 4 and "¥482.00" in fees
    assert "data-fen" not in (await stranger.page("/console/fees")).text
    filtered = (await mine.page("/console/fees?school=没有这所")).text
    assert "没有这样的费用" in filtered


async def test_a_school_is_shown_no_books_and_no_refund_form(
    app: App, services: Services, till: Till, school: School
) -> None:
    await paying.notify(services, till.pay, _paid(till))
    mine, finance = (
        await seated(app, services, Role.SCHOOL, school=school),
        await seated(app, services, Role.FINANCE),
    )
    path = f"/console/orders/{till.open_order.id}"
    seen, all_of_it = (await mine.page(path)).text, (await finance.page(path)).text
    assert "已支付" in seen and "借方" not in seen and "/refund" not in seen
    assert "借方" in all_of_it and "考试费和培训费收入" in all_of_it and f"{path[8:]}/refund" in all_of_it
    assert "扫码付款" not in all_of_it


def _paid(till: Till) -> str:
    assert till.pay._pay(till.open_order.number)
    return till.open_order.number


async def test_no_name_no_openid_on_any_page(
    app: App, services: Services, till: Till, school: School
) -> None:
    finance, mine = (
        await seated(app, services, Role.FINANCE),
        await seated(app, services, Role.SCHOOL, school=school),
    )
    names = {one.name for one in await Candidate.all()}
    ids = [one.id for one in await FeeOrder.all()]
    for who, paths in ((finance, (*PAGES, *(f"orders/{one}" for one in ids))), (mine, PAGES[:3])):
        for path in paths:
            shown = (await who.page(f"/console/{path}")).text
            assert not any(name in shown for name in names), path
            assert "openid" not in shown and "oPayer" not in shown, path


async def test_fees_by_plan_state_and_school(
    app: App, services: Services, till: Till, school: School
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    other = await paying.owing(services, await paying.priced(services))

    async def count(query: str) -> int:
        page = await finance.page(f"/console/fees?{query}")
        assert page.status == 200
        return len(re.findall(r"<tr>\s*<td", page.text))

    assert await count("") == 6
    assert await count("state=owed") == 5 and await count("state=settled") == 1
    assert await count(f"school={school.name[:4]}") == 4 and await count("school=没有这所") == 0
    plan_id = (await Registration.get(id=other.registration_id)).plan_id
    assert await count(f"plan_id={plan_id}") == 1
    assert "没有按它筛选" in (await finance.page("/console/fees?state=nowhere")).text
    listed = (await finance("GET", f"/fees?school={school.name}")).json["items"]
    assert {one["school"] for one in listed} == {school.name} and len(listed) == 4


async def test_the_one_who_asked_is_offered_no_approval(app: App, services: Services, till: Till) -> None:
    asker = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    [asked] = await FeeRefund.filter(state="asked")
    assert (await asker.page("/console/refunds?state=asked")).text.count(f"/refunds/{asked.id}/approve") == 1
    await FeeRefund.filter(id=asked.id).update(asked_by=(await Staff.get(username="user-finance")).id)
    own = (await asker.page("/console/refunds?state=asked")).text
    theirs = (await other.page("/console/refunds?state=asked")).text
    assert "由另一位财务批准" in own and "/approve" not in own and "等待您批准" not in own
    assert f"/refunds/{asked.id}/approve" in theirs and "有 1 笔退款等待您批准" in theirs
    assert REASON in theirs
    assert (await other("POST", f"/refunds/{asked.id}/approve")).status == 204
    assert "等待您批准" not in (await other.page("/console/refunds")).text


async def test_the_qr_page_says_why_there_is_no_qr(
    app: App, services: Services, till: Till, school: School
) -> None:
    mine = await seated(app, services, Role.SCHOOL, school=school)
    path = f"/console/orders/{till.open_order.id}/pay"
    assert 'src="data:image/png;base64,' in (await mine.page(path)).text
    till.pay.losing = 1  # the code that is there is shown, whether WeChat Pay answers or not
    assert 'src="data:image/png;base64,' in (await mine.page(path)).text
    await FeeOrder.filter(id=till.open_order.id).update(handle="", handle_until=None)
    till.pay.losing = 1
    assert "微信支付暂时没有给出二维码" in (await mine.page(path)).text
    exchange(services, pay=None)
    assert "微信支付还没有开通" in (await mine.page(path)).text
    exchange(services, pay=till.pay)
    number = _paid(till)
    paying.forward(services, seconds=4)
    shown = (await mine.page(path)).text  # paid, and nobody has told us yet: the page asks
    assert "已支付" in shown and "data:image" not in shown
    assert (await FeeOrder.get(number=number)).state == "paid"
    paying.forward(services, hours=3)
    late = await paying.ordered(services, till.pay, *till.owed)
    paying.forward(services, hours=3)
    shown = (await mine.page(f"/console/orders/{late.id}/pay")).text
    assert "这个订单已不能付款" in shown and "data:image" not in shown


async def test_the_price_list_says_from_when_until_when(app: App, services: Services) -> None:
    plan = await paying.priced(services)
    wish = NewPrice(plan.id, Level.PRIMARY, "social", 0, date(2026, 12, 1))
    await prices.set_price(services.clock, services.queue, wish, actor=paying.FINANCE)
    finance = await seated(app, services, Role.FINANCE)
    shown = (await finance.page(f"/console/prices?plan_id={plan.id}")).text
    assert "到 2026-11-30 为止" in shown and "2026-12-01 起" in shown and "不收费" in shown
    [now, ended] = re.findall(r"<td data-label=\"报考日期\">(.*?)</td>", shown)[::-1]
    assert "现行" in now and "现行" not in ended  # the new one begins in a week
    assert "POST /prices" in shown
    mine = await seated(app, services, Role.SCHOOL, school=await make.school())
    assert "POST /prices" not in (await mine.page("/console/prices")).text


def test_every_state_and_account_has_its_words() -> None:
    assert {state.value for life in LIVES for state in life} <= money_words.TONES.keys()
    assert {account.value for account in Account} == posting_words.ACCOUNTS.keys()
    assert {state.value for state in ReconciliationState} == money_words.DAY_TONES.keys()


async def test_a_line_says_who_settled_its_fee(app: App, services: Services, till: Till) -> None:
    """Twice paid: the second order says that another settled the fee. Waived: nobody did, and no order is named."""
    finance = await seated(app, services, Role.FINANCE)
    assert "由另一个订单缴清" in (await finance.page(f"/console/orders/{till.twice.id}")).text
    assert "由另一个订单缴清" not in (await finance.page(f"/console/orders/{till.paid_order.id}")).text
    await Fee.filter(id__in=[fee.id for fee in await Fee.filter(lines__order_id=till.open_order.id)]).update(
        state=FeeState.WAIVED.value
    )
    shown = (await finance.page(f"/console/orders/{till.open_order.id}")).text
    assert "已减免" in shown and "由另一个订单缴清" not in shown


async def test_what_came_by_bank_is_not_offered_to_go_back_by_wechat_pay(
    app: App, services: Services
) -> None:
    s = services
    transfer = await transferring.recorded(s, *await transferring.owing(s))
    by_bank = await transfers.approve(paying.box(s), transfer.id, actor=paying.OTHER_FINANCE)
    pay = FakePay(s.settings, s.clock)
    by_wechat = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    finance = await seated(app, s, Role.FINANCE)
    offered = [
        'data-open="ask-refund"' in (await finance.page(f"/console/orders/{order.id}")).text
        for order in (by_bank, by_wechat)
    ]
    assert offered == [False, True]
