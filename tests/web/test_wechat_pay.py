"""The address that WeChat Pay notifies: only what is WeChat Pay's, only now, and nothing is ever said to be done that is not.

Notifications here are signed by the openssl command.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from server.adapters.logs import JsonLines
from server.adapters.wechat.pay import WeChatPay
from server.app import create_app
from server.domain.payments import notifications
from server.domain.payments.settlement import Cashbox
from server.domain.ports import Clock, Queue, Services
from server.domain.ports.payments import PayNotification
from server.models import FinanceAlarm, PayInboxEntry
from server.web import wechat_pay
from tests.kit.exchange import exchange
from tests.kit.pay_platform import PayPlatform
from tests.web.conftest import listening

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
CARD = "招商银行信用卡0403"
PAYMENT, REFUND = "/wechat/pay/notify", "/wechat/pay/refund-notify"


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
def platform(pay_platform: PayPlatform, services: Services) -> PayPlatform:
    """The platform, and `services` with its merchant."""
    exchange(services, settings=pay_platform.settings(services.settings))
    exchange(services, pay=WeChatPay(services.settings, services.clock))
    return pay_platform


@dataclass
class Door:
    """The service, listening."""

    url: str
    session: aiohttp.ClientSession


@asynccontextmanager
async def opened(services: Services) -> AsyncIterator[Door]:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{line.getsockname()[1]}"
        async with (
            listening(create_app(services.settings, services), line),
            aiohttp.ClientSession() as session,
        ):
            yield Door(url, session)


@pytest.fixture
async def door(platform: PayPlatform, services: Services) -> AsyncIterator[Door]:
    async with opened(services) as found:
        yield found


def transaction(services: Services, **changed: Any) -> dict[str, Any]:
    """As in wechat.md's sample, for our merchant."""
    return {
        "transaction_id": "1217752501201407033233368018",
        "amount": {"payer_total": 99, "total": 100, "currency": "CNY", "payer_currency": "CNY"},
        "mchid": services.settings.pay_mchid,
        "appid": services.settings.mp_appid,
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "trade_type": "JSAPI",
        "bank_type": "CMC",
        "success_time": "2026-11-23T11:59:58+08:00",
        "payer": {"openid": OPENID},
        "out_trade_no": "xc202611230001",
        "attach": "",
    } | changed


def refund(services: Services, **changed: Any) -> dict[str, Any]:
    return {
        "mchid": services.settings.pay_mchid,
        "transaction_id": "1008450740201411110005820873",
        "out_trade_no": "xc202611230001",
        "refund_id": "50200207182018070300011301001",
        "out_refund_no": "xr202611230001",
        "refund_status": "SUCCESS",
        "success_time": "2026-11-23T11:59:58+08:00",
        "user_received_account": CARD,
        "amount": {"total": 100, "refund": 60, "payer_total": 100, "payer_refund": 60},
    } | changed


async def post(door: Door, body: bytes, headers: dict[str, str], path: str = PAYMENT) -> tuple[int, Any]:
    async with door.session.post(door.url + path, data=body, headers=headers) as response:
        assert "set-cookie" not in response.headers
        said = await response.read()
        return response.status, json.loads(said) if said else None


