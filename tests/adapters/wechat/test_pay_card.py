"""An abnormal refund on its way to a bank card: sealed for WeChat Pay, and in no log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from server.domain.ports.payments import BankCard
from server.errors import Refused
from server.settings import Settings
from tests.adapters.wechat.pay_world import REFUND, World, opened, returned
from tests.kit.pay_platform import PayPlatform


@pytest.fixture(scope="module")
def pay_platform(tmp_path_factory: pytest.TempPathFactory) -> PayPlatform:
    return PayPlatform.invent(tmp_path_factory.mktemp("pay"))


@pytest.fixture
async def world(pay_platform: PayPlatform, settings: Settings) -> AsyncIterator[World]:
    async with opened(pay_platform, settings) as world:
        yield world


async def test_an_abnormal_refund_is_sent_to_a_card_that_wechat_pay_alone_can_read(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    card = BankCard("CMB_DEBIT", "6225880123456789", "张三丰")
    world.will(200, returned())
    accepted = await world.pay.redirect_refund("50000000382019052709732678859", REFUND.out_refund_no, card)
    assert accepted.status == "PROCESSING"
    [sent] = world.script.requests
    assert sent.target == ("/v3/refund/domestic/refunds/50000000382019052709732678859/apply-abnormal-refund")
    assert {name: sent.data[name] for name in ("out_refund_no", "type", "bank_type")} == {
        "out_refund_no": REFUND.out_refund_no,
        "type": "USER_BANK_CARD",
        "bank_type": "CMB_DEBIT",
    }
    assert sent.headers["Wechatpay-Serial"] == world.settings.pay_public_key_id
    for secret in (card.account, card.holder):
        assert secret.encode() not in sent.body and secret not in caplog.text
    with pytest.raises(Refused):
        await world.pay.redirect_refund("../x", REFUND.out_refund_no, card)
