"""Refunds: asked for, accepted, ended later (wechat.md §7.4)."""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

from server.sandbox.clock import BEIJING
from server.sandbox.pay import fields, limits, notifications, orders
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.gate import Answer, PayCall
from server.sandbox.pay.refusals import PayError

NUMBER = r"[0-9A-Za-z_\-|*@]{1,64}"
MISMATCH = "订单金额或退款金额与之前请求不一致，请核实后再试"
KNOWN = ("transaction_id", "out_trade_no", "out_refund_no", "reason", "notify_url", "amount", "goods_detail")
CHANGE = "支付用户零钱"
SAID = {"SUCCESS": "退款成功", "ABNORMAL": "退款异常", "CLOSED": "退款关闭"}

BANKS = {
    "CMB_DEBIT": "招商银行",
    "COMM_DEBIT": "交通银行",
    "ABC_DEBIT": "农业银行",
    "CCB_DEBIT": "建设银行",
    "ICBC_DEBIT": "工商银行",
    "BOC_DEBIT": "中国银行",
    "PAB_DEBIT": "平安银行",
    "SPDB_DEBIT": "浦发银行",
    "CITIC_DEBIT": "中信银行",
    "CEB_DEBIT": "光大银行",
    "CMBC_DEBIT": "民生银行",
    "CIB_DEBIT": "兴业银行",
    "GDB_DEBIT": "广发银行",
    "PSBC_DEBIT": "邮储银行",
    "NBCB_DEBIT": "宁波银行",
}

Refund = dict[str, Any]


def find(desk: PayDesk, number: str) -> Refund | None:
    """The refund of this out_refund_no."""
    return desk.store.get("pay.refund", number)


def everything(desk: PayDesk) -> list[Refund]:
    return list(desk.store.all("pay.refund").values())


def of(desk: PayDesk, order: orders.Order) -> list[Refund]:
    """All refunds of an order that were accepted."""
    return [one for one in everything(desk) if one["order"] == order["out_trade_no"]]


def apply(call: PayCall) -> Answer:
    """Accept a refund, or the same one again; what becomes of it is told later.

    Raises:
        PayError: PARAM_ERROR, RESOURCE_NOT_EXISTS, INVALID_REQUEST, NOT_ENOUGH, FREQUENCY_LIMITED, TRADE_OVERDUE.
    """
    desk = call.desk
    if desk.too_many("refunds", limits.REFUNDS_A_SECOND):
        raise PayError("FREQUENCY_LIMITED")
    try:
        refund = _accepted(desk, {name: call.body[name] for name in KNOWN if name in call.body})
    except PayError as error:
        if desk.too_many("failing refunds", limits.FAILING_REFUNDS_A_SECOND):
            raise PayError(
                "FREQUENCY_LIMITED", verdict=f"失败的退款申请过于频繁（{error.verdict}）"
            ) from None
        raise
    return as_json(desk, refund)


def _accepted(desk: PayDesk, request: dict[str, Any]) -> Refund:
    """Every field by its rule, then every rule of the order."""
    number = fields.text(request, "/out_refund_no", "商户退款单号", 64, pattern=NUMBER)
    fields.optional_text(request, "/reason", "退款原因", 80)
    fields.notify_url(request, needed=False)
    refund, total = (
        fields.fen(request, "/amount/refund", "退款金额"),
        fields.fen(request, "/amount/total", "原订单金额"),
    )
    fields.currency(request, "/amount/currency", needed=True)
    order = _order(desk, request)
    earlier = find(desk, number)
    if earlier is not None:
        if earlier["asked"] != request:
            raise PayError("INVALID_REQUEST", MISMATCH, verdict="同一退款单号的参数与首次不同")
        return earlier
    _rules(desk, order, refund, total)
    return _begun(desk, order, request, refund)


