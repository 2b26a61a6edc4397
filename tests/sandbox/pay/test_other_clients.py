"""Clients that nobody here wrote: senweaver-pay, wechatpayv3, and the openssl command, speak with the sandbox.

senweaver-pay 0.1.0 takes the 204 of a closed order for a failure (the order is closed), and mistakes the text of a
certificate for the name of a file, too long for one: so it is tried with the public key and with keys in files.
"""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from senweaver_pay import GatewayException, InvalidSignException
from senweaver_pay.channels.wechat.client import Wechat
from wechatpayv3 import WeChatPay, WeChatPayType
from wechatpayv3.core import Core

from tests.sandbox.pay.conftest import APIV3_KEY, MCHID, OA, PUBLIC_KEY_ID, Answer, Pay


async def off(work: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """A blocking call beside the event loop in which the sandbox runs."""
    return await asyncio.to_thread(work, *given, **named)


async def test_senweaver_pay_orders_pays_asks_closes_refunds_and_hears(
    pay: Pay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a new merchant, who has the public key alone."""
    pay.platform.clock.reset()
    pay.shop.clock = pay.platform.clock.now
    monkeypatch.setattr("senweaver_pay.channels.wechat.helper.WECHAT_API_V3_URL", pay.url + "/v3")
    pay.desk.switchboard.turn({"new_merchant": True})

    def kept(name: str, pem: str) -> str:
        (tmp_path / name).write_text(pem)
        return str(tmp_path / name)

    config = {
        "mch_id": MCHID,
        "mch_secret_key": APIV3_KEY,
        "mch_secret_cert": kept("key", pay.account.private),
        "mch_public_cert_path": kept("certificate", pay.account.merchant.certificate),
        "wechat_public_cert_key": PUBLIC_KEY_ID,
        "wechat_public_cert_path": kept("public", pay.account.public_key),
        "notify_url": pay.shop.notify,
        "mp_app_id": OA.appid,
    }
    openid = pay.platform.openid(OA, pay.person())
    client = await off(Wechat, config)
    order = {"description": "报名费", "amount": {"total": 4500, "currency": "CNY"}}
    paid, closed = "SENWEAVER-paid", "SENWEAVER-closed"

    jsapi = await off(client.mp, {**order, "out_trade_no": paid, "payer": {"openid": openid}})
    passed = {
        "appId": jsapi.app_params["app_id"],
        "timeStamp": jsapi.app_params["time_stamp"],
        "nonceStr": jsapi.app_params["nonce_str"],
        "package": jsapi.app_params["package"],
        "signType": jsapi.app_params["sign_type"],
        "paySign": jsapi.app_params["pay_sign"],
    }
    call = {"via": "WeixinJSBridge", "params": passed, "page": pay.shop.url + "/"}
    sheet = await pay.phone("p1/call", call)
    assert (await pay.phone(f"sheet/{sheet['token']}", {"act": "pay"}))["paid"]
    await pay.desk.settle()
    heard = pay.shop.heard[-1]
    told = client.callback(heard.headers, heard.body.decode())
    assert (told.out_trade_no, told.amount, told.data["trade_state"]) == (paid, "4500", "SUCCESS")
    with pytest.raises(InvalidSignException):
        client.callback(heard.headers, heard.body.decode().replace("支付成功", "支付失败"))

    found = await off(client.query, {"out_trade_no": paid})
    assert (found.success, found.trade_no) == (True, told.trade_no)
    assert (await off(client.query, {"transaction_id": told.trade_no})).out_trade_no == paid
    missing = await off(client.query, {"out_trade_no": "NOBODY-1"})
    assert (missing.success, "ORDER_NOT_EXIST" in missing.message) == (False, True)

    amount = {"refund": 500, "total": 4500, "currency": "CNY"}
    refund = {"out_trade_no": paid, "out_refund_no": "S1", "amount": amount}
    answered = await off(client.refund, refund)
    assert answered.success, answered.message
    assert (await pay.ask(paid))["trade_state"] == "REFUND"

    native = await off(client.scan, {**order, "out_trade_no": closed})
    assert native.qr_code.startswith("weixin://wxpay/bizpayurl?pr=")
    await off(client.close, {"out_trade_no": closed})
    assert (await pay.ask(closed))["trade_state"] == "CLOSED"

    pay.desk.switchboard.turn({"probe_answers": 1})
    with pytest.raises(GatewayException):
        await off(client.scan, {**order, "out_trade_no": "SENWEAVER-probed"})


@pytest.mark.parametrize("mode", ["certificate", "public key"])
async def test_wechatpayv3_orders_hears_asks_and_refunds(
    pay: Pay, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    """It verifies every answer, or raises; in certificate mode it fetches the certificates by itself."""
    pay.platform.clock.reset()
    pay.shop.clock = pay.platform.clock.now
    begin = Core._init_certificates

    def pointed(core: Any) -> None:
        core._gate_way = pay.url
        begin(core)

    monkeypatch.setattr(Core, "_init_certificates", pointed)
    named: dict[str, Any] = {"public_key": pay.account.public_key, "public_key_id": PUBLIC_KEY_ID}
    pay.desk.switchboard.turn({"public_key_share": 100 if mode == "public key" else 0})
    one = await off(
        WeChatPay,
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=MCHID,
        private_key=pay.account.private,
        cert_serial_no=pay.account.serial,
        apiv3_key=APIV3_KEY,
        appid=OA.appid,
        notify_url=pay.shop.notify,
        **(named if mode == "public key" else {}),
    )
    one._core._gate_way = pay.url
    status, said = await off(
        one.pay,
        description="报名费",
        out_trade_no="V3-000001",
        amount={"total": 100},
        payer={"openid": pay.platform.openid(OA, pay.person())},
    )
    assert (status, "prepay_id" in said) == (200, True)
    await pay.control("pay", {"out_trade_no": "V3-000001"})
    await pay.desk.settle()
    heard = pay.shop.heard[-1]
    assert one.callback(heard.headers, heard.body)["resource"]["out_trade_no"] == "V3-000001"
    status, said = await off(one.query, out_trade_no="V3-000001")
    assert (status, json.loads(said)["trade_state"]) == (200, "SUCCESS")
    amount = {"refund": 100, "total": 100, "currency": "CNY"}
    status, said = await off(one.refund, out_refund_no="V3-R1", amount=amount, out_trade_no="V3-000001")
    assert (status, json.loads(said)["status"]) == (200, "PROCESSING")
    status, said = await off(one.query_refund, out_refund_no="V3-R1")
    assert (status, json.loads(said)["refund_id"][:6]) == (200, "503000")
    status, _ = await off(one.close, out_trade_no="NOBODY-1")
    assert status == 404


def openssl(*arguments: str, given: bytes = b"") -> bytes:
    """Run the command; its standard output."""
    return subprocess.run(["openssl", *arguments], input=given, capture_output=True, check=True).stdout


async def test_openssl_alone_signs_a_request_and_verifies_the_answer(pay: Pay, tmp_path: Path) -> None:
    """Orders, and refused ones too: no line of ours signs, verifies, or reads a certificate."""
    key, registered, public = tmp_path / "key.pem", tmp_path / "merchant.pem", tmp_path / "platform.pem"
    certificate = tmp_path / "certificate.pem"
    key.write_text(pay.account.private)
    registered.write_text(pay.account.merchant.certificate)
    certificate.write_text(pay.account.merchant.platform_certificate)

    async def ask(method: str, path: str, body: bytes, serial: str) -> Answer:
        stamp, nonce = str(pay.platform.clock.unix()), openssl("rand", "-hex", "16").decode().strip()
        said = f"{method}\n{path}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
        signature = openssl("base64", "-A", given=openssl("dgst", "-sha256", "-sign", str(key), given=said))
        own = openssl("x509", "-in", str(registered), "-noout", "-serial").decode().strip().partition("=")[2]
        authorization = (
            f'WECHATPAY2-SHA256-RSA2048 mchid="{MCHID}",nonce_str="{nonce}",signature="{signature.decode()}",'
            f'timestamp="{stamp}",serial_no="{own}"'
        )
        return await pay.send(method, path, body or None, serial=serial, Authorization=authorization)

    def verified(answer: Answer, key_file: Path) -> bool:
        named = answer.headers
        said = f"{named['Wechatpay-Timestamp']}\n{named['Wechatpay-Nonce']}\n".encode() + answer.raw + b"\n"
        signature = tmp_path / "signature"
        signature.write_bytes(base64.b64decode(named["Wechatpay-Signature"]))
        command = ["openssl", "dgst", "-sha256", "-verify", str(key_file), "-signature", str(signature)]
        return subprocess.run(command, input=said, capture_output=True).returncode == 0

    public.write_text(pay.account.public_key)
    of_certificate = tmp_path / "of_certificate.pem"
    of_certificate.write_bytes(openssl("x509", "-in", str(certificate), "-noout", "-pubkey"))
    listed = openssl("x509", "-in", str(certificate), "-noout", "-serial", "-enddate").decode()
    assert listed == f"serial={pay.account.platform_serial}\nnotAfter=Dec 31 00:00:00 2030 GMT\n"

    body = json.dumps(pay.order("OPENSSL-1"), ensure_ascii=False).encode()
    path, own = "/v3/pay/transactions/jsapi", pay.account.platform_serial
    placed = await ask("POST", path, body, PUBLIC_KEY_ID)
    assert (placed.status, verified(placed, public), verified(placed, of_certificate)) == (200, True, False)
    by_number = f"/v3/pay/transactions/out-trade-no/OPENSSL-1?mchid={MCHID}"
    found = await ask("GET", by_number, b"", own)
    assert (found.json["trade_state"], verified(found, of_certificate), verified(found, public)) == (
        "NOTPAY", True, False,
    )  # fmt: skip
    refused = await ask("POST", path, body.replace(b"100", b"101"), PUBLIC_KEY_ID)
    assert (refused.code, verified(refused, public)) == ("OUT_TRADE_NO_USED", True)
    closed = await ask("POST", "/v3/pay/transactions/out-trade-no/OPENSSL-1/close", b'{"mchid":"%s"}' % MCHID.encode(), own)  # fmt: skip
    assert (closed.status, closed.raw, verified(closed, of_certificate)) == (204, b"", True)
    tampered = Answer(found.status, found.headers, found.raw.replace(b"NOTPAY", b"SUCCESS"))
    assert not verified(tampered, of_certificate)

    await pay.paid("OPENSSL-2")
    heard = pay.shop.heard[-1]
    assert verified(Answer(200, heard.headers, heard.body), public)
