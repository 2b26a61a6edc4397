"""Refunds: accepted, refused, ended later, told (wechat.md §7.4)."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tests.sandbox.pay.conftest import MCHID, Answer, Pay


def said(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


async def test_a_refund_is_accepted_ends_later_and_is_told(pay: Pay) -> None:
    paid = await pay.paid("A2026112300001")
    more: dict[str, Any] = {"reason": "计划取消", "notify_url": pay.shop.notify}
    answer = await pay.refund("A2026112300001", "R-1@a|*_", 40, **more)
    refund_id = answer.json["refund_id"]
    accepted = {
        "amount": {
            "currency": "CNY",
            "discount_refund": 0,
            "from": [],
            "payer_refund": 40,
            "payer_total": 100,
            "refund": 40,
            "refund_fee": 0,
            "settlement_refund": 40,
            "settlement_total": 100,
            "total": 100,
        },
        "channel": "ORIGINAL",
        "create_time": "2026-11-23T10:00:00+08:00",
        "funds_account": "AVAILABLE",
        "out_refund_no": "R-1@a|*_",
        "out_trade_no": "A2026112300001",
        "promotion_detail": [],
        "refund_id": refund_id,
        "status": "PROCESSING",
        "transaction_id": paid["transaction_id"],
        "user_received_account": "支付用户零钱",
    }
    assert answer.json == accepted and pay.signed(answer)
    assert (await pay.ask("A2026112300001"))["trade_state"] == "REFUND"
    pay.platform.clock.forward(3)
    query = await pay.send("GET", "/v3/refund/domestic/refunds/R-1@a%7C*_")
    ended = accepted | {"status": "SUCCESS", "success_time": "2026-11-23T10:00:03+08:00"}
    assert query.json == ended
    await pay.desk.settle()
    assert pay.shop.heard[-1].opened() == {
        "event": "REFUND.SUCCESS",
        "mchid": MCHID,
        "out_trade_no": "A2026112300001",
        "transaction_id": paid["transaction_id"],
        "out_refund_no": "R-1@a|*_",
        "refund_id": refund_id,
        "refund_status": "SUCCESS",
        "success_time": "2026-11-23T10:00:03+08:00",
        "user_received_account": "支付用户零钱",
        "amount": {"total": 100, "refund": 40, "payer_total": 100, "payer_refund": 40},
    }
    again = await pay.refund("A2026112300001", "R-1@a|*_", 40, **more)  # after a time-out, the same number
    assert again.json == ended
    assert len((await pay.control("refunds"))["items"]) == 1


async def test_every_wrong_refund_is_refused(pay: Pay) -> None:
    await pay.place("B2026112300000")
    paid = await pay.paid("B2026112300001")
    other = await pay.paid("B2026112300002")
    amount = {"refund": 10, "total": 100, "currency": "CNY"}
    good = {"out_trade_no": "B2026112300001", "out_refund_no": "R1", "amount": amount}
    bad_request, bad_field = (400, "INVALID_REQUEST"), (400, "PARAM_ERROR")
    table: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"amount": {**amount, "refund": 0}}, bad_field),
        ({"amount": {**amount, "refund": "10"}}, bad_field),
        ({"amount": {**amount, "refund": 10.0}}, bad_field),
        ({"amount": {**amount, "total": 100.5}}, bad_field),
        ({"amount": {"refund": 10, "total": 100}}, bad_field),
        ({"amount": {**amount, "currency": "USD"}}, bad_field),
        ({"out_refund_no": "R" * 65}, bad_field),
        ({"out_refund_no": "退款1"}, bad_field),
        ({"out_refund_no": ""}, bad_field),
        ({"out_trade_no": ""}, bad_field),
        ({"reason": "因" * 27}, bad_field),
        ({"reason": "𠮷"}, bad_field),
        ({"notify_url": "https://shop.example/?a=1"}, bad_field),
        ({"out_trade_no": "NOBODY-1"}, (404, "RESOURCE_NOT_EXISTS")),
        ({"out_trade_no": "B2026112300000"}, (404, "RESOURCE_NOT_EXISTS")),
        ({"transaction_id": other["transaction_id"]}, bad_request),
        ({"transaction_id": "4200000000"}, (404, "RESOURCE_NOT_EXISTS")),
        ({"amount": {**amount, "total": 99}}, bad_request),
        ({"amount": {**amount, "refund": 101}}, bad_request),
    ]
    for change, expected in table:
        answer = await pay.send("POST", "/v3/refund/domestic/refunds", good | change)
        assert said(answer) == expected, change
        assert pay.signed(answer)
    assert (await pay.control("refunds"))["items"] == []
    assert (await pay.ask("B2026112300001"))["trade_state"] == "SUCCESS"
    by_id = {"out_refund_no": "R1", "amount": amount, "transaction_id": paid["transaction_id"]}
    assert (await pay.send("POST", "/v3/refund/domestic/refunds", by_id)).status == 200
    changed = await pay.send(
        "POST", "/v3/refund/domestic/refunds", {**by_id, "amount": {**amount, "refund": 11}}
    )
    nobody = await pay.send("GET", "/v3/refund/domestic/refunds/R2")
    assert (said(changed), said(nobody)) == (bad_request, (404, "RESOURCE_NOT_EXISTS"))


async def test_partial_refunds_a_minute_apart_up_to_the_whole(pay: Pay) -> None:
    """Never more than was paid, never more than fifty, and a closed refund gives its amount back."""
    await pay.paid("C2026112300001", 100)
    for number in range(49):
        assert (await pay.refund("C2026112300001", f"R{number}", 1)).status == 200
        soon = await pay.refund("C2026112300001", "soon", 1)
        assert said(soon) == (429, "FREQUENCY_LIMITED")
        pay.platform.clock.forward(60)
    assert said(await pay.refund("C2026112300001", "much", 52)) == (400, "INVALID_REQUEST")
    pay.desk.switchboard.turn({"refund_outcome": "CLOSED"})
    assert (await pay.refund("C2026112300001", "R49", 50)).status == 200
    pay.platform.clock.forward(60)
    await pay.desk.settle()
    pay.desk.switchboard.turn({"refund_outcome": "SUCCESS"})
    assert (await pay.refund("C2026112300001", "R50", 50)).status == 200
    pay.platform.clock.forward(60)
    one_more = await pay.refund("C2026112300001", "R51", 1)
    assert (said(one_more), one_more.json["message"]) == (
        (400, "INVALID_REQUEST"),
        "一笔订单最多部分退款50次",
    )

    await pay.paid("C2026112300002", 100)
    await pay.refund("C2026112300002", "S1", 100)
    pay.platform.clock.forward(60)
    whole = await pay.refund("C2026112300002", "S2", 1)
    assert whole.json["message"] == "订单已全额退款"


@pytest.mark.parametrize("outcome", ["ABNORMAL", "CLOSED"])
async def test_refunds_that_fail(pay: Pay, outcome: str) -> None:
    """The order stays REFUND; the notification and the query tell the state."""
    await pay.paid("D2026112300001")
    pay.desk.switchboard.turn({"refund_outcome": outcome, "refund_seconds": 0})
    answer = await pay.refund("D2026112300001", "R1", 100, notify_url=pay.shop.notify)
    assert (answer.json["status"], "success_time" in answer.json) == (outcome, False)
    await pay.desk.settle()
    told = pay.shop.heard[-1].opened()
    assert (told["event"], told["refund_status"], "success_time" in told) == (
        f"REFUND.{outcome}",
        outcome,
        False,
    )
    assert (await pay.ask("D2026112300001"))["trade_state"] == "REFUND"


async def test_not_enough_money_a_late_refund_and_too_many_failing(
    pay: Pay, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NOT_ENOUGH leaves nothing behind: the same number goes through once there is money."""
    await pay.paid("E2026112300001")
    pay.desk.switchboard.turn({"not_enough": True})
    assert said(await pay.refund("E2026112300001", "R1", 10)) == (403, "NOT_ENOUGH")
    pay.desk.switchboard.turn({"not_enough": False})
    assert (await pay.refund("E2026112300001", "R1", 10)).status == 200
    ended = await pay.control("refunds/R1", {"status": "ABNORMAL"})
    assert ended["status"] == "ABNORMAL"
    pay.platform.clock.forward(366 * 86400)
    assert said(await pay.refund("E2026112300001", "R2", 10)) == (403, "TRADE_OVERDUE")
    pay.desk.switchboard.turn({"rates": True})
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.5)
    codes = [(await pay.refund("NOBODY-1", "R3", 10)).code for _ in range(8)]
    assert codes == ["RESOURCE_NOT_EXISTS"] * 6 + ["FREQUENCY_LIMITED"] * 2


