"""Orders as WeChat Pay takes, refuses, tells and closes them (wechat.md §7.4, §7.7)."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.sandbox.pay.conftest import MCHID, MP, OA, Pay

JSAPI, NATIVE = "/v3/pay/transactions/jsapi", "/v3/pay/transactions/native"


def close(number: str) -> str:
    return f"/v3/pay/transactions/out-trade-no/{number}/close"


async def test_an_order_is_placed_paid_told_and_asked_for_by_both_numbers(pay: Pay) -> None:
    more = {"attach": "附加", "scene_info": {"payer_client_ip": "10.0.0.1", "device_id": "013467"}}
    prepay_id = await pay.place("A2026112300001", 4500, **more)
    assert prepay_id.startswith("wx23100000") and len(prepay_id) == 36
    unpaid = {
        "amount": {"payer_currency": "CNY", "total": 4500},
        "appid": OA.appid,
        "mchid": MCHID,
        "out_trade_no": "A2026112300001",
        "promotion_detail": [],
        "scene_info": {"device_id": "013467"},
        "trade_state": "NOTPAY",
        "trade_state_desc": "订单未支付",
    }
    assert await pay.ask("A2026112300001") == unpaid

    await pay.paid("A2026112300001", 4500, **more)
    told = await pay.ask("A2026112300001")
    transaction = told.pop("transaction_id")
    assert transaction[:6] == "420000" and transaction[10:18] == "20261123" and len(transaction) == 28
    assert told == unpaid | {
        "amount": {"currency": "CNY", "payer_currency": "CNY", "payer_total": 4500, "total": 4500},
        "attach": "附加",
        "bank_type": "OTHERS",
        "payer": {"openid": pay.platform.openid(OA, pay.person())},
        "success_time": "2026-11-23T10:00:00+08:00",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "trade_type": "JSAPI",
    }
    by_id = await pay.send("GET", f"/v3/pay/transactions/id/{transaction}?mchid={MCHID}")
    assert by_id.json == told | {"transaction_id": transaction}
    assert pay.shop.heard[0].opened() == {"event": "TRANSACTION.SUCCESS", **by_id.json}
    assert by_id.tail == "0"
    windows = pay.platform.store.get("windows", f"{OA.appid} p1")
    assert windows is not None and windows["payment"]["until"] == pay.platform.clock.now() + 48 * 3600

    wrong = await pay.send("GET", f"/v3/pay/transactions/out-trade-no/A2026112300001?mchid={MCHID}9")
    missing = await pay.send("GET", "/v3/pay/transactions/out-trade-no/A2026112300001")
    nobody = await pay.send("GET", f"/v3/pay/transactions/out-trade-no/NOBODY-1?mchid={MCHID}")
    assert [(one.status, one.code) for one in (wrong, missing, nobody)] == [
        (400, "MCH_NOT_EXISTS"),
        (400, "PARAM_ERROR"),
        (404, "ORDER_NOT_EXIST"),
    ]
    assert nobody.tail == "268512771"


async def test_every_wrong_field_is_refused(pay: Pay) -> None:
    """Types of fen, formats, lengths in bytes, addresses, whose openid: code, and where the detail points."""
    other = pay.platform.openid(MP, pay.person())
    pay.desk.switchboard.turn({"unlinked": [MP.appid]})
    table: list[tuple[dict[str, Any], str, str]] = [
        ({"amount": {"total": "100"}}, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": 100.0}}, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": True}}, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": 0}}, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": -1}}, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": 2**63}}, "PARAM_ERROR", "/amount/total"),
        ({"amount": None}, "PARAM_ERROR", "/amount/total"),
        ({"amount": 100}, "PARAM_ERROR", "/amount/total"),
        ({"amount": {"total": 1, "currency": "USD"}}, "PARAM_ERROR", "/amount/currency"),
        ({"out_trade_no": "A2345"}, "PARAM_ERROR", "/out_trade_no"),
        ({"out_trade_no": "A" * 33}, "PARAM_ERROR", "/out_trade_no"),
        ({"out_trade_no": "A 23456"}, "PARAM_ERROR", "/out_trade_no"),
        ({"out_trade_no": "订单号12"}, "PARAM_ERROR", "/out_trade_no"),
        ({"out_trade_no": 1234567}, "PARAM_ERROR", "/out_trade_no"),
        ({"description": None}, "PARAM_ERROR", "/description"),
        ({"description": "费" * 43}, "PARAM_ERROR", "/description"),
        ({"attach": "a" * 129}, "PARAM_ERROR", "/attach"),
        ({"goods_tag": "a" * 33}, "PARAM_ERROR", "/goods_tag"),
        ({"notify_url": None}, "PARAM_ERROR", "/notify_url"),
        ({"notify_url": "http://shop.example/notify"}, "PARAM_ERROR", "/notify_url"),
        ({"notify_url": "https://shop.example/notify?a=1"}, "PARAM_ERROR", "/notify_url"),
        ({"notify_url": "https://shop.example/" + "a" * 240}, "PARAM_ERROR", "/notify_url"),
        ({"time_expire": "2026-11-23 12:00:00"}, "PARAM_ERROR", "/time_expire"),
        ({"time_expire": "2026-11-23T12:00:00"}, "PARAM_ERROR", "/time_expire"),
        ({"time_expire": "2026-13-45T12:00:00+08:00"}, "PARAM_ERROR", "/time_expire"),
        ({"scene_info": {"device_id": "1"}}, "PARAM_ERROR", "/scene_info/payer_client_ip"),
        ({"support_fapiao": "true"}, "PARAM_ERROR", "/support_fapiao"),
        ({"scene_info": "10.0.0.1"}, "PARAM_ERROR", "/scene_info"),
        ({"payer": None}, "PARAM_ERROR", "/payer/openid"),
        ({"payer": {"openid": "o" * 28}}, "PARAM_ERROR", "/payer/openid"),
        ({"payer": {"openid": other}}, "OPENID_MISMATCH", ""),
        ({"description": "考生𠮷"}, "PARAM_ERROR", ""),
        ({"attach": "ok \U0001f600"}, "PARAM_ERROR", ""),
        ({"mchid": "1900000009"}, "MCH_NOT_EXISTS", ""),
        ({"appid": "wx0000000000000000"}, "APPID_MCHID_NOT_MATCH", ""),
        ({"appid": MP.appid, "payer": {"openid": other}}, "APPID_MCHID_NOT_MATCH", ""),
    ]
    status = {"OPENID_MISMATCH": 500}
    tails = {"APPID_MCHID_NOT_MATCH": "268445527"}
    for change, code, pointer in table:
        answer = await pay.send("POST", JSAPI, pay.order("A2345678", **change))
        told = (answer.status, answer.code, (answer.json.get("detail") or {}).get("field", ""))
        assert told == (status.get(code, 400), code, pointer), change
        assert answer.tail == ("268501013" if change == {"payer": None} else tails.get(code, "0")), change
        assert pay.signed(answer), change
    assert (await pay.control("orders"))["items"] == []
    good: dict[str, Any] = {
        "description": "费" * 42,
        "attach": "a" * 128,
        "notify_url": "https://shop.example/notify",
    }
    assert (await pay.send("POST", JSAPI, pay.order("A-_|*9", **good))).status == 200
    assert (await pay.send("POST", JSAPI, b'{"appid":')).code == "PARAM_ERROR"
    assert (await pay.send("POST", JSAPI, b"[1]")).code == "PARAM_ERROR"
    assert (await pay.send("POST", JSAPI, '{"description":"é"}'.encode("latin-1"))).code == "PARAM_ERROR"


async def test_a_number_comes_again_only_as_the_same_order(pay: Pay) -> None:
    """Any changed field, another API or another case is refused; the same gives a fresh prepay_id; a paid one none."""
    first = await pay.place("B2026112300001", attach="x")
    assert await pay.place("B2026112300001", attach="x") != first
    changes: list[dict[str, Any]] = [
        {"total": 101},
        {"attach": "y"},
        {"description": "别的"},
        {"attach": None},
    ]
    changes += [{"time_expire": "2026-11-23T12:00:00+08:00"}, {"notify_url": "https://shop.example/"}]
    for change in changes:
        answer = await pay.send("POST", JSAPI, pay.order("B2026112300001", **({"attach": "x"} | change)))
        assert (answer.status, answer.code, answer.tail) == (403, "OUT_TRADE_NO_USED", "268498688"), change
    native = await pay.send("POST", NATIVE, pay.order("B2026112300001", attach="x"))
    other_case = await pay.send("POST", JSAPI, pay.order("b2026112300001", attach="x"))
    assert (native.code, other_case.code) == ("OUT_TRADE_NO_USED", "OUT_TRADE_NO_USED")
    pay.desk.switchboard.turn({"codes_without_underscores": True})
    assert (await pay.send("POST", NATIVE, pay.order("B2026112300001"))).code == "OUTTRADENOUSED"
    pay.desk.switchboard.turn({"codes_without_underscores": False, "changed_order_code": "INVALID_REQUEST"})
    changed = await pay.send("POST", JSAPI, pay.order("B2026112300001", attach="y"))
    assert (changed.status, changed.code, changed.tail) == (400, "INVALID_REQUEST", "268498688")

    await pay.paid("B2026112300001", attach="x")
    again = await pay.send("POST", JSAPI, pay.order("B2026112300001", attach="x"))
    assert (again.status, again.code) == (400, "ORDER_PAID")


async def test_closing(pay: Pay) -> None:
    """204, again 204; then nobody pays it and its number is spent; a paid one is not closed."""
    prepay_id = await pay.place("C2026112300001")
    for _ in range(2):
        answer = await pay.send("POST", close("C2026112300001"), {"mchid": MCHID})
        assert (answer.status, answer.raw, pay.signed(answer)) == (204, b"", pay.desk.keys.public_key_id)
    assert (await pay.ask("C2026112300001"))["trade_state"] == "CLOSED"
    sheet = await pay.phone("p1/call", {"via": "WeixinJSBridge", "page": pay.shop.url + "/", "params": pay.pay_sign(prepay_id, OA.appid)})  # fmt: skip
    assert (sheet["status"], sheet["problem"]) == (409, "该订单已关闭")
    again = await pay.send("POST", JSAPI, pay.order("C2026112300001"))
    nobody = await pay.send("POST", close("NOBODY-1"), {"mchid": MCHID})
    nameless = await pay.send("POST", close("C2026112300001"), {})
    await pay.paid("C2026112300002")
    paid = await pay.send("POST", close("C2026112300002"), {"mchid": MCHID})
    assert [(one.status, one.code) for one in (again, nobody, nameless, paid)] == [
        (400, "ORDER_CLOSED"),
        (404, "ORDER_NOT_EXIST"),
        (400, "PARAM_ERROR"),
        (400, "ORDER_PAID"),
    ]


@pytest.mark.parametrize(
    ("asked", "payable"),
    [
        (None, 7 * 86400),
        ("2026-11-23T10:00:10+08:00", 60),
        ("2020-01-01T00:00:00Z", 60),
        ("2026-11-23T03:00:00Z", 3600),
        ("2036-01-01T00:00:00+08:00", 90 * 86400),
    ],
)
async def test_time_expire_is_moved_silently_and_ends_payability_alone(
    pay: Pay, asked: str | None, payable: int
) -> None:
    await pay.place("D2026112300001", time_expire=asked)
    pay.platform.clock.forward(payable)
    late = await pay.control("pay", {"out_trade_no": "D2026112300001"})
    assert "problem" in late
    assert (await pay.ask("D2026112300001"))["trade_state"] == "NOTPAY"
    pay.platform.clock.forward(-1)
    assert (await pay.control("pay", {"out_trade_no": "D2026112300001"}))["trade_state"] == "SUCCESS"


async def test_a_code_url_lives_two_hours_and_dies_with_the_next(pay: Pay) -> None:
    order = pay.order("E2026112300001", payer=None)

    async def scanned(url: str, how: str = "camera") -> dict[str, Any]:
        return await pay.phone("p2/scan", {"text": url, "how": how})

    first = (await pay.send("POST", NATIVE, order)).json["code_url"]
    assert first.startswith("weixin://wxpay/bizpayurl?pr=")
    assert (await scanned(first))["total"] == 100
    second = (await pay.send("POST", NATIVE, order)).json["code_url"]
    assert "problem" in await scanned(first)
    refused = "不支持长按识别或从相册识别支付二维码，请用扫一扫扫描"
    assert [(await scanned(second, how))["problem"] for how in ("long_press", "album")] == [refused] * 2
    pay.platform.clock.forward(7200)
    assert (await scanned(second))["problem"] == "支付会话已过期，请重新下单"
    third = (await pay.send("POST", NATIVE, order)).json["code_url"]
    sheet = await scanned(third)
    told = await pay.phone(f"sheet/{sheet['token']}", {"act": "pay"})
    assert (told["paid"], told["result"]) == (True, None)
    paid = await pay.ask("E2026112300001")
    assert (paid["trade_type"], paid["payer"]) == (
        "NATIVE",
        {"openid": pay.platform.openid(OA, pay.person(2))},
    )


async def test_what_goes_wrong_on_purpose(pay: Pay) -> None:
    """Refusals before and after acting, lost calls, dropped answers: the same number brings everything right."""
    order = pay.order("F2026112300001")

    async def refused(code: str, **more: Any) -> tuple[int, str, int]:
        await pay.control("switches", {"forced": [{"path": JSAPI, "code": code, **more}]})
        answer = await pay.send("POST", JSAPI, order)
        assert pay.signed(answer)
        return answer.status, answer.code, len((await pay.control("orders"))["items"])

    assert await refused("FREQUENCY_LIMITED") == (429, "FREQUENCY_LIMITED", 0)
    assert await refused("SYSTEM_ERROR") == (500, "SYSTEM_ERROR", 0)
    assert await refused("SYSTEM_ERROR", after=True) == (500, "SYSTEM_ERROR", 1)
    assert (await pay.control("switches"))["forced"] == []
    for name in ("lose_next", "drop_next"):
        pay.platform.switchboard.turn({name: 1})
        with pytest.raises(aiohttp.ClientError):
            await pay.send("POST", JSAPI, order)
    assert (await pay.send("POST", JSAPI, order)).status == 200
    bad = await pay.control("switches", {"forced": [{"code": "NO_SUCH"}]})
    worse = await pay.control("switches", {"public_key_share": 101, "not_enough": True})
    assert "problem" in bad and "problem" in worse and not pay.desk.switchboard.now.not_enough

    rows = [row for row in pay.platform.timeline.rows() if row["what"] == f"POST {JSAPI}"]
    assert [row["ok"] for row in rows] == [False, False, False, False, True, True]
    shown = str(rows)
    openid = str(order["payer"]["openid"])
    items = (await pay.control("orders"))["items"]
    assert openid not in shown and items[0]["prepay_id"] not in shown and "signature" not in shown


async def test_too_many_orders_in_a_second(pay: Pay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.sandbox.pay.limits.ORDERS_A_SECOND", 3)
    pay.desk.switchboard.turn({"rates": True})
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.5)
    sent = [pay.send("POST", JSAPI, pay.order(f"G2026112300{n:03}")) for n in range(5)]
    answers = await asyncio.gather(*sent)
    assert sorted(one.status for one in answers) == [200, 200, 200, 429, 429]
