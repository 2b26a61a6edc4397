"""WeChat Pay's certificates as they change, what the doctor finds of the keys, and a client that nobody here wrote."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from wechatpayv3 import WeChatPay as OtherClient
from wechatpayv3 import WeChatPayType

from server import sandbox_account
from server.adapters.wechat.pay import WeChatPay
from server.errors import Unverified
from server.settings import Settings
from tests.adapters.wechat.pay_world import OPENID, ORDER, WRONG, World, opened, returned
from tests.kit.pay_platform import PayPlatform, says


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def world(pay_platform: PayPlatform, settings: Settings) -> AsyncIterator[World]:
    async with opened(pay_platform, settings) as made:
        yield made


def listed(platform: PayPlatform, pem: str) -> dict[str, Any]:
    return {
        "serial_no": sandbox_account.serial_of(pem),
        "effective_time": "2026-11-23T00:00:00+08:00",
        "expire_time": "2031-11-22T00:00:00+08:00",
        "encrypt_certificate": platform.sealed(pem.encode(), kind="certificate"),
    }


async def test_new_certificates_are_learnt_and_none_forgotten(world: World) -> None:
    platform = world.script.platform
    key = platform.account["SANDBOX_PAY_CERTIFICATE_PRIVATE"]
    next_one = sandbox_account.certificate_of(key, "next", world.clock.now() - timedelta(days=1))
    over = sandbox_account.certificate_of(key, "over", world.clock.now() - timedelta(days=6 * 365))
    answer = {"data": [listed(platform, pem) for pem in (next_one, over)]}
    world.will(200, answer, by="certificate")
    assert await world.pay.download_certificates() == 1
    serials = set(world.pay._keys.ends())
    assert serials == {
        world.settings.pay_public_key_id,
        platform.certificate_serial,
        sandbox_account.serial_of(next_one),
    }
    world.will(200, answer, by="certificate", serial=sandbox_account.serial_of(next_one))
    assert await world.pay.download_certificates() == 0
    assert set(world.pay._keys.ends()) == serials
    for how in WRONG.values():
        other = sandbox_account.certificate_of(key, "forged", world.clock.now() - timedelta(days=1))
        forged = {"data": [listed(platform, other)]}
        world.will(
            200, forged, **({**how, "serial": world.settings.pay_public_key_id} if "by" in how else how)
        )
        with pytest.raises(Unverified):
            await world.pay.download_certificates()
    assert set(world.pay._keys.ends()) == serials


async def test_a_certificate_that_is_known_stays_as_it_is(world: World) -> None:
    """Another one under its serial, signed by itself or in a genuine list, changes nothing."""
    platform, now = world.script.platform, world.clock.now()
    known = x509.load_pem_x509_certificate(world.settings.pay_certificates.encode())
    other = load_pem_private_key(platform.account["SANDBOX_PAY_PUBLIC_KEY_PRIVATE"].encode(), None)
    assert isinstance(other, RSAPrivateKey)
    same_serial = (
        x509.CertificateBuilder()
        .subject_name(known.subject)
        .issuer_name(known.subject)
        .public_key(other.public_key())
        .serial_number(known.serial_number)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(other, SHA256())
    )
    forged = {"data": [listed(platform, same_serial.public_bytes(Encoding.PEM).decode())]}
    world.will(200, forged, by="public", serial=platform.certificate_serial)
    with pytest.raises(Unverified):
        await world.pay.download_certificates()
    world.will(200, forged)
    assert await world.pay.download_certificates() == 0
    assert world.pay._keys.get(platform.certificate_serial, now) == known.public_key()


async def test_a_merchant_that_knows_no_certificate_yet_learns_the_first(world: World) -> None:
    """Believed because the APIv3 key opens it and it signed the list itself."""
    platform = world.script.platform
    expired = sandbox_account.certificate_of(
        platform.account["SANDBOX_PAY_CERTIFICATE_PRIVATE"],
        "old",
        world.clock.now() - timedelta(days=6 * 365),
    )
    bare = replace(world.settings, pay_public_key_id="", pay_public_key="", pay_certificates=expired)
    pay = WeChatPay(bare, world.clock, seconds=15)
    answer = {"data": [listed(platform, platform.account["WECHAT_PAY_CERTIFICATES"])]}
    world.will(200, answer, by="certificate")
    keeping = asyncio.create_task(pay.keep_certificates())
    while len(pay._keys.ends()) < 2:
        await asyncio.sleep(0.01)
    keeping.cancel()
    world.will(200, {"prepay_id": "wx1"}, by="certificate")
    assert await pay.order_jsapi(ORDER, openid=OPENID) == "wx1"
    assert "Wechatpay-Serial" not in world.script.requests[-1].headers
    for _ in range(2):
        world.script.will(
            lambda _: web.json_response({"code": "RESOURCE_NOT_EXISTS", "message": ""}, status=404)
        )
    async with asyncio.timeout(5):
        await pay.keep_certificates()  # ends: there are none
    await pay.close_connections()


async def findings(world: World, **changed: Any) -> dict[str, tuple[bool, str]]:
    pay = WeChatPay(replace(world.settings, **changed), world.clock, seconds=15)
    found = await pay.probe()
    await pay.close_connections()
    return {one.what: (one.ok, one.text) for one in found}


async def test_probe_finds_everything_right(world: World) -> None:
    platform = world.script.platform
    world.will(404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})
    world.will(200, {"data": [listed(platform, platform.account["WECHAT_PAY_CERTIFICATES"])]})
    s = world.settings
    assert await findings(world) == {
        "时钟": (True, "与微信支付相差 0 秒"),
        "商户私钥": (True, "签名得到微信支付认可"),
        "商户证书序列号": (True, f"{s.pay_mch_serial}，商户号 {s.pay_mchid}"),
        "微信支付公钥": (True, f"微信支付的回答验签通过（{s.pay_public_key_id}）"),
        "APIv3 密钥": (True, "能解开微信支付下发的 1 份平台证书"),
    }
    assert [a.method for a in world.script.requests] == ["GET", "GET"]


async def test_probe_says_what_is_wrong_and_where_to_mend_it(world: World) -> None:
    platform = world.script.platform
    missing = says(platform, 404, {"code": "ORDER_NOT_EXIST", "message": "订单不存在"})
    no_list = says(platform, 404, {"code": "RESOURCE_NOT_EXISTS", "message": "无可用的平台证书"})

    def refused(message: str) -> Any:
        return says(platform, 401, {"code": "SIGN_ERROR", "message": message})

    world.script.will(refused("商户证书序列号有误"), no_list)
    found = await findings(world)
    assert found["商户证书序列号"][0] is False and "WECHAT_PAY_MCH_SERIAL" in found["商户证书序列号"][1]
    assert found["APIv3 密钥"][0] is True and "第一个支付通知" in found["APIv3 密钥"][1]
    world.script.will(refused("错误的签名，导致验签失败"), no_list)
    found = await findings(world)
    assert found["商户私钥"][0] is False and "WECHAT_PAY_MCH_KEY" in found["商户私钥"][1]
    world.script.will(
        missing,
        says(platform, 200, {"data": [listed(platform, platform.account["WECHAT_PAY_CERTIFICATES"])]}),
    )
    found = await findings(world, pay_apiv3_key="k" * 32)
    assert found["APIv3 密钥"][0] is False and "WECHAT_PAY_APIV3_KEY" in found["APIv3 密钥"][1]
    world.script.will(says(platform, 404, {"code": "ORDER_NOT_EXIST"}, late=400), no_list)
    found = await findings(world)
    assert found["时钟"] == (False, "与微信支付相差 400 秒，超过 300 秒即全部失败，请校准服务器时间")
    assert found["微信支付公钥"][0] is False
    world.script.will(missing, no_list)
    found = await findings(world, pay_public_key_id="PUB_KEY_ID_0", pay_certificates="")
    assert found["微信支付公钥"][0] is False and world.settings.pay_public_key_id in found["微信支付公钥"][1]
    merchants = (platform.folder / "merchant.pem").read_text()
    world.script.will(missing, missing, no_list)  # asked twice: one wrong signature may be a probe
    found = await findings(world, pay_public_key=merchants)
    assert found["微信支付公钥"][0] is False and "验签不通过" in found["微信支付公钥"][1]
    world.script.will(says(platform, 400, {"code": "MCH_NOT_EXISTS", "message": "商户号不存在"}), no_list)
    found = await findings(world)
    assert found["商户号"][0] is False and "商户号不存在" in found["商户号"][1]
    soon = sandbox_account.certificate_of(
        platform.account["SANDBOX_PAY_CERTIFICATE_PRIVATE"],
        "soon",
        world.clock.now() - timedelta(days=5 * 365 - 30),
    )
    world.script.will(missing, no_list)
    assert (await findings(world, pay_certificates=soon))["平台证书"][0] is True
    unreachable = await findings(world, pay_url="http://127.0.0.1:9")
    assert list(unreachable) == ["微信支付"] and unreachable["微信支付"][0] is False
    shown = str([*found.values(), *unreachable.values()])
    assert world.settings.pay_apiv3_key not in shown and "PRIVATE" not in shown


def test_another_client_understands_what_we_sign_and_we_what_it_signs(
    pay_platform: PayPlatform, settings: Settings
) -> None:
    """wechatpayv3, which we do not use, with the same merchant: cashier parameters agree, notifications open in both."""
    ours = pay_platform.settings(settings)
    pay = WeChatPay(ours, pay_platform.clock)
    other = OtherClient(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=ours.pay_mchid,
        private_key=ours.pay_mch_key,
        cert_serial_no=ours.pay_mch_serial,
        apiv3_key=ours.pay_apiv3_key,
        appid=ours.mp_appid,
        notify_url="https://cert.example.cn/wechat/pay/notify",
        public_key=ours.pay_public_key,
        public_key_id=ours.pay_public_key_id,
    )
    made = pay.pay_parameters("wx1", "requestPayment")
    assert made["paySign"] == other.sign(
        [ours.mp_appid, made["timeStamp"], made["nonceStr"], "prepay_id=wx1"]
    )
    body = pay_platform.notification(
        "REFUND.SUCCESS", {**returned(), "mchid": ours.pay_mchid, "refund_status": "SUCCESS"}
    )
    headers = pay_platform.headers(body)
    theirs = other.callback(headers, body)
    opened = pay.open_notification(headers, body)
    assert opened.refund is not None and theirs is not None
    assert (opened.id, opened.event) == (theirs["id"], theirs["event_type"])
    assert (opened.refund.refund_fen, opened.refund.refund_id) == (
        theirs["resource"]["amount"]["refund"],
        theirs["resource"]["refund_id"],
    )
    forged = headers | {"Wechatpay-Signature": "WECHATPAY/SIGNTEST/" + headers["Wechatpay-Signature"][19:]}
    assert other.callback(forged, body) is None
    with pytest.raises(Unverified):
        pay.open_notification(forged, body)