def _order(desk: PayDesk, request: dict[str, Any]) -> orders.Order:
    """The paid order that is meant."""
    number = fields.optional_text(request, "/out_trade_no", "商户订单号", 32)
    transaction = fields.optional_text(request, "/transaction_id", "微信支付订单号", 32)
    if not number and not transaction:
        raise fields.required("/out_trade_no", "商户订单号")
    order = orders.by_transaction(desk, transaction) if transaction else orders.find(desk, number)
    if order is None or order["state"] not in ("SUCCESS", "REFUND"):
        raise PayError("RESOURCE_NOT_EXISTS", "订单不存在", verdict="没有这个订单，或者还没有支付")
    if number and order["out_trade_no"] != number:
        raise PayError("INVALID_REQUEST", "微信订单号与商户订单号不匹配")
    return order


def _rules(desk: PayDesk, order: orders.Order, refund: int, total: int) -> None:
    """What an order allows."""
    now = desk.clock.now()
    earlier = [one for one in of(desk, order) if one["status"] != "CLOSED"]
    given_back = sum(one["refund"] for one in earlier)
    if total != order["total"]:
        raise PayError("INVALID_REQUEST", MISMATCH, verdict=f"订单金额是 {order['total']} 分")
    if given_back == total:
        raise PayError("INVALID_REQUEST", "订单已全额退款")
    if given_back + refund > total:
        raise PayError(
            "INVALID_REQUEST", "退款金额大于订单可退金额", verdict=f"只剩 {total - given_back} 分可退"
        )
    if now - order["paid"] > limits.REFUND_DAYS * 86400:
        raise PayError("TRADE_OVERDUE")
    if len(earlier) >= limits.REFUNDS_AN_ORDER:
        raise PayError("INVALID_REQUEST", f"一笔订单最多部分退款{limits.REFUNDS_AN_ORDER}次")
    if any(now - one["created"] < limits.REFUND_GAP_SECONDS for one in earlier):
        raise PayError("FREQUENCY_LIMITED", "同一订单的部分退款需间隔1分钟以上")
    if not desk.switchboard.takes(refund):
        raise PayError("NOT_ENOUGH")


def _begun(desk: PayDesk, order: orders.Order, request: dict[str, Any], amount: int) -> Refund:
    now, switches = desk.clock.now(), desk.switchboard.now
    day = datetime.fromtimestamp(now, BEIJING).strftime("%Y%m%d")
    refund: Refund = {
        "out_refund_no": request["out_refund_no"],
        "refund_id": f"503000{secrets.randbelow(10**4):04d}{day}{secrets.randbelow(10**11):011d}",
        "order": order["out_trade_no"],
        "asked": request,
        "refund": amount,
        "created": now,
        "status": "PROCESSING",
        "ends": now + switches.refund_seconds,
        "outcome": switches.refund_outcome,
    }
    order["state"] = "REFUND"  # requested, not succeeded; it stays even when the refund fails
    orders.keep(desk, order)
    desk.wake()
    desk.store.put("pay.refund.open", refund["out_refund_no"], {})
    _keep(desk, refund)
    if switches.refund_seconds <= 0:
        end(desk, refund, switches.refund_outcome)
    return refund


def _keep(desk: PayDesk, refund: Refund) -> None:
    desk.store.put("pay.refund", refund["out_refund_no"], refund)


def end(desk: PayDesk, refund: Refund, outcome: str) -> None:
    """It is over: SUCCESS, ABNORMAL or CLOSED; the merchant is told, if it gave an address."""
    refund["status"], refund["ended"] = outcome, desk.clock.now()
    if outcome == "SUCCESS":
        refund["succeeded"] = refund["ended"]
    _keep(desk, refund)
    desk.store.drop("pay.refund.open", refund["out_refund_no"])
    order = orders.find(desk, refund["order"])
    assert order is not None
    resource = {
        "mchid": desk.merchant.mchid,
        "out_trade_no": order["out_trade_no"],
        "transaction_id": order["transaction_id"],
        "out_refund_no": refund["out_refund_no"],
        "refund_id": refund["refund_id"],
        "refund_status": outcome,
        "amount": {
            "total": order["total"],
            "refund": refund["refund"],
            "payer_total": order["total"],
            "payer_refund": refund["refund"],
        },
        "user_received_account": refund.get("card", CHANGE),
    }
    if outcome == "SUCCESS":
        resource["success_time"] = desk.rfc3339(refund["succeeded"])
    url = str(refund["asked"].get("notify_url") or "")
    notifications.put(desk, url, f"REFUND.{outcome}", "refund", SAID[outcome], resource)


