"""Calls to WeChat Pay: what is sent, what is believed, what is unknown. The openssl command checks and signs on the other side."""

from __future__ import annotations

import gzip
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from aiohttp import web

from server.adapters.wechat.pay import WeChatPay
from server.domain.ports.payments import Cashier
from server.errors import OutsideFailure, PayRefused, Refused
from server.settings import Settings
from tests.adapters.wechat.pay_world import OPENID, ORDER, PATH, REFUND, WRONG, World, opened, paid, returned
from tests.kit.pay_platform import PayPlatform, SentRequest
from tests.kit.vectors import vector


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def world(pay_platform: PayPlatform, settings: Settings) -> AsyncIterator[World]:
    async with opened(pay_platform, settings) as made:
        yield made


async def test_orders(world: World) -> None:
    world.will(200, {"prepay_id": "wx201410272009395522657a690389285100"})
    world.will(200, {"code_url": "weixin://wxpay/bizpayurl?pr=JyC91EIz1"}, by="certificate")
    assert await world.pay.order_jsapi(ORDER, openid=OPENID) == "wx201410272009395522657a690389285100"
    native = replace(ORDER, account="oa", attach="")
    assert await world.pay.order_native(native) == "weixin://wxpay/bizpayurl?pr=JyC91EIz1"
    first, second = world.script.requests
    common = {
        "mchid": world.settings.pay_mchid,
        "description": "考务费",
        "out_trade_no": "xc202611230001",
        "time_expire": "2026-11-23T14:00:00+08:00",
        "notify_url": "https://cert.example.cn/wechat/pay/notify",
        "amount": {"total": 100, "currency": "CNY"},
    }
    assert (first.method, first.target) == ("POST", "/v3/pay/transactions/jsapi")
    assert first.data == common | {
        "appid": world.settings.mp_appid,
        "attach": "批次 4",
        "payer": {"openid": OPENID},
    }
    assert (second.method, second.target) == ("POST", "/v3/pay/transactions/native")
    assert second.data == common | {"appid": world.settings.oa_appid}
    for asked in world.script.requests:
        assert asked.headers["Accept"] == asked.headers["Content-Type"] == "application/json"
        assert asked.headers["User-Agent"]
        assert asked.headers["Wechatpay-Serial"] == world.settings.pay_public_key_id


async def test_queries(world: World) -> None:
    world.will(200, paid(world))
    world.will(
        200,
        {
            "appid": world.settings.oa_appid,
            "mchid": world.settings.pay_mchid,
            "out_trade_no": ORDER.out_trade_no,
            "trade_state": "NOTPAY",
            "trade_state_desc": "订单未支付",
            "payer": {},
            "promotion_detail": [],
        },
    )
    world.will(404, {"code": "ORDERNOTEXIST", "message": "订单不存在"})
    found = await world.pay.query(ORDER.out_trade_no)
    assert found is not None and found.transaction_id is not None
    assert (found.state, found.total_fen, found.payer_total_fen, found.openid) == ("SUCCESS", 100, 99, OPENID)
    unpaid = await world.pay.query(ORDER.out_trade_no)
    assert unpaid is not None
    assert (unpaid.state, unpaid.transaction_id, unpaid.total_fen, unpaid.openid, unpaid.paid_at) == (
        "NOTPAY",
        None,
        None,
        None,
        None,
    )
    assert await world.pay.query(ORDER.out_trade_no) is None
    mine = f"?mchid={world.settings.pay_mchid}"
    assert [a.target for a in world.script.requests] == [
        PATH + mine,
        PATH + mine,
        PATH + mine,
    ]
    assert {(a.method, a.body) for a in world.script.requests} == {("GET", b"")}


async def test_an_answer_about_something_else_is_not_believed(world: World) -> None:
    answers: tuple[Any, ...] = (
        paid(world, out_trade_no="xc202611230002"),
        paid(world, mchid="1900000001"),
        paid(world, amount={"total": 1.0}),
        {k: v for k, v in paid(world).items() if k != "trade_state"},
        [],
    )
    for wrong in answers:
        world.will(200, wrong)
        with pytest.raises(OutsideFailure):
            await world.pay.query(ORDER.out_trade_no)
    world.will(200, returned(out_refund_no="other"))
    with pytest.raises(OutsideFailure) as failure:
        await world.pay.refund(REFUND)
    assert failure.value.unknown