class Inbox:
    """Takes what is notified, whole, in place of the kept inbox."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken: list[PayNotification] = []
        monkeypatch.setattr(notifications, "receive", self.take)

    async def take(self, _: Clock, __: Queue, notification: PayNotification) -> bool:
        self.taken.append(notification)
        return True


@pytest.mark.parametrize("by", ["public", "certificate"])
async def test_a_genuine_notification_is_opened_whole(
    door: Door, platform: PayPlatform, services: Services, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """While a merchant moves to the public key, either may sign."""
    inbox = Inbox(monkeypatch)
    body = platform.notification("TRANSACTION.SUCCESS", transaction(services))
    assert await post(door, body, platform.headers(body, by=by)) == (204, None)
    body = platform.notification("REFUND.SUCCESS", refund(services))
    assert await post(door, body, platform.headers(body, by=by), REFUND) == (204, None)
    paid, returned = inbox.taken
    assert paid.transaction is not None and returned.refund is not None
    t, r = paid.transaction, returned.refund
    assert (paid.event, paid.refund, returned.transaction) == ("TRANSACTION.SUCCESS", None, None)
    assert (t.out_trade_no, t.state, t.total_fen, t.payer_total_fen, t.currency, t.openid) == (
        "xc202611230001",
        "SUCCESS",
        100,
        99,
        "CNY",
        OPENID,
    )
    assert t.paid_at is not None and t.paid_at.isoformat() == "2026-11-23T11:59:58+08:00"
    assert (r.out_refund_no, r.status, r.refund_fen, r.total_fen, r.received_by) == (
        "xr202611230001",
        "SUCCESS",
        60,
        100,
        CARD,
    )
    assert OPENID not in repr(paid) and CARD not in repr(returned)


async def test_what_belongs_to_no_order_is_kept_and_an_alarm_for_finance(
    door: Door, platform: PayPlatform, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """WeChat Pay need not send it again; finance sees numbers, no persons."""
    sent = (
        ("TRANSACTION.SUCCESS", transaction(services), PAYMENT),
        ("REFUND.ABNORMAL", refund(services, refund_status="ABNORMAL"), REFUND),
        ("PAYSCORE.USER_OPEN_SERVICE", {"mchid": services.settings.pay_mchid}, PAYMENT),
    )
    for event, resource, path in sent:
        body = platform.notification(event, resource)
        for _ in range(2):
            assert await post(door, body, platform.headers(body), path) == (204, None)
    assert await PayInboxEntry.filter(applied_at=None).count() == 3
    await notifications.sweep(Cashbox.of(services.settings, services.clock, services.queue, services.faults))
    assert await PayInboxEntry.filter(applied_at=None).count() == 0
    kinds = {alarm.kind for alarm in await FinanceAlarm.all()}
    assert kinds == {"payment_unknown", "refund_unknown", "notification_unknown"}
    kept = str(
        [one.content for one in await PayInboxEntry.all()] + [a.content for a in await FinanceAlarm.all()]
    )
    assert not any(secret in kept for secret in (OPENID, CARD))
    assert not any(secret in str(vars(r)) for r in caplog.records for secret in (OPENID, CARD))


async def test_wechats_test_of_the_way_is_answered(door: Door, platform: PayPlatform) -> None:
    body = platform.notification("SECURITY_ECHO.SUCCESS", {"echo": "x"})
    assert await post(door, body, platform.headers(body)) == (204, None)


async def test_forged_and_stale_notifications_are_refused(
    door: Door, platform: PayPlatform, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """401 for each, with and without WeChat Pay's probes; nothing reaches the orders."""
    inbox = Inbox(monkeypatch)
    body = platform.notification("TRANSACTION.SUCCESS", transaction(services))
    right = platform.headers(body)
    probe = "WECHATPAY/SIGNTEST/" + right["Wechatpay-Signature"][19:]
    merchants = services.pay._merchant  # type: ignore[union-attr]
    stamp, nonce = right["Wechatpay-Timestamp"], right["Wechatpay-Nonce"]
    cases = {
        "a probe": right | {"Wechatpay-Signature": probe},
        "a probe with an unknown serial": right
        | {"Wechatpay-Signature": probe, "Wechatpay-Serial": "5D" * 20},
        "no base64": right | {"Wechatpay-Signature": "%%%"},
        "empty": right | {"Wechatpay-Signature": ""},
        "ours": right | {"Wechatpay-Signature": merchants.sign(stamp, nonce, body)},
        "the other key": right | {"Wechatpay-Serial": platform.certificate_serial},
        "another public key": right | {"Wechatpay-Serial": "PUB_KEY_ID_0000000000000000000000"},
        "an odd serial": right | {"Wechatpay-Serial": "0x"},
        "another scheme": right | {"Wechatpay-Signature-Type": "WECHATPAY2-SM2-WITH-SM3"},
        "another nonce": right | {"Wechatpay-Nonce": nonce[::-1]},
        "300 s old": platform.headers(body, late=300),
        "300 s ahead": platform.headers(body, late=-300),
        "odd time": right | {"Wechatpay-Timestamp": "1e9"},
        "no headers": {},
    } | {f"without {name}": {k: v for k, v in right.items() if k != name} for name in list(right)[:4]}
    answers = {name: await post(door, body, headers) for name, headers in cases.items()}
    assert {name: (status, answer["code"]) for name, (status, answer) in answers.items()} == dict.fromkeys(
        cases, (401, "FAIL")
    )
    for other in (body + b" ", body.replace(b"encrypt-resource", b"encrypt_resource"), b"", b"\xff{"):
        assert (await post(door, other, right))[0] == 401
    assert inbox.taken == []
    for late in (299, -299):
        assert await post(door, body, platform.headers(body, late=late)) == (204, None)