def apply_abnormal(call: PayCall) -> Answer:
    """Pay an abnormal refund to a bank card, the payer's or the merchant's; the same again changes nothing.

    Raises:
        PayError: PARAM_ERROR, RESOURCE_NOT_EXISTS, INVALID_REQUEST.
    """
    desk, body = call.desk, call.body
    number = fields.text(body, "/out_refund_no", "商户退款单号", 64, pattern=NUMBER)
    kind = fields.text(body, "/type", "异常退款处理方式", 32, pattern="USER_BANK_CARD|MERCHANT_BANK_CARD")
    received_by = "商户结算银行账户"
    if kind == "USER_BANK_CARD":
        bank = fields.text(body, "/bank_type", "开户银行", 16, pattern="|".join(BANKS))
        account, holder = (
            _opened(call, pointer, label)
            for pointer, label in (("/bank_account", "收款银行卡号"), ("/real_name", "收款用户姓名"))
        )
        if not re.fullmatch(r"\d{12,19}", account) or not holder.strip():
            raise PayError("PARAM_ERROR", "收款银行卡号或收款用户姓名不正确")
        received_by = f"{BANKS[bank]}借记卡{account[-4:]}"
    refund = find(desk, number)
    if refund is None or refund["refund_id"] != call.path["refund_id"]:
        raise PayError("RESOURCE_NOT_EXISTS", "退款单不存在")
    if refund["status"] == "ABNORMAL":
        later = desk.clock.now() + desk.switchboard.now.refund_seconds
        refund |= {"status": "PROCESSING", "ends": later, "outcome": "SUCCESS", "card": received_by}
        desk.store.put("pay.refund.open", number, {})
        desk.wake()
        _keep(desk, refund)
    elif "card" not in refund:
        raise PayError("INVALID_REQUEST", "退款单不是退款异常状态")
    return as_json(desk, refund)


def _opened(call: PayCall, pointer: str, label: str) -> str:
    """What was sealed for WeChat Pay with the key that Wechatpay-Serial names."""
    value = fields.text(call.body, pointer, label, 1024)
    opened = call.desk.keys.opened(str(call.request.headers.get("wechatpay-serial", "")), value)
    if opened is None:
        raise PayError("PARAM_ERROR", f"{label}解密失败，请使用 Wechatpay-Serial 对应的公钥加密")
    return opened


def run_due(desk: PayDesk) -> None:
    """End the refunds whose time has come."""
    for number in desk.store.all("pay.refund.open"):
        refund = find(desk, number)
        if refund is not None and refund["ends"] <= desk.clock.now():
            end(desk, refund, refund["outcome"])


def query(call: PayCall) -> Answer:
    """By the merchant's refund number."""
    refund = find(call.desk, call.path["out_refund_no"])
    if refund is None:
        raise PayError("RESOURCE_NOT_EXISTS", "退款单不存在")
    return as_json(call.desk, refund)


def as_json(desk: PayDesk, refund: Refund) -> dict[str, Any]:
    """The refund as the API tells it (here the state is called `status`)."""
    order = orders.find(desk, refund["order"])
    assert order is not None
    answer: dict[str, Any] = {
        "amount": {
            "currency": "CNY",
            "discount_refund": 0,
            "from": [],
            "payer_refund": refund["refund"],
            "payer_total": order["total"],
            "refund": refund["refund"],
            "refund_fee": 0,
            "settlement_refund": refund["refund"],
            "settlement_total": order["total"],
            "total": order["total"],
        },
        "channel": "OTHER_BANKCARD" if "card" in refund else "ORIGINAL",
        "create_time": desk.rfc3339(refund["created"]),
        "funds_account": "AVAILABLE",
        "out_refund_no": refund["out_refund_no"],
        "out_trade_no": order["out_trade_no"],
        "promotion_detail": [],
        "refund_id": refund["refund_id"],
        "status": refund["status"],
        "transaction_id": order["transaction_id"],
        "user_received_account": refund.get("card", CHANGE),
    }
    if refund["status"] == "SUCCESS":
        answer["success_time"] = desk.rfc3339(refund["succeeded"])
    return answer
