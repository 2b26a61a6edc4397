"""Orders: placed, asked for, closed, paid (wechat.md §7.4)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from server.sandbox import windows
from server.sandbox.clock import BEIJING
from server.sandbox.config import Account
from server.sandbox.pay import fields, limits, notifications
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.gate import Answer, PayCall
from server.sandbox.pay.refusals import OPENID_REQUIRED, OTHER_PARAMETERS, PayError, wrong_field
from server.sandbox.wechat_users import Person

NUMBER = r"[0-9A-Za-z_\-|*]{6,32}"
KNOWN = (
    "appid", "mchid", "description", "out_trade_no", "time_expire", "attach", "notify_url", "goods_tag",
    "support_fapiao", "amount", "payer", "detail", "scene_info", "settle_info",
)  # fmt: skip
STATES = {"NOTPAY": "订单未支付", "SUCCESS": "支付成功", "CLOSED": "订单已关闭", "REFUND": "订单发生过退款"}

Order = dict[str, Any]


def find(desk: PayDesk, number: str) -> Order | None:
    """The order of this out_trade_no."""
    return desk.store.get("pay.order", number)


def keep(desk: PayDesk, order: Order) -> None:
    desk.store.put("pay.order", order["out_trade_no"], order)


def everything(desk: PayDesk) -> list[Order]:
    return list(desk.store.all("pay.order").values())


def place_jsapi(call: PayCall) -> Answer:
    """For a page in WeChat or a mini-program: gives a prepay_id."""
    order = _placed(call, "JSAPI")
    return {"prepay_id": order["prepay_id"]}


def place_native(call: PayCall) -> Answer:
    """For a QR that is scanned: gives a code_url."""
    order = _placed(call, "NATIVE")
    return {"code_url": order["code_url"]}


def _placed(call: PayCall, kind: str) -> Order:
    desk = call.desk
    if desk.too_many("orders", limits.ORDERS_A_SECOND):
        raise PayError("FREQUENCY_LIMITED")
    request = {name: call.body[name] for name in KNOWN if name in call.body}
    account = _checked(desk, request, kind)
    number = str(request["out_trade_no"])
    order = find(desk, number)
    if order is None:
        other = desk.store.get("pay.number", number.lower())
        if other is not None:
            raise PayError("OUT_TRADE_NO_USED", verdict=f"与 {other['number']} 只差大小写")
        order = _new(desk, request, kind, account)
    else:
        _same(desk, order, request, kind)
    _fresh_handle(desk, order)
    keep(desk, order)
    return order


def _checked(desk: PayDesk, request: dict[str, Any], kind: str) -> Account:
    """Every field by its rule; the account of the appid.

    Raises:
        PayError: PARAM_ERROR, MCH_NOT_EXISTS, APPID_MCHID_NOT_MATCH, OPENID_MISMATCH.
    """
    appid = fields.text(request, "/appid", "公众账号ID", 32)
    mchid = fields.text(request, "/mchid", "直连商户号", 32)
    fields.text(request, "/description", "商品描述", 127)
    fields.text(request, "/out_trade_no", "商户订单号", 32, least=6, pattern=NUMBER)
    fields.moment(request, "/time_expire", "交易结束时间")
    fields.optional_text(request, "/attach", "附加数据", 128)
    fields.notify_url(request, needed=True)
    fields.optional_text(request, "/goods_tag", "订单优惠标记", 32)
    fields.fen(request, "/amount/total", "总金额")
    fields.currency(request, "/amount/currency", needed=False)
    for pointer, label in (
        ("/detail", "优惠功能"),
        ("/scene_info", "场景信息"),
        ("/settle_info", "结算信息"),
    ):
        if not isinstance(request.get(pointer[1:]) or {}, dict):
            raise wrong_field(pointer, request[pointer[1:]], f"输入源“/body{pointer}”应为对象，字段“{label}”")
    if request.get("scene_info"):
        fields.text(request, "/scene_info/payer_client_ip", "用户终端IP", 45)
    if not isinstance(request.get("support_fapiao", False), bool):
        raise wrong_field(
            "/support_fapiao", request["support_fapiao"], "输入源“/body/support_fapiao”应为布尔值"
        )
    if mchid != desk.merchant.mchid:
        raise PayError("MCH_NOT_EXISTS")
    account = desk.linked(appid)
    if account is None:
        raise PayError("APPID_MCHID_NOT_MATCH")
    if kind == "JSAPI":
        _payer(desk, account, request)
    return account


def _payer(desk: PayDesk, account: Account, request: dict[str, Any]) -> None:
    """The openid is of this appid and of somebody."""
    openid = fields.value_at(request, "/payer/openid")
    if openid in (None, ""):
        raise wrong_field("/payer/openid", openid, "JSAPI支付必须传openid", tail=OPENID_REQUIRED)
    fields.text(request, "/payer/openid", "用户标识", 128)
    people = desk.platform.people
    if people.by_openid(account.appid, openid) is not None:
        return
    others = [a for a in desk.platform.config.accounts if a != account]
    if any(people.by_openid(other.appid, openid) for other in others):
        raise PayError("OPENID_MISMATCH", verdict="这是另一个账号的 openid")
    raise wrong_field("/payer/openid", openid, "无效的openid")


def _same(desk: PayDesk, order: Order, request: dict[str, Any], kind: str) -> None:
    """A number may come again only as the very same order, and only while it can be paid.

    Raises:
        PayError: OUT_TRADE_NO_USED (or INVALID_REQUEST, by the switch), ORDER_PAID, ORDER_CLOSED.
    """
    if kind != order["kind"] or request != order["asked"]:
        changed = sorted(n for n in KNOWN if request.get(n) != order["asked"].get(n))
        verdict = f"同一单号的{'、'.join(changed) if changed else '下单接口'}与首次不同"
        code = desk.switchboard.now.changed_order_code
        message = "请求重入时，参数与首次请求时不一致" if code == "INVALID_REQUEST" else ""
        raise PayError(code, message, tail=OTHER_PARAMETERS, verdict=verdict)
    if order["state"] in ("SUCCESS", "REFUND"):
        raise PayError("ORDER_PAID")
    if order["state"] == "CLOSED":
        raise PayError("ORDER_CLOSED")


def _new(desk: PayDesk, request: dict[str, Any], kind: str, account: Account) -> Order:
    now = desk.clock.now()
    expires = fields.moment(request, "/time_expire", "交易结束时间")
    until = now + limits.EXPIRE_DEFAULT_SECONDS if expires is None else expires
    least, most = now + limits.EXPIRE_LEAST_SECONDS, now + limits.EXPIRE_MOST_SECONDS
    number = str(request["out_trade_no"])
    desk.store.put("pay.number", number.lower(), {"number": number})
    return {
        "out_trade_no": number,
        "kind": kind,
        "asked": request,
        "appid": account.appid,
        "total": request["amount"]["total"],
        "state": "NOTPAY",
        "created": now,
        "payable_until": min(max(until, least), most),
        "prepay_id": "",
        "code_url": "",
    }


def _fresh_handle(desk: PayDesk, order: Order) -> None:
    """A prepay_id or code_url for two hours; of a repeated native order only the newest code lives."""
    now = desk.clock.now()
    handle = {"order": order["out_trade_no"], "until": now + limits.PREPAY_SECONDS}
    if order["kind"] == "JSAPI":
        stamp = datetime.fromtimestamp(now, BEIJING).strftime("%d%H%M%S")
        order["prepay_id"] = f"wx{stamp}{secrets.token_hex(13)}"
        desk.store.put("pay.handle", order["prepay_id"], handle)
        return
    if order["code_url"]:
        desk.store.drop("pay.handle", order["code_url"])
    order["code_url"] = f"weixin://wxpay/bizpayurl?pr={secrets.token_urlsafe(6).replace('-', 'x')}zz"
    desk.store.put("pay.handle", order["code_url"], handle)


def transaction(desk: PayDesk, order: Order) -> dict[str, Any]:
    """The transaction as queries and notifications tell it; what the payer brings in only once paid."""
    transaction: dict[str, Any] = {
        "amount": {"payer_currency": "CNY", "total": order["total"]},
        "appid": order["appid"],
        "mchid": desk.merchant.mchid,
        "out_trade_no": order["out_trade_no"],
        "promotion_detail": [],
        "trade_state": order["state"],
        "trade_state_desc": STATES[order["state"]],
    }
    if device := (order["asked"].get("scene_info") or {}).get("device_id"):
        transaction["scene_info"] = {"device_id": device}
    if order.get("transaction_id"):
        transaction["amount"] = {
            "currency": "CNY",
            "payer_currency": "CNY",
            "payer_total": order["total"],
            "total": order["total"],
        }
        transaction |= {
            "attach": order["asked"].get("attach", ""),
            "bank_type": "OTHERS",
            "payer": {"openid": order["openid"]},
            "success_time": desk.rfc3339(order["paid"]),
            "trade_type": order["kind"],
            "transaction_id": order["transaction_id"],
        }
    return transaction


def _own_mchid(call: PayCall) -> None:
    mchid = call.query.get("mchid", "")
    if not mchid:
        raise wrong_field(
            "mchid", None, "输入源“/query/mchid”映射到字段“直连商户号”必填性规则校验失败，此字段为必填项",
            location="query",
        )  # fmt: skip
    if mchid != call.desk.merchant.mchid:
        raise PayError("MCH_NOT_EXISTS")


def query_by_number(call: PayCall) -> Answer:
    """By the merchant's number, paid or not."""
    _own_mchid(call)
    order = find(call.desk, call.path["out_trade_no"])
    if order is None:
        raise PayError("ORDER_NOT_EXIST")
    return transaction(call.desk, order)