async def test_genuine_ones_that_cannot_be_taken(
    door: Door, platform: PayPlatform, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong APIv3 key, another merchant or appid, amounts of the wrong kind, rubbish: 400, and WeChat Pay repeats."""
    inbox = Inbox(monkeypatch)
    success = "TRANSACTION.SUCCESS"
    bodies = [
        platform.notification(success, transaction(services), key="k" * 32),
        platform.notification(success, transaction(services, mchid="1900000001")),
        platform.notification(success, transaction(services, appid="wx0000000000000000")),
        platform.notification("REFUND.SUCCESS", refund(services, mchid="1900000001")),
        platform.notification("REFUND.SUCCESS", refund(services, amount={"total": 100})),
        platform.notification(success, {k: v for k, v in transaction(services).items() if k != "mchid"}),
        platform.notification(success, transaction(services, amount={"total": 100.0})),
        platform.notification(success, transaction(services, amount={"total": "100"})),
        platform.notification(success, transaction(services, amount={"total": True})),
        platform.notification(success, transaction(services, success_time="2026-11-23 12:00:00")),
        b"[]",
        b"no json",
        b'{"resource": 1}',
    ]
    for body in bodies:
        status, answer = await post(door, body, platform.headers(body))
        assert (status, answer["code"]) == (400, "FAIL")
    assert inbox.taken == []


async def test_a_genuine_one_that_no_column_takes_is_refused_and_never_ours_to_mend(
    door: Door, platform: PayPlatform, services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """400, the same each time, and a log line of our length: the order itself is asked after until it is known."""
    success = "TRANSACTION.SUCCESS"

    def enveloped(**changed: Any) -> bytes:
        said = json.loads(platform.notification(success, transaction(services)))
        return json.dumps(said | changed).encode()

    bodies = [
        enveloped(id="n" * 65),
        enveloped(id="a\x00b"),
        enveloped(id=""),
        enveloped(event_type="TRANSACTION." + "X" * 29),
        enveloped(event_type="TRANSACTION.\x00"),
        platform.notification(success, transaction(services, trade_state_desc="支付\x00成功")),
        platform.notification(success, transaction(services, trade_state_desc="长" * 1_001)),
        platform.notification(success, transaction(services, transaction_id="4" * 33)),
        platform.notification(success, transaction(services, out_trade_no="xc" + "2" * 31)),
        platform.notification(success, transaction(services, attach="\x00")),
        platform.notification("REFUND.SUCCESS", refund(services, out_refund_no="r" * 65)),
        platform.notification("REFUND.SUCCESS", refund(services, refund_id="5" * 41)),
        platform.notification("REFUND.SUCCESS", refund(services, user_received_account="\x00")),
    ]
    for body in bodies:
        for _ in range(2):
            status, answer = await post(door, body, platform.headers(body))
            assert (status, answer) == (400, {"code": "FAIL", "message": "通知的内容无法理解。"}), body[:200]
    assert await PayInboxEntry.all().count() == 0
    lines = [JsonLines().format(one) for one in caplog.records if one.name == "xcert.pay"]
    assert len(lines) == 2 * len(bodies) and max(map(len, lines)) < 400
    fits = enveloped(id="n" * 64)
    assert await post(door, fits, platform.headers(fits)) == (204, None)


async def test_a_body_larger_than_any_notification_is_not_read(
    door: Door, platform: PayPlatform, services: Services
) -> None:
    body = b"x" * (64 * 1024 + 1)
    assert (await post(door, body, platform.headers(body)))[0] == 413
    assert (await post(door, body[:-1], platform.headers(body[:-1])))[0] == 400  # read, genuine, no JSON


async def test_without_a_merchant_nothing_is_taken(services: Services) -> None:
    async with opened(services) as door:
        answer = await post(door, b"{}", {})
    assert answer == (503, {"code": "FAIL", "message": "本服务没有配置微信支付"})


async def test_our_failures_and_our_slowness_leave_it_with_wechat(
    door: Door, platform: PayPlatform, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_: Any) -> None:
        raise RuntimeError("openid " + OPENID)

    async def sleeps(*_: Any) -> None:
        await asyncio.Event().wait()

    body = platform.notification("TRANSACTION.SUCCESS", transaction(services))
    monkeypatch.setattr(notifications, "receive", breaks)
    assert await post(door, body, platform.headers(body)) == (
        500,
        {"code": "FAIL", "message": "处理失败，请稍后重发"},
    )
    monkeypatch.setattr(notifications, "receive", sleeps)
    monkeypatch.setattr(wechat_pay, "ANSWER_WITHIN", 0.05)
    status, answer = await post(door, body, platform.headers(body))
    assert (status, answer["code"]) == (503, "FAIL")


async def test_the_addresses_take_posts_alone(door: Door) -> None:
    for path in (PAYMENT, REFUND):
        async with door.session.get(door.url + path) as response:
            assert response.status == 405