async def test_the_merchants_balance_runs_dry_and_is_filled_up(pay: Pay) -> None:
    for number in ("F2026112300001", "F2026112300002"):
        await pay.paid(number)
    pay.desk.switchboard.turn({"balance_fen": 15})
    assert (await pay.refund("F2026112300001", "R1", 10)).status == 200
    assert (await pay.refund("F2026112300001", "R1", 10)).status == 200  # the same again takes nothing more
    assert said(await pay.refund("F2026112300002", "R2", 10)) == (403, "NOT_ENOUGH")
    assert pay.desk.switchboard.now.balance_fen == 5
    pay.desk.switchboard.turn({"balance_fen": 10})
    assert (await pay.refund("F2026112300002", "R2", 10)).status == 200


def sealed(pay: Pay, text: str, *, for_public_key: bool = True) -> str:
    """By another hand than ours: RSAES-OAEP with SHA-1 under WeChat Pay's public key or its certificate."""
    merchant = pay.account.merchant
    key = (
        load_pem_public_key(pay.account.public_key.encode())
        if for_public_key
        else x509.load_pem_x509_certificate(merchant.platform_certificate.encode()).public_key()
    )
    assert isinstance(key, RSAPublicKey)
    return base64.b64encode(key.encrypt(text.encode(), OAEP(MGF1(SHA1()), SHA1(), None))).decode()


