"""WeChatPay against answers as a test wishes them, and WeChat Pay's objects as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from server.adapters.wechat.pay import WeChatPay
from server.domain.ports.payments import PayGateway, PayOrder, PayRefundOrder
from server.settings import Settings
from tests.kit.fakes import FakeClock
from tests.kit.pay_platform import PayPlatform, Script, says, serving

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
ORDER = PayOrder(
    "mp", "xc202611230001", "考务费", 100, datetime(2026, 11, 23, 6, 0, tzinfo=UTC), attach="批次 4"
)
REFUND = PayRefundOrder("xc202611230001", "xr202611230001", 60, 100, "重复支付")
PATH = "/v3/pay/transactions/out-trade-no/xc202611230001"


@dataclass
class World:
    pay: WeChatPay
    script: Script
    settings: Settings
    clock: FakeClock

    def will(self, status: int, data: Any = None, **how: Any) -> None:
        self.script.will(says(self.script.platform, status, data, **how))


@asynccontextmanager
async def opened(platform: PayPlatform, settings: Settings) -> AsyncIterator[World]:
    """Our side, and a server that answers by a script, which must be played to its end."""
    async with serving(Script(platform)) as script:
        ours = platform.settings(settings, pay_url=script.url, public_url="https://cert.example.cn")
        pay: PayGateway = WeChatPay(ours, platform.clock, seconds=15)
        assert isinstance(pay, WeChatPay)
        yield World(pay, script, ours, platform.clock)
        await pay.close_connections()
        assert not script.answers


def paid(world: World, **changed: Any) -> dict[str, Any]:
    return {
        "appid": world.settings.mp_appid,
        "mchid": world.settings.pay_mchid,
        "out_trade_no": ORDER.out_trade_no,
        "transaction_id": "1217752501201407033233368018",
        "trade_state": "SUCCESS",
        "trade_state_desc": "支付成功",
        "trade_type": "JSAPI",
        "bank_type": "CMC",
        "success_time": "2026-11-23T11:59:58+08:00",
        "payer": {"openid": OPENID},
        "amount": {"total": 100, "payer_total": 99, "currency": "CNY"},
        "attach": "批次 4",
    } | changed


def returned(**changed: Any) -> dict[str, Any]:
    return {
        "refund_id": "50000000382019052709732678859",
        "out_refund_no": REFUND.out_refund_no,
        "transaction_id": "1217752501201407033233368018",
        "out_trade_no": REFUND.out_trade_no,
        "channel": "ORIGINAL",
        "user_received_account": "招商银行信用卡0403",
        "create_time": "2026-11-23T12:00:00+08:00",
        "status": "PROCESSING",
        "amount": {"total": 100, "refund": 60, "payer_total": 99, "payer_refund": 59},
    } | changed


# Ways in which an answer is not WeChat Pay's; with an empty serial: the public key's.
WRONG: dict[str, dict[str, Any]] = {
    "a probe": {"signature": "WECHATPAY/SIGNTEST/" + "A" * 325},
    "too old": {"late": 300},
    "from the future": {"late": -300},
    "unknown serial": {"serial": "PUB_KEY_ID_0"},
    "signed by another": {"by": "certificate", "serial": ""},
    "no signature": {"signature": ""},
}
