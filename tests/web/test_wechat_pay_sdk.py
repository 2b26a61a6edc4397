"""Implementations of Pay v3 that nobody here wrote agree with us: wechatpayv3 with our signatures, our calls and the
sandbox's notifications; Node's crypto signs and seals notifications that our door takes.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import playwright
import pytest
from wechatpayv3 import WeChatPay as Sdk
from wechatpayv3 import WeChatPayType
from wechatpayv3 import utils as sdk_utils

from server.adapters.wechat.pay import WeChatPay
from server.domain import beijing
from server.domain.payments import notifications as inbox
from server.domain.payments import orders
from server.domain.payments.orders import Payer
from server.domain.ports import Services
from server.domain.ports.payments import PayOrder, PayRefundOrder
from server.errors import PayRefused
from server.models import FeeOrder, PayInboxEntry
from server.sandbox.pay import notifications
from tests.kit import make, paying
from tests.kit.fakes import FakeClock
from tests.kit.pay_platform import AUTHORIZATION, PayPlatform, Script, says, serving
from tests.web.pay_both_ways import NUMBER, World, pay_world

NODE = Path(playwright.__file__).parent / "driver" / "node"
REFUND_NUMBER = "xr202611230001"
NATIVE = "xc202611230002"


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def world(services: Services, pay_platform: PayPlatform) -> AsyncIterator[World]:
    async with pay_world(services, pay_platform) as one:
        # The SDK signs by the machine's clock, and knows no other; so both sides go by it, too.
        assert isinstance(services.clock, FakeClock)
        services.clock.set(datetime.now(UTC))
        one.desk.clock.set(services.clock.now())
        yield one


async def off(work: Callable[..., Any], *given: Any, **named: Any) -> tuple[int, Any]:
    """A blocking call of the SDK beside the loop in which the sandbox runs; JSON is read."""
    status, said = await asyncio.to_thread(work, *given, **named)
    return status, json.loads(said) if isinstance(said, str) and said else said


def sdk_of(world: World) -> Any:
    """The SDK as our merchant. It knows one host alone, so it is told another."""
    s = world.services.settings
    one = Sdk(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=s.pay_mchid,
        private_key=s.pay_mch_key,
        cert_serial_no=s.pay_mch_serial,
        apiv3_key=s.pay_apiv3_key,
        appid=s.mp_appid,
        notify_url=f"{s.public_url}/wechat/pay/notify",
        public_key=s.pay_public_key,
        public_key_id=s.pay_public_key_id,
    )
    one._core._gate_way = s.pay_url
    return one


async def test_the_sdk_makes_every_call_that_our_orders_make(world: World) -> None:
    """It verifies every answer or raises. An order that it has made is, field by field, the one that we ask for."""
    sdk, ours = sdk_of(world), world.pay
    order = world.order(NUMBER)
    asked = {
        "description": order.description,
        "out_trade_no": NUMBER,
        "amount": {"total": order.total_fen, "currency": "CNY"},
        "time_expire": order.expires_at.astimezone(beijing.BEIJING).isoformat(timespec="seconds"),
    }
    status, said = await off(sdk.pay, **asked, payer={"openid": world.openid()})
    assert (status, list(said)) == (200, ["prepay_id"])
    assert await ours.order_jsapi(order, openid=world.openid())  # any difference were OUT_TRADE_NO_USED
    status, said = await off(sdk.pay, **asked | {"out_trade_no": NATIVE}, pay_type=WeChatPayType.NATIVE)
    assert (status, list(said)) == (200, ["code_url"])
    assert await ours.order_native(world.order(NATIVE))

    assert (await off(sdk.close, out_trade_no=NATIVE))[0] == 204
    closed = await ours.query(out_trade_no=NATIVE)
    status, said = await off(sdk.query, out_trade_no=NATIVE)
    assert closed is not None and (status, said["trade_state"], closed.state) == (200, "CLOSED", "CLOSED")

    await world.paid(NUMBER)
    found = await ours.query(out_trade_no=NUMBER)
    status, said = await off(sdk.query, out_trade_no=NUMBER)
    assert found is not None
    assert (status, said["trade_state"], said["transaction_id"], said["amount"]["total"]) == (
        200, found.state, found.transaction_id, found.total_fen,
    )  # fmt: skip

    amount = {"refund": 60, "total": order.total_fen, "currency": "CNY"}
    refund = {"out_trade_no": NUMBER, "out_refund_no": REFUND_NUMBER, "reason": "重复支付"}
    url = f"{world.services.settings.public_url}/wechat/pay/refund-notify"
    status, said = await off(sdk.refund, **refund, amount=amount, notify_url=url)
    accepted = await ours.refund(PayRefundOrder(NUMBER, REFUND_NUMBER, 60, order.total_fen, "重复支付"))
    assert (status, said["refund_id"]) == (200, accepted.refund_id)  # the same refund, not another one
    world.forward(61)
    await world.settled()
    known = await ours.query_refund(REFUND_NUMBER)
    status, said = await off(sdk.query_refund, out_refund_no=REFUND_NUMBER)
    assert known is not None and (status, said["status"], known.status) == (200, "SUCCESS", "SUCCESS")


async def test_the_sdk_fetches_the_bill_that_we_read(world: World) -> None:
    sdk = sdk_of(world)
    world.forward(-2 * 86400)
    day = beijing.day(world.services.clock.now())
    await world.ordered(NUMBER)
    await world.paid(NUMBER)
    world.forward(2 * 86400)
    status, said = await off(sdk.trade_bill, bill_date=day.isoformat())
    assert (status, said["hash_type"]) == (200, "SHA1")
    status, packed = await off(sdk.download_bill, said["download_url"])
    assert status == 200
    bill = await world.pay.bill(day)
    assert bill is not None
    lines = gzip.decompress(packed).decode("utf-8-sig").splitlines()
    assert [row.out_trade_no for row in bill.rows] == [NUMBER]
    assert [f"`{NUMBER}" in line for line in lines] == [False, True, False, False]


async def test_the_sdk_signs_what_we_sign(
    services: Services, pay_platform: PayPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every request that our orders send, as it arrives, has the signature that the SDK makes of it; the cashier too."""
    key = sdk_utils.load_private_key(pay_platform.account["WECHAT_PAY_MCH_KEY"])
    async with serving(Script(pay_platform)) as script:
        settings = pay_platform.settings(services.settings, pay_url=script.url)
        ours = WeChatPay(settings, pay_platform.clock, seconds=15)
        until = pay_platform.clock.now() + timedelta(hours=2)
        order = PayOrder("oa", NUMBER, "考务费", 100, until, attach="批次 4")
        day = beijing.day(pay_platform.clock.now() - timedelta(days=1))
        calls: list[Callable[[], Any]] = [
            lambda: ours.order_jsapi(order, openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"),
            lambda: ours.order_native(order),
            lambda: ours.query(out_trade_no=NUMBER),
            lambda: ours.close(NUMBER),
            lambda: ours.refund(PayRefundOrder(NUMBER, REFUND_NUMBER, 60, 100, "重复支付")),
            lambda: ours.query_refund(REFUND_NUMBER),
            lambda: ours.bill(day),
        ]
        for call in calls:
            script.will(says(pay_platform, 400, {"code": "PARAM_ERROR", "message": "参数错误"}))
            with pytest.raises(PayRefused):
                await call()
        await ours.close_connections()
    assert len(script.requests) == len(calls)
    for sent in script.requests:
        match = AUTHORIZATION.fullmatch(sent.headers["Authorization"])
        assert match is not None
        mchid, nonce, stamp, serial, signature = match.groups()
        monkeypatch.setattr(sdk_utils, "time", SimpleNamespace(time=lambda at=stamp: float(at)))
        theirs = sdk_utils.build_authorization(
            sent.target, sent.method, mchid, serial, key, data=sent.body.decode(), nonce_str=nonce
        )
        assert f'signature="{signature}"' in theirs, sent.target
    handed = ours.pay_parameters("wx26112004102300", "getBrandWCPayRequest")
    signed = "\n".join((handed["appId"], handed["timeStamp"], handed["nonceStr"], handed["package"])) + "\n"
    assert handed["paySign"] == sdk_utils.rsa_sign(key, signed)


@pytest.mark.parametrize("share", [0, 100])
async def test_the_sdk_opens_the_sandboxs_notifications(world: World, share: int) -> None:
    """Of a payment and of a refund, signed with the certificate's key and with the public key."""
    world.turn(public_key_share=share)
    sdk = sdk_of(world)
    await world.ordered()
    await world.paid()
    await world.pay.refund(PayRefundOrder(NUMBER, REFUND_NUMBER, 100, 100))
    world.forward(61)
    await world.settled()
    paid, refunded = notifications.everything(world.desk)
    read = []
    for note in (paid, refunded):
        letter = notifications.letter(world.desk, note)
        assert (letter.headers["Wechatpay-Serial"] == world.desk.keys.public_key_id) is (share == 100)
        opened = await asyncio.to_thread(sdk.callback, letter.headers, letter.body)
        assert (opened["id"], opened["event_type"]) == (note["id"], note["event"])
        read.append(opened["resource"])
        changed = letter.body.replace(note["id"].encode(), note["id"][::-1].encode())
        assert await asyncio.to_thread(sdk.callback, letter.headers, changed) is None
    assert (read[0]["out_trade_no"], read[0]["trade_state"], read[0]["amount"]["total"]) == (
        NUMBER, "SUCCESS", 100,
    )  # fmt: skip
    assert (read[1]["out_refund_no"], read[1]["refund_status"], read[1]["amount"]["refund"]) == (
        REFUND_NUMBER, "SUCCESS", 100,
    )  # fmt: skip


SEAL_AND_SIGN = r"""
const crypto = require("crypto");
const { key, apiv3, stamp, envelope, resource } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const nonce = crypto.randomBytes(6).toString("hex");
const cipher = crypto.createCipheriv("aes-256-gcm", Buffer.from(apiv3), Buffer.from(nonce));
cipher.setAAD(Buffer.from("transaction"));
const sealed = Buffer.concat([cipher.update(JSON.stringify(resource)), cipher.final(), cipher.getAuthTag()]);
const body = JSON.stringify({ ...envelope, resource: {
  original_type: "transaction", algorithm: "AEAD_AES_256_GCM", associated_data: "transaction",
  nonce, ciphertext: sealed.toString("base64") } });
const once = crypto.randomBytes(16).toString("hex");
const signature = crypto.sign("sha256", Buffer.from(`${stamp}\n${once}\n${body}\n`), key).toString("base64");
process.stdout.write(JSON.stringify({ body, once, signature }));
"""


def sealed_by_node(platform: PayPlatform, stamp: int, notice: str, resource: dict[str, Any]) -> Any:
    """Body, nonce and signature of a notification, of which no line of ours and no library of ours made anything."""
    envelope = {
        "id": notice,
        "create_time": "2026-11-23T12:00:00+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
    }
    account = platform.account
    given = {
        "key": account["SANDBOX_PAY_PUBLIC_KEY_PRIVATE"],
        "apiv3": account["WECHAT_PAY_APIV3_KEY"],
        "stamp": stamp,
        "envelope": envelope,
        "resource": resource,
    }
    done = subprocess.run(
        [str(NODE), "-e", SEAL_AND_SIGN],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    return json.loads(done.stdout)


async def test_our_door_takes_what_another_implementation_signed_and_sealed(
    world: World, pay_platform: PayPlatform
) -> None:
    s = world.services
    fee = await paying.owing(s, await paying.priced(s))
    payer = Payer(candidate_id=fee.candidate_id, account="mp", openid=world.openid())
    order = await orders.create(s.clock, [fee.id], payer, actor=make.ADMIN)
    stamp = int(s.clock.now().timestamp())
    resource = {
        "appid": s.settings.mp_appid,
        "mchid": s.settings.pay_mchid,
        "out_trade_no": order.number,
        "transaction_id": "4200002611231234567890123456",
        "trade_type": "JSAPI",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "bank_type": "CMC",
        "attach": "",
        "success_time": "2026-11-23T11:59:58+08:00",
        "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
        "amount": {"total": 12_050, "payer_total": 12_050, "currency": "CNY", "payer_currency": "CNY"},
    }
    made = sealed_by_node(pay_platform, stamp, "EV-node-1", resource)
    headers = {
        "Wechatpay-Timestamp": str(stamp),
        "Wechatpay-Nonce": made["once"],
        "Wechatpay-Serial": s.settings.pay_public_key_id,
        "Wechatpay-Signature": made["signature"],
        "Content-Type": "application/json",
    }
    url = f"{s.settings.public_url}/wechat/pay/notify"
    async with aiohttp.ClientSession() as session:
        forged = made["body"].replace("EV-node-1", "EV-node-2")
        for body, status in ((forged, 401), (made["body"], 204)):
            async with session.post(url, data=body.encode(), headers=headers) as answer:
                assert answer.status == status
    assert [entry.id for entry in await PayInboxEntry.all()] == ["EV-node-1"]
    await inbox.sweep(paying.box(s))
    assert (await FeeOrder.get()).state == "paid"
    await paying.check_books()
