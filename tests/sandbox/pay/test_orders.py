"""Orders as WeChat Pay takes, refuses, tells and closes them (wechat.md §7.4)."""

from __future__ import annotations

from tests.sandbox.pay.conftest import MCHID, OA, Pay


async def test_an_order_is_placed_paid_told_and_asked_for_by_both_numbers(pay: Pay) -> None:
    prepay_id = await pay.place(
        "A2026112300001", 4500, attach="附加", scene_info={"payer_client_ip": "10.0.0.1"}
    )
    assert prepay_id.startswith("wx23") and len(prepay_id) == 36
    assert await pay.ask("A2026112300001") == {
        "amount": {"payer_currency": "CNY", "total": 4500},
        "appid": OA.appid,
        "mchid": MCHID,
        "out_trade_no": "A2026112300001",
        "promotion_detail": [],
        "trade_state": "NOTPAY",
        "trade_state_desc": "订单未支付",
    }
    told = await pay.paid("A2026112300001", 4500, attach="附加", scene_info={"payer_client_ip": "10.0.0.1"})
    assert told["trade_state"] == "SUCCESS"
