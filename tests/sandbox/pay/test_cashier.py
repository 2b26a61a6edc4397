"""The cashier: what each way to call it must say, and what the person then does (wechat.md §7.5)."""

from __future__ import annotations

from typing import Any

from tests.sandbox.pay.conftest import MP, OA, Pay


def without(params: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in params.items() if name not in names}


def for_sdk(params: dict[str, Any]) -> dict[str, Any]:
    """The same for wx.chooseWXPay, where the time is `timestamp`."""
    return {**without(params, "appId", "timeStamp"), "timestamp": params["timeStamp"]}


async def test_the_three_ways_end_in_ok_cancel_or_fail(pay: Pay) -> None:
    """Each in its own words; a sheet is answered once; what the page hears need not be true."""
    openid = pay.platform.openid(MP, pay.person())
    number = 0

    async def sheet(via: str) -> str:
        nonlocal number
        number += 1
        appid = MP.appid if via == "requestPayment" else OA.appid
        change = {"appid": MP.appid, "payer": {"openid": openid}} if appid == MP.appid else {}
        prepay_id = await pay.place(f"A20261123{number:05}", 4500, **change)
        params = pay.pay_sign(prepay_id, appid)
        passed = for_sdk(params) if via == "chooseWXPay" else without(params, "appId") if change else params
        page = pay.platform.web_view_url(pay.person()) + "/h5/pay" if number % 2 else pay.shop.url + "/h5/pay"
        told = await pay.phone("p1/call", {"via": via, "params": passed, "page": page})
        assert (told["merchant"], told["description"], told["total"]) == ("沙箱商户", "报名费", 4500)
        return str(told["token"])

    told: dict[str, list[Any]] = {}
    for via in ("WeixinJSBridge", "chooseWXPay", "requestPayment"):
        told[via] = []
        for act in ("pay", "cancel", "fail"):
            token = await sheet(via)
            outcome = await pay.phone(
                f"sheet/{token}", {"act": act, "why": "余额不足" if act == "fail" else ""}
            )
            told[via].append(outcome["result"])
            assert outcome["paid"] is (act == "pay")
            state = (await pay.ask(f"A20261123{number:05}"))["trade_state"]
            assert state == ("SUCCESS" if act == "pay" else "NOTPAY")
            assert (await pay.phone(f"sheet/{token}", {"act": "pay"}))["status"] == 409
    assert told == {
        "WeixinJSBridge": [
            {"err_msg": "get_brand_wcpay_request:ok"},
            {"err_msg": "get_brand_wcpay_request:cancel"},
            {"err_msg": "get_brand_wcpay_request:fail", "err_desc": "余额不足"},
        ],
        "chooseWXPay": [
            {"errMsg": "chooseWXPay:ok"},
            {"errMsg": "chooseWXPay:cancel"},
            {"errMsg": "chooseWXPay:fail, 余额不足"},
        ],
        "requestPayment": [
            {"errMsg": "requestPayment:ok"},
            {"errMsg": "requestPayment:fail cancel"},
            {"errMsg": "requestPayment:fail 余额不足"},
        ],
    }
    await pay.desk.settle()
    assert len(pay.shop.heard) == 3
    lied = await pay.phone(f"sheet/{await sheet('WeixinJSBridge')}", {"act": "pay", "report": "cancel"})
    assert lied == {"status": 200, "paid": True, "result": {"err_msg": "get_brand_wcpay_request:cancel"}}
    token = await sheet("chooseWXPay")
    async with pay.http.get(f"{pay.url}/phone/pay/{token}") as answer:
        page = await answer.text()
    assert "￥45.00" in page and "沙箱商户" in page and "报名费" in page


async def test_a_wrong_call_does_not_open_the_cashier(pay: Pay) -> None:
    """Missing fields, types, packages, appids, signatures, people, pages: the page reads why."""
    other = await pay.place("B2026112300009", payer={"openid": pay.platform.openid(OA, pay.person(2))})
    good = pay.pay_sign(await pay.place("B2026112300001"), OA.appid)
    page = pay.shop.url + "/h5/pay"

    async def why(params: dict[str, Any], via: str = "WeixinJSBridge", **more: Any) -> str:
        told = await pay.phone("p1/call", {"via": via, "params": params, "page": page, **more})
        if "problem" not in told:
            return ""
        assert "fail" in str(told["result"])
        return str(told["problem"])

    for name in good:
        assert await why(without(good, name)) == f"调用支付JSAPI缺少参数：{name}"
    assert await why(good, "chooseWXPay") == "调用支付JSAPI缺少参数：timestamp"
    table: list[tuple[dict[str, Any], str]] = [
        ({"timeStamp": 1800000000}, "timeStamp 应为字符串"),
        ({"signType": "MD5"}, "signType 应为 RSA"),
        ({"package": good["package"].partition("=")[2]}, "package 应为 prepay_id=…"),
        ({"appId": MP.appid}, "appId 与当前公众号或小程序不一致"),
        ({"nonceStr": "other"}, "支付验证签名失败"),
        ({"timeStamp": "1800000001"}, "支付验证签名失败"),
        ({"paySign": "AAAA"}, "支付验证签名失败"),
    ]
    for change, problem in table:
        assert await why(good | change) == problem
    assert await why(pay.pay_sign("wx00", OA.appid)) == "prepay_id 无效"
    assert await why(without(good, "appId"), "requestPayment") == "支付验证签名失败"
    as_program = without(pay.pay_sign(good["package"].partition("=")[2], MP.appid), "appId")
    assert await why(as_program, "requestPayment") == "下单的 appid 与调起支付的不一致"
    assert await why(pay.pay_sign(other, OA.appid)) == "下单账号与支付账号不一致，请核实后再支付"
    assert await why(good, page="https://elsewhere.example/h5/pay") == "当前页面的URL未注册"
    assert await why(good, page="") == "当前页面的URL未注册"
    assert await why(good, in_program=True) == "小程序的 web-view 里不能使用 JSAPI 支付"
    pay.desk.switchboard.turn({"directories": [pay.shop.url + "/h5", pay.shop.url + "/pay/"]})
    assert await why(good) == "当前页面的URL未注册"  # a directory must end in /
    pay.desk.switchboard.turn({"directories": [pay.shop.url + "/h5/"]})
    assert await why(for_sdk(good) | {"timestamp": 1800000000}, "chooseWXPay") == ""
    pay.platform.clock.forward(7200)
    assert await why(good) == "支付会话已过期，请重新下单"
    await pay.control("pay", {"out_trade_no": "B2026112300001"})
    pay.platform.clock.forward(-7200)
    assert await why(good) == "该订单已支付"
    assert (await pay.phone("p1/call", {"via": "other"}))["status"] == 409
    assert (await pay.phone("p99/call", {"via": "WeixinJSBridge"}))["status"] == 404


async def test_two_sheets_of_one_order_pay_it_once(pay: Pay) -> None:
    first, second = [await pay.place("C2026112300001") for _ in range(2)]
    page = pay.shop.url + "/"
    sheets = [
        await pay.phone(
            "p1/call", {"via": "WeixinJSBridge", "page": page, "params": pay.pay_sign(one, OA.appid)}
        )
        for one in (first, second)
    ]
    outcomes = [await pay.phone(f"sheet/{one['token']}", {"act": "pay"}) for one in sheets]
    assert [one["paid"] for one in outcomes] == [True, False]
    assert outcomes[1]["result"]["err_msg"] == "get_brand_wcpay_request:fail"
    await pay.desk.settle()
    assert len(pay.shop.heard) == 1
