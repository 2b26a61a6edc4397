"""A payer who pays twice, late, or after closing, and notifications that come hours later, twice and in any order."""

from __future__ import annotations

from typing import Any

from tests.sandbox.pay.conftest import MCHID, OA, Pay


async def pays(pay: Pay, **how: str) -> dict[str, Any]:
    told: dict[str, Any] = await pay.control("pay", how)
    return told


async def test_one_prepay_id_pays_once_and_two_orders_pay_twice(pay: Pay) -> None:
    one, two = [await pay.place(number) for number in ("T2026112300001", "T2026112300002")]
    assert (await pays(pay, handle=one))["trade_state"] == "SUCCESS"
    assert await pays(pay, handle=one) == {"problem": "该订单已支付"}
    assert await pays(pay, out_trade_no="T2026112300001") == {"problem": "该订单已支付"}
    assert (await pays(pay, handle=two))["trade_state"] == "SUCCESS"
    await pay.desk.settle()
    assert sorted(one.opened()["out_trade_no"] for one in pay.shop.heard) == [
        "T2026112300001",
        "T2026112300002",
    ]


async def test_who_pays_after_closing_or_too_late_is_refused(pay: Pay) -> None:
    closed = await pay.place("T2026112300003")
    path = "/v3/pay/transactions/out-trade-no/T2026112300003/close"
    assert (await pay.send("POST", path, {"mchid": MCHID})).status == 204
    assert await pays(pay, handle=closed) == {"problem": "该订单已关闭"}
    late = await pay.place("T2026112300004", time_expire="2026-11-23T10:30:00+08:00")
    pay.platform.clock.forward(1800)
    assert await pays(pay, handle=late) == {"problem": "订单已超过支付截止时间"}
    pay.platform.clock.forward(5400)
    assert await pays(pay, handle=late) == {"problem": "支付会话已过期，请重新下单"}
    assert await pays(pay, out_trade_no="none") == {"problem": "没有这个订单"}
    assert await pays(pay, handle=late, person="p99") == {"problem": "没有这个人。"}
    assert (await pay.ask("T2026112300003"))["trade_state"] == "CLOSED"
    await pay.desk.settle()
    assert pay.shop.heard == []


async def test_a_sheet_left_open_while_its_order_is_closed(pay: Pay) -> None:
    params = pay.pay_sign(await pay.place("T2026112300005"), OA.appid)
    page = pay.shop.url + "/h5/pay"
    sheet = await pay.phone("p1/call", {"via": "WeixinJSBridge", "params": params, "page": page})
    path = "/v3/pay/transactions/out-trade-no/T2026112300005/close"
    assert (await pay.send("POST", path, {"mchid": MCHID})).status == 204
    told = await pay.phone(f"sheet/{sheet['token']}", {"act": "pay"})
    assert (told["paid"], told["problem"]) == (False, "该订单已关闭")


async def test_a_notification_comes_hours_later_again_and_after_that_of_the_refund(pay: Pay) -> None:
    await pay.control("switches", {"notify_seconds": 7200})
    await pay.paid("T2026112300006")
    await pay.control("switches", {"notify_seconds": 0})
    assert (
        await pay.refund("T2026112300006", "R2026112300006", 100, notify_url=pay.shop.notify)
    ).status == 200
    pay.platform.clock.forward(60)
    await pay.desk.settle()
    assert [one.opened()["event"] for one in pay.shop.heard] == ["REFUND.SUCCESS"]
    pay.platform.clock.forward(7139)
    await pay.desk.settle()
    assert len(pay.shop.heard) == 1
    pay.platform.clock.forward(1)
    await pay.desk.settle()
    assert [one.opened()["event"] for one in pay.shop.heard] == ["REFUND.SUCCESS", "TRANSACTION.SUCCESS"]
    [note] = [
        one for one in (await pay.control("notifications"))["items"] if one["event"] == "TRANSACTION.SUCCESS"
    ]
    assert await pay.control(f"notifications/{note['id']}", {}) == {"id": note["id"]}
    await pay.desk.settle()
    assert [one.opened()["event"] for one in pay.shop.heard][2:] == ["TRANSACTION.SUCCESS"]
    assert "problem" in await pay.control("notifications/none", {})