async def test_closing(world: World) -> None:
    world.will(204)
    world.will(400, {"code": "ORDER_CLOSED", "message": "订单已关闭"})
    world.will(400, {"code": "ORDERPAID", "message": "该订单已支付"})
    for _ in range(2):
        await world.pay.close(ORDER.out_trade_no)
    with pytest.raises(PayRefused) as refusal:
        await world.pay.close(ORDER.out_trade_no)
    assert refusal.value.is_code("ORDER_PAID")
    assert {(a.method, a.target) for a in world.script.requests} == {("POST", PATH + "/close")}
    assert world.script.requests[0].data == {"mchid": world.settings.pay_mchid}


async def test_refunds(world: World) -> None:
    world.will(200, returned())
    world.will(200, returned(status="SUCCESS", success_time="2026-11-23T12:01:00+08:00"))
    world.will(404, {"code": "RESOURCE_NOT_EXISTS", "message": "退款单不存在"})
    accepted = await world.pay.refund(REFUND)
    done = await world.pay.query_refund(REFUND.out_refund_no)
    assert await world.pay.query_refund(REFUND.out_refund_no) is None
    assert (accepted.status, accepted.refund_fen, accepted.total_fen, accepted.payer_refund_fen) == (
        "PROCESSING",
        60,
        100,
        59,
    )
    assert done is not None and done.succeeded_at is not None
    assert (done.status, done.succeeded_at.isoformat()) == ("SUCCESS", "2026-11-23T12:01:00+08:00")
    assert world.script.requests[0].data == {
        "out_trade_no": "xc202611230001",
        "out_refund_no": "xr202611230001",
        "reason": "重复支付",
        "notify_url": "https://cert.example.cn/wechat/pay/refund-notify",
        "amount": {"refund": 60, "total": 100, "currency": "CNY"},
    }
    assert [a.target for a in world.script.requests[1:]] == ["/v3/refund/domestic/refunds/xr202611230001"] * 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"description": "𠮷先生的考务费"}, "pay_text"),
        ({"description": "考务费🎓"}, "pay_text"),
        ({"attach": "𠮷"}, "pay_text"),
        ({"description": " "}, "pay_text"),
        ({"description": "费" * 128}, "pay_text"),
        ({"attach": "a" * 129}, "pay_text"),
        ({"total_fen": 0}, "pay_amount"),
        ({"total_fen": -1}, "pay_amount"),
        ({"total_fen": 1.0}, "pay_amount"),
        ({"total_fen": True}, "pay_amount"),
        ({"total_fen": "100"}, "pay_amount"),
        ({"out_trade_no": "short"}, "pay_number"),
        ({"out_trade_no": "x" * 33}, "pay_number"),
        ({"out_trade_no": "../transactions"}, "pay_number"),
        ({"out_trade_no": "xc2026112300\n"}, "pay_number"),
    ],
)
async def test_what_wechat_would_refuse_is_not_sent(world: World, change: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        await world.pay.order_jsapi(replace(ORDER, **change), openid=OPENID)
    assert (refusal.value.code, world.script.requests) == (code, [])


async def test_a_refund_that_wechat_would_refuse_is_not_sent(world: World) -> None:
    for change in ({"reason": "𠮷"}, {"reason": "因" * 27}, {"refund_fen": 0}, {"out_refund_no": "a b"}):
        with pytest.raises(Refused):
            await world.pay.refund(replace(REFUND, **change))
    for ask in (world.pay.close, world.pay.query_refund):
        with pytest.raises(Refused):
            await ask("a/b")
    assert world.script.requests == []
    world.will(200, {"prepay_id": "wx1"})
    longest = replace(
        ORDER, description="费" * 42 + "x", attach="䶮" * 42 + "xx", total_fen=1, out_trade_no="x" * 32
    )
    assert await world.pay.order_jsapi(longest, openid=OPENID) == "wx1"


@pytest.mark.parametrize(
    ("status", "code", "may_repeat", "unknown"),
    [
        (400, "PARAM_ERROR", False, False),
        (401, "SIGN_ERROR", False, False),
        (403, "NOT_ENOUGH", True, False),
        (403, "NOTENOUGH", True, False),
        (403, "OUT_TRADE_NO_USED", False, False),
        (429, "FREQUENCY_LIMITED", True, False),
        (500, "SYSTEM_ERROR", True, True),
        (500, "OPENID_MISMATCH", False, False),
    ],
)
async def test_refusals_say_what_helps(
    world: World, caplog: pytest.LogCaptureFixture, status: int, code: str, may_repeat: bool, unknown: bool
) -> None:
    world.will(status, {"code": code, "message": "说明", "detail": {"field": "/amount"}})
    with caplog.at_level(logging.WARNING), pytest.raises(PayRefused) as refusal:
        await world.pay.refund(REFUND)
    r = refusal.value
    assert (r.status, r.may_repeat, r.unknown, r.request_tail, r.is_signed) == (
        status,
        may_repeat,
        unknown,
        "268512771",
        True,
    )
    assert r.is_code(code.replace("_", "")) and r.is_code("OTHER", code) and not r.is_code("OTHER")
    (said,) = [vars(record) for record in caplog.records if record.name == "xcert.pay"]
    assert (said["refusal"], said["status"], said["wechat_request"]) == (code, status, "08F7-1-268512771")


async def test_a_refusal_without_a_signature_is_only_a_hint(world: World) -> None:
    """ORDER_NOT_EXIST from nobody in particular does not make an order unknown to WeChat Pay."""
    bare = [
        web.json_response({"code": "ORDER_NOT_EXIST", "message": ""}, status=404),
        web.Response(status=502, text="<html>"),
    ]
    world.script.will(
        lambda _: bare[0], lambda _: bare[1], lambda _: web.Response(status=302, headers={"Location": "/"})
    )
    with pytest.raises(PayRefused) as refusal:
        await world.pay.query(ORDER.out_trade_no)
    assert refusal.value.is_signed is False
    with pytest.raises(OutsideFailure, match="HTTP 502") as failure:
        await world.pay.refund(REFUND)
    assert failure.value.unknown
    world.script.will(lambda _: web.Response(status=302, headers={"Location": "/"}))
    with pytest.raises(OutsideFailure) as failure:
        await world.pay.order_native(ORDER)
    assert failure.value.unknown


@pytest.mark.parametrize("how", WRONG.values(), ids=WRONG)
async def test_an_answer_that_is_not_wechats_is_asked_for_once_more_and_never_believed(
    world: World, how: dict[str, Any]
) -> None:
    if how.get("serial") == "":
        how = how | {"serial": world.settings.pay_public_key_id}
    world.will(200, {"prepay_id": "wx-forged"}, **how)
    world.will(200, {"prepay_id": "wx-genuine"})
    assert await world.pay.order_jsapi(ORDER, openid=OPENID) == "wx-genuine"
    first, second = world.script.requests
    assert first.body == second.body and first.headers["Authorization"] != second.headers["Authorization"]
    for ask, unknown in (
        (world.pay.refund(REFUND), True),
        (world.pay.query(ORDER.out_trade_no), False),
    ):
        for _ in range(2):
            world.will(404, {"code": "ORDER_NOT_EXIST"}, **how) if "signature" not in how else world.will(
                200, {}, **how
            )
        with pytest.raises(OutsideFailure, match="验签") as failure:
            await ask
        assert failure.value.unknown is unknown


async def test_no_answer_leaves_it_unknown_whether_it_was_done(world: World) -> None:
    """Slow, cut off, or nobody there: only the last one is certainly not done; what only asks is never in doubt."""

    async def slow(_: SentRequest) -> web.Response:
        await world.script.over.wait()
        return web.Response()

    def cut(asked: SentRequest) -> web.Response:
        assert asked.request.transport is not None
        asked.request.transport.abort()
        return web.Response()

    quick = WeChatPay(world.settings, world.clock, seconds=0.3)
    for pay, faults in ((quick, [slow]), (world.pay, [cut, cut])):
        world.script.will(faults[0])
        with pytest.raises(OutsideFailure, match="没有及时回答") as failure:
            await pay.refund(REFUND)
        assert failure.value.unknown
        world.script.will(*faults)  # what only asks is asked once more when it is cut off
        with pytest.raises(OutsideFailure, match="没有及时回答") as failure:
            await pay.query(ORDER.out_trade_no)
        assert failure.value.unknown is False
    await quick.close_connections()
    proofs = {asked.headers["Authorization"] for asked in world.script.requests}
    assert len(proofs) == len(world.script.requests) == 5  # each with a nonce of its own
    world.script.will(cut)
    world.will(200, paid(world))
    found = await world.pay.query(ORDER.out_trade_no)
    assert found is not None and found.state == "SUCCESS"
    nobody = WeChatPay(replace(world.settings, pay_url="http://127.0.0.1:9"), world.clock, seconds=15)
    with pytest.raises(OutsideFailure, match="无法连接") as failure:
        await nobody.refund(REFUND)
    assert failure.value.unknown is False
    await nobody.close_connections()


async def test_bills(world: World) -> None:
    """SentRequest for signed, fetched signed, hashed unpacked; the download itself carries no signature."""
    of = vector("payv3_tradebill_csv")
    file = of["csv"].encode("utf-8-sig")
    sha1 = of["sha1_of_file"]

    def listed(url: str = "", hash_value: str = sha1, hash_type: str = "SHA1") -> None:
        where = url or f"{world.script.url}/v3/billdownload/file?token=a%2Bb&tartype=gzip"
        world.will(200, {"hash_type": hash_type, "hash_value": hash_value, "download_url": where})

    def fetched(data: bytes) -> None:
        world.script.will(lambda _: web.Response(body=data, content_type="application/gzip"))

    day = date(2026, 11, 22)
    listed()
    fetched(gzip.compress(file))
    bill = await world.pay.bill(day)
    assert bill is not None and (bill.day, len(bill.rows), bill.summary.order_fen) == (day, 45, 47)
    assert [(a.method, a.target) for a in world.script.requests] == [
        ("GET", "/v3/bill/tradebill?bill_date=2026-11-22&bill_type=ALL&tar_type=GZIP"),
        ("GET", "/v3/billdownload/file?token=a%2Bb&tartype=gzip"),
    ]

    listed()
    fetched(gzip.compress(file.replace(b"0.03", b"0.04")))
    with pytest.raises(OutsideFailure, match="校验值不符"):
        await world.pay.bill(day)
    packed = gzip.compress(file)
    listed(hash_value=hashlib.sha1(packed).hexdigest())
    fetched(packed)
    with pytest.raises(OutsideFailure, match="校验值不符"):
        await world.pay.bill(day)
    for elsewhere in (
        "http://127.0.0.1:9/file",
        "https://api.mch.weixin.qq.com/v3/billdownload/file",
        "/v3/file",
    ):
        listed(url=elsewhere)
        with pytest.raises(OutsideFailure, match="下载地址不是微信支付的网址"):
            await world.pay.bill(day)
    listed(hash_type="MD5")
    with pytest.raises(OutsideFailure, match="校验方式"):
        await world.pay.bill(day)

    world.will(400, {"code": "NO_STATEMENT_EXIST", "message": "账单不存在"})
    assert await world.pay.bill(day) is None
    world.will(400, {"code": "STATEMENT_CREATING", "message": "账单生成中"})
    with pytest.raises(PayRefused) as refusal:
        await world.pay.bill(day)
    assert refusal.value.may_repeat
    with pytest.raises(Refused, match="次日"):
        await world.pay.bill(date(2026, 11, 23))


@pytest.mark.parametrize(
    ("cashier", "account", "names"),
    [
        ("getBrandWCPayRequest", "oa", {"appId", "timeStamp", "nonceStr", "package", "signType", "paySign"}),
        ("requestPayment", "mp", {"timeStamp", "nonceStr", "package", "signType", "paySign"}),
    ],
)
async def test_cashiers(world: World, cashier: Cashier, account: str, names: set[str]) -> None:
    made = world.pay.pay_parameters("wx201410272009395522657a690389285100", cashier)
    again = world.pay.pay_parameters("wx201410272009395522657a690389285100", cashier)
    assert made.keys() == names and made["nonceStr"] != again["nonceStr"]
    stamp = made["timeStamp"]
    assert stamp == str(int(world.clock.now().timestamp()))
    appid = getattr(world.settings, f"{account}_appid")
    assert made.get("appId", appid) == appid
    said = f"{appid}\n{stamp}\n{made['nonceStr']}\nprepay_id=wx201410272009395522657a690389285100\n"
    assert made["package"] == "prepay_id=wx201410272009395522657a690389285100"
    assert world.script.platform.is_merchants(said.encode(), made["paySign"])