def query_by_transaction(call: PayCall) -> Answer:
    """By WeChat's number, which only paid orders have."""
    _own_mchid(call)
    order = by_transaction(call.desk, call.path["transaction_id"])
    if order is None:
        raise PayError("ORDER_NOT_EXIST")
    return transaction(call.desk, order)


def by_transaction(desk: PayDesk, transaction_id: str) -> Order | None:
    entry = desk.store.get("pay.transaction", transaction_id)
    return None if entry is None else find(desk, entry["order"])


def close(call: PayCall) -> Answer:
    """Nobody can pay it any more; repeatable.

    Raises:
        PayError: ORDER_PAID, ORDER_NOT_EXIST.
    """
    desk = call.desk
    if fields.text(call.body, "/mchid", "直连商户号", 32) != desk.merchant.mchid:
        raise PayError("MCH_NOT_EXISTS")
    order = find(desk, call.path["out_trade_no"])
    if order is None:
        raise PayError("ORDER_NOT_EXIST")
    if order["state"] in ("SUCCESS", "REFUND"):
        raise PayError("ORDER_PAID")
    order["state"] = "CLOSED"
    keep(desk, order)
    return None


def refusal(desk: PayDesk, order: Order) -> str:
    """Why nobody can pay this order any more, as the cashier says it; empty: somebody can."""
    if order["state"] in ("SUCCESS", "REFUND"):
        return "该订单已支付"
    if order["state"] == "CLOSED":
        return "该订单已关闭"
    return "订单已超过支付截止时间" if desk.clock.now() >= order["payable_until"] else ""


