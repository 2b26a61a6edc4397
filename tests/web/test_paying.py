"""Paying through the doors: the mini-program's orders, the pages inside WeChat, and the console's money."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from server.domain.auth import mini_login
from server.domain.payments import order_limits, queries, refunds
from server.domain.payments.orders import Payer
from server.domain.payments.refund_states import RefundState
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Role
from server.models import Binding, Fee, FeeOrder, FeeRefund, Registration
from server.web.h5 import orders as h5_orders
from tests.kit import make, paying
from tests.kit.console_desk import code, seated
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.fake_wechat import FakeWeChatLogins
from tests.kit.h5 import ME, App, get
from tests.kit.paying import PRICE_FEN

MINI = WeChatIdentity("mp", "mpPayer0000000000000000000001")


@pytest.fixture
def pay(services: Services) -> FakePay:
    fake = FakePay(services.settings, services.clock)
    exchange(services, pay=fake)
    return fake


@pytest.fixture
async def fee(services: Services) -> Fee:
    """Owed by a 社会考生 who is bound in both accounts."""
    made = await paying.owing(services, await paying.priced(services))
    for who in (ME, MINI):
        await Binding.create(
            account=who.account,
            openid=who.openid,
            candidate_id=made.candidate_id,
            bound_at=services.clock.now(),
        )
    return made


async def mini(app: App, s: Services, method: str, path: str, **body: Any) -> Any:
    assert isinstance(s.wechat_logins, FakeWeChatLogins)
    s.wechat_logins.codes["code"] = MINI
    headers = {"authorization": f"Bearer {(await mini_login.log_in(s, 'code')).token}"}
    more = {"json": body} if body else {}
    _, response = await getattr(app.asgi_client, method)(f"/mp/v1{path}", headers=headers, **more)
    return response


async def post(app: App, path: str, headers: dict[str, str], **said: Any) -> Any:
    headers = {"origin": "http://127.0.0.1:8000"} | headers
    _, response = await app.asgi_client.post(path, headers=headers, data=said, follow_redirects=False)
    return response


@pytest.mark.rule("S57")
async def test_the_mini_program_orders_and_pays(app: App, services: Services, pay: FakePay, fee: Fee) -> None:
    seen = (await mini(app, services, "get", "/orders")).json
    assert [(one["id"], one["amount_fen"], one["state"], one["state_label"]) for one in seen["fees"]] == [
        (fee.id, PRICE_FEN, "owed", "待缴")
    ]
    made = await mini(app, services, "post", "/orders", fees=[fee.id])
    assert (made.status, made.json["state"], made.json["total_fen"]) == (201, "pending", PRICE_FEN)
    path = f"/orders/{made.json['id']}/pay"
    handed = await mini(app, services, "post", path)
    assert handed.status == 200
    assert handed.json.keys() == {"timeStamp", "nonceStr", "package", "signType", "paySign"}
    number = made.json["number"]
    assert pay._pay(number)
    await paying.notify(services, pay, number)
    seen = (await mini(app, services, "get", "/orders")).json
    assert (seen["fees"][0]["state"], seen["orders"][0]["state"]) == ("settled", "paid")
    assert code(await mini(app, services, "post", "/orders", fees=[fee.id])) == (409, "fee_settled")
    assert code(await mini(app, services, "post", path)) == (409, "order_moved")
    assert code(await mini(app, services, "post", "/orders", fees=[10**9])) == (404, "fee_unknown")


async def test_who_is_not_bound_owes_nothing_here(app: App, services: Services, pay: FakePay) -> None:
    assert code(await mini(app, services, "get", "/orders")) == (404, "not_bound")


async def test_without_a_merchant_nobody_pays(app: App, services: Services, fee: Fee) -> None:
    made = await mini(app, services, "post", "/orders", fees=[fee.id])
    assert (await mini(app, services, "post", f"/orders/{made.json['id']}/pay")).status == 503


async def test_the_pages_inside_wechat(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    page = await get(app, "/h5/orders", me)
    assert page.status == 200 and "¥120.50" in page.text and f'value="{fee.id}"' in page.text
    made = await post(app, "/h5/orders", me, fee=str(fee.id))
    assert made.status == 303
    address = made.headers["location"]
    shown = await get(app, address, me)
    assert "微信支付" in shown.text and "待支付" in shown.text
    handed = await post(app, f"{address}/pay", me)
    assert handed.json["package"].startswith("prepay_id=wx")
    order = await FeeOrder.get()
    assert pay._pay(order.number)
    paying.forward(services, seconds=4)  # the page has just asked, and asks no more often than that
    shown = await get(app, address, me)  # without any notification: the page asks
    assert "已支付" in shown.text and "data-pay" not in shown.text
    assert "已缴" in (await get(app, "/h5/orders", me)).text
    assert order.openid not in shown.text and not re.search("oPayer", shown.text)


async def test_the_payer_sees_for_what_until_when_and_what_goes_back(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    """A refund is shown once it is approved; what finance only asks for, or declines, is not the payer's to read."""
    made = await post(app, "/h5/orders", me, fee=str(fee.id))
    path = made.headers["location"]
    order = await FeeOrder.get()
    listed = (await get(app, "/h5/orders", me)).text
    assert "付款期限" in listed
    await post(app, f"{path}/pay", me)
    assert pay._pay(order.number)
    shown = (await get(app, path, me)).text
    number = (await Registration.get(id=fee.registration_id)).admission_number
    assert (
        number in shown and "为谁付" in shown and "初级考试费（已缴）" in shown and "退款" not in _body(shown)
    )
    asked = await refunds.ask(services.clock, order.id, 2_050, "考生因病不能参加", actor=paying.FINANCE)
    assert "考生因病不能参加" not in (await get(app, path, me)).text
    await refunds.decline(services.clock, asked.id, actor=paying.OTHER_FINANCE)
    assert "考生因病不能参加" not in (await get(app, path, me)).text
    back = await refunds.ask(services.clock, order.id, 2_050, "考生因病不能参加", actor=paying.FINANCE)
    await refunds.approve(
        services.clock, services.queue, services.faults, back.id, actor=paying.OTHER_FINANCE
    )
    shown = (await get(app, path, me)).text
    assert "退款 ¥20.50" in shown and "退款中" in shown and "考生因病不能参加" in shown
    for state, (_, word, says) in h5_orders.REFUNDS.items():
        await FeeRefund.filter(id=back.id).update(state=state.value)
        shown = (await get(app, path, me)).text
        assert word in shown and says in shown, state
    assert set(RefundState) - h5_orders.REFUNDS.keys() == {RefundState.ASKED, RefundState.DECLINED}