async def test_an_abnormal_refund_is_paid_to_a_card_once(pay: Pay) -> None:
    await pay.paid("G2026112300001")
    begun = await pay.refund("G2026112300001", "R1", 10, notify_url=pay.shop.notify)
    refund_id = begun.json["refund_id"]
    path = f"/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund"
    good = {
        "out_refund_no": "R1",
        "type": "USER_BANK_CARD",
        "bank_type": "CMB_DEBIT",
        "bank_account": sealed(pay, "6225880123456789"),
        "real_name": sealed(pay, "张三丰"),
    }
    assert said(await pay.send("POST", path, good)) == (400, "INVALID_REQUEST")  # it is in work
    await pay.control("refunds/R1", {"status": "ABNORMAL"})
    wrong: list[tuple[dict[str, Any], tuple[int, str]]] = [
        ({"type": "CASH"}, (400, "PARAM_ERROR")),
        ({"bank_type": "CMB_CREDIT"}, (400, "PARAM_ERROR")),
        ({"bank_account": "6225880123456789"}, (400, "PARAM_ERROR")),
        ({"bank_account": sealed(pay, "6225")}, (400, "PARAM_ERROR")),
        ({"real_name": sealed(pay, "张三丰", for_public_key=False)}, (400, "PARAM_ERROR")),
        ({"out_refund_no": "R2"}, (404, "RESOURCE_NOT_EXISTS")),
    ]
    for change, refusal in wrong:
        assert said(await pay.send("POST", path, good | change)) == refusal
    for _ in range(2):
        answer = await pay.send("POST", path, good)
        assert (answer.status, answer.json["status"]) == (200, "PROCESSING")
        assert answer.json["user_received_account"] == "招商银行借记卡6789" and pay.signed(answer)
    pay.platform.clock.forward(3)
    await pay.desk.settle()
    assert pay.shop.heard[-1].opened()["refund_status"] == "SUCCESS"
    assert "6225880123456789" not in str(pay.desk.store.all("pay.refund"))


async def test_an_abnormal_refund_is_paid_to_the_merchants_own_account(pay: Pay) -> None:
    await pay.paid("H2026112300001")
    refund_id = (await pay.refund("H2026112300001", "R1", 10)).json["refund_id"]
    await pay.control("refunds/R1", {"status": "ABNORMAL"})
    path = f"/v3/refund/domestic/refunds/{refund_id}/apply-abnormal-refund"
    answer = await pay.send("POST", path, {"out_refund_no": "R1", "type": "MERCHANT_BANK_CARD"})
    assert (answer.status, answer.json["user_received_account"]) == (200, "商户结算银行账户")