def by_handle(desk: PayDesk, handle: str) -> Order | None:
    """The order that this prepay_id or code_url opens the cashier for; None: it lives no more, or never did."""
    entry = desk.store.get("pay.handle", handle)
    return None if entry is None or entry["until"] <= desk.clock.now() else find(desk, entry["order"])


def pay(desk: PayDesk, number: str, person: Person) -> Order | None:
    """This person pays; None when the order cannot be paid any more. Told to the merchant in the background."""
    order = find(desk, number)
    if order is None or refusal(desk, order):
        return None
    account = desk.platform.by_appid(order["appid"])
    assert account is not None
    now = desk.clock.now()
    day = datetime.fromtimestamp(now, BEIJING).strftime("%Y%m%d")
    order |= {
        "state": "SUCCESS",
        "paid": now,
        "person": person.id,
        "openid": desk.platform.openid(account, person),
        "transaction_id": f"420000{secrets.randbelow(10**4):04d}{day}{secrets.randbelow(10**10):010d}",
    }
    keep(desk, order)
    desk.store.put("pay.transaction", order["transaction_id"], {"order": number})
    windows.payment_completed(desk.platform, account, person)
    notifications.put(
        desk,
        order["asked"]["notify_url"],
        "TRANSACTION.SUCCESS",
        "transaction",
        "支付成功",
        transaction(desk, order),
    )
    return order