def _body(page: str) -> str:
    """Without the invitation to be reminded, which speaks of refunds to come."""
    return re.sub(r'<section class="card remind".*?</section>', "", page, flags=re.S)


async def test_orders_of_others_and_forms_of_others_are_refused(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    other = await paying.owing(services, await paying.priced(services))
    theirs = await paying.ordered(services, pay, other)
    assert (await get(app, f"/h5/orders/{theirs.id}", me)).status == 404
    assert (await post(app, f"/h5/orders/{theirs.id}/pay", me)).status == 404
    assert (await post(app, "/h5/orders", me, fee=str(other.id))).status == 404
    assert (
        await post(app, "/h5/orders", me | {"origin": "https://evil.example"}, fee=str(fee.id))
    ).status == 403
    assert await FeeOrder.all().count() == 1


async def test_finance_sets_a_price_and_two_give_back(app: App, services: Services, pay: FakePay) -> None:
    plan = await make.plan()
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    wish = {"plan_id": plan.id, "level": "primary", "candidate_kind": "social", "amount_fen": PRICE_FEN}
    made = await finance("POST", "/prices", {**wish, "from_on": "2001-01-01"})
    assert made.status == 201, made.text
    assert code(await finance("POST", "/prices", {**wish, "from_on": "2001-02-30"})) == (422, "invalid")
    [price] = (await finance("GET", f"/prices?plan_id={plan.id}")).json["items"]
    assert (price["amount_fen"], price["candidate_kind_label"], price["to_on"]) == (
        PRICE_FEN,
        "社会考生",
        None,
    )
    fee = await paying.owing(services, plan)
    [owed] = (await finance("GET", "/fees?state=owed")).json["items"]
    assert (owed["id"], owed["candidate"]) == (fee.id, "崔**")
    order = await paying.paid(services, pay, fee)
    [shown] = (await finance("GET", "/orders?state=paid")).json["items"]
    assert (shown["number"], shown["fees"], shown["transaction_id"]) == (
        order.number,
        1,
        order.transaction_id,
    )
    asked = await finance(
        "POST", f"/orders/{order.id}/refund", {"amount_fen": PRICE_FEN, "reason": "考生因病不能参加"}
    )
    assert asked.status == 201
    path = f"/refunds/{asked.json['id']}"
    assert code(await finance("POST", f"{path}/approve")) == (403, "same_person")
    assert (await other("POST", f"{path}/approve")).status == 204
    assert code(await other("POST", f"{path}/decline")) == (409, "refund_moved")
    assert (await FeeRefund.get()).state == "sending"
    [refund] = (await finance("GET", "/refunds")).json["items"]
    assert (refund["state_label"], refund["order_number"]) == ("提交中", order.number)


async def test_a_school_orders_for_its_own_and_sees_its_own(
    app: App, services: Services, pay: FakePay
) -> None:
    school, plan = await make.school(), await paying.priced(services, kind="school")
    mine = [await paying.owing(services, plan, school=school) for _ in range(2)]
    others = await paying.owing(services, plan, school=await make.school())
    who = await seated(app, services, Role.SCHOOL, school=school)
    seen = (await who("GET", "/fees")).json["items"]
    assert [one["id"] for one in seen] == [fee.id for fee in mine]
    made = await who("POST", "/orders", {"fees": [fee.id for fee in mine]})
    assert (made.status, made.json["order"]["total_fen"]) == (201, 2 * PRICE_FEN)
    assert made.json["code_url"].startswith("weixin://wxpay/")
    assert code(await who("POST", "/orders", {"fees": [others.id]})) == (404, "fee_unknown")
    assert len((await who("GET", "/orders")).json["items"]) == 1
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    assert (await stranger("GET", "/orders")).json["items"] == []
    finance = await seated(app, services, Role.FINANCE)
    assert code(await finance("POST", "/orders", {"fees": [mine[0].id]})) == (403, "role_not_allowed")


async def test_finance_settles_what_it_has_looked_at(app: App, services: Services, pay: FakePay) -> None:
    fee = await paying.owing(services, await paying.priced(services))
    one = await paying.ordered(services, pay, fee)
    two = await paying.ordered(services, pay, fee, by=paying.payer(fee, account="mp"))
    for order in (one, two):
        assert pay._pay(order.number)
        await paying.notify(services, pay, order.number)
    finance = await seated(app, services, Role.FINANCE)
    [alarm] = (await finance("GET", "/finance-alarms")).json["items"]
    assert (alarm["kind"], alarm["order_number"]) == ("paid_twice", two.number)
    assert (
        await finance("POST", f"/finance-alarms/{alarm['id']}/settle", {"note": "已与考生核对"})
    ).status == 204
    assert (await finance("GET", "/finance-alarms")).json["items"] == []


@pytest.mark.rule("C1")
async def test_an_order_offers_the_reminders_that_are_about_money(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    made = await post(app, "/h5/orders", me, fee=fee.id)
    path = made.headers["location"]
    assert "wx-open-subscribe" not in (await get(app, path, me)).text  # no such template is configured
    templates = {"oa_subscribe_fee_paid": "PAID", "oa_subscribe_fee_closing": "CLOSING"}
    exchange(services, settings=replace(services.settings, **templates))  # type: ignore[arg-type]
    page = (await get(app, path, me)).text
    assert '<wx-open-subscribe template="PAID,CLOSING">' in page
    assert "付款成功、退款到账和订单快要关闭时，在微信“服务通知”里提醒您。" in page
    looked_up = (await get(app, "/h5/results", me)).text
    assert '<wx-open-subscribe template="oa-subscribe-result,oa-subscribe-certificate">' in looked_up
    assert "有新的成绩或证书时，在微信" in looked_up


async def test_the_receipt_on_the_phone_and_at_the_console(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    made = await post(app, "/h5/orders", me, fee=str(fee.id))
    address = made.headers["location"]
    assert "receipt.pdf" not in (await get(app, address, me)).text
    refused = await get(app, f"{address}/receipt.pdf", me)
    assert refused.status == 409 and "这个订单还没有付款，没有收据" in refused.text
    assert (await post(app, f"{address}/pay", me)).status == 200
    order = await FeeOrder.get()
    assert pay._pay(order.number)
    paying.forward(services, seconds=4)
    assert f'href="{address}/receipt.pdf"' in (await get(app, address, me)).text
    file = await get(app, f"{address}/receipt.pdf", me)
    assert (file.status, file.headers["content-type"], file.headers["cache-control"]) == (
        200,
        "application/pdf",
        "no-store",
    )
    assert file.headers["content-disposition"] == 'inline; filename="SJ2026000001.pdf"'
    assert file.body == b"%PDF-1.7 fake receipt SJ2026000001"
    finance = await seated(app, services, Role.FINANCE)
    file = await finance("GET", f"/orders/{order.id}/receipt.pdf")
    assert (file.status_code, file.headers["content-type"]) == (200, "application/pdf")
    assert file.headers["content-disposition"].startswith('attachment; filename="__-SJ2026000001.pdf"')
    assert code(await finance("GET", "/orders/987654321/receipt.pdf")) == (404, "order_unknown")
    assert code(
        await (await seated(app, services, Role.OPERATOR))("GET", f"/orders/{order.id}/receipt.pdf")
    ) == (
        403,
        "role_not_allowed",
    )
    other = await paying.paid(services, pay, await paying.owing(services, await paying.priced(services)))
    assert (await get(app, f"/h5/orders/{other.id}/receipt.pdf", me)).status == 404


async def test_an_order_of_long_ago_is_still_found_by_its_address(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    first = await paying.ordered(services, pay, fee)
    for n in range(queries.ORDERS_SHOWN):
        await FeeOrder.create(
            number=f"xc20261123{n:010d}",
            candidate_id=first.candidate_id,
            account="oa",
            way="jsapi",
            description=first.description,
            total_fen=first.total_fen,
            state="closed",
            expires_at=first.expires_at,
            created_at=first.created_at,
        )
    assert first.number in (await get(app, f"/h5/orders/{first.id}", me)).text


async def test_an_order_begun_in_the_mini_program_says_so_in_h5_and_gives_a_way_on(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    made = (await mini(app, services, "post", "/orders", fees=[fee.id])).json
    assert made["is_payable_here"] is True
    assert "在小程序里下的" in (await get(app, "/h5/orders", me)).text
    address = f"/h5/orders/{made['id']}"
    page = (await get(app, address, me)).text
    say = "这个订单是在小程序里下的，请在小程序里继续支付，或为同样的费用重新下单。"
    assert say in page and "data-pay" not in page and f'name="fee" value="{fee.id}"' in page
    refused = await post(app, f"{address}/pay", me | {"accept": "application/json"})
    assert code(refused) == (409, "order_elsewhere") and say in refused.text
    again = await post(app, "/h5/orders", me, fee=str(fee.id))
    own = again.headers["location"]
    assert again.status == 303 and own != address
    assert "data-pay" in (await get(app, own, me)).text
    seen = {
        one["id"]: one["is_payable_here"]
        for one in (await mini(app, services, "get", "/orders")).json["orders"]
    }
    assert seen == {made["id"]: True, int(own.rpartition("/")[2]): False}
    refused = await mini(app, services, "post", own.removeprefix("/h5") + "/pay")
    assert code(refused) == (409, "order_elsewhere")
    assert "在公众号里下的，请在公众号里继续支付" in refused.text


async def test_an_order_begun_by_another_wechat_of_the_same_person(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    another = Payer(candidate_id=fee.candidate_id, account="oa", openid="openid-of-the-tablet")
    theirs = await paying.ordered(services, pay, fee, by=another)
    assert "用另一个微信号下的" in (await get(app, "/h5/orders", me)).text
    assert "在那个微信号里继续支付" in (await get(app, f"/h5/orders/{theirs.id}", me)).text
    refused = await post(app, f"/h5/orders/{theirs.id}/pay", me | {"accept": "application/json"})
    assert code(refused) == (409, "order_elsewhere")


async def test_whoever_orders_without_end_is_told_to_wait(
    app: App, services: Services, me: dict[str, str], pay: FakePay, fee: Fee
) -> None:
    for _ in range(order_limits.TRIES):
        assert (await post(app, "/h5/orders", me, fee=str(fee.id))).status == 303
    assert (await post(app, "/h5/orders", me, fee=str(fee.id))).status == 429
    refused = await mini(app, services, "post", "/orders", fees=[fee.id])
    assert code(refused) == (429, "too_many_orders")
    assert refused.headers["retry-after"] == str(order_limits.WINDOW)
    assert await FeeOrder.all().count() == 1
