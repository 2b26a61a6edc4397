"""The cashier: what the three ways to call it must say, and what the person then does (wechat.md §7.5, §7.4).

A sheet is opened by a page's WeixinJSBridge or JS-SDK, by a mini-program, or by scanning a code_url; it is answered
once. What the page is told is no proof: a test may let a person pay and report something else.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server.sandbox import chat
from server.sandbox.config import Account
from server.sandbox.pay import limits, orders, probes, signatures
from server.sandbox.pay.desk import PayDesk
from server.sandbox.wechat_users import Person

Result = dict[str, Any]


class NoCashier(Exception):
    """The cashier does not open, or the payment does not go through; the person and the page read why."""


def _bridge(outcome: str, why: str) -> Result:
    result = {"err_msg": f"get_brand_wcpay_request:{outcome}"}
    return result | ({"err_desc": why} if why else {})


def _sdk(outcome: str, why: str) -> Result:
    return {"errMsg": f"chooseWXPay:{outcome}" + (f", {why}" if why else "")}


def _program(outcome: str, why: str) -> Result:
    message = {"ok": "ok", "cancel": "fail cancel"}.get(outcome, f"fail {why}".strip())
    return {"errMsg": f"requestPayment:{message}"}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to call the cashier: its account, its fields, and how it tells the outcome."""

    kind: str
    needed: tuple[str, ...]
    stamp: str
    tell: Callable[[str, str], Result]
    text_stamp: bool = True


WAYS = {
    "WeixinJSBridge": Way(
        "oa", ("appId", "timeStamp", "nonceStr", "package", "signType", "paySign"), "timeStamp", _bridge
    ),
    "chooseWXPay": Way(
        "oa", ("timestamp", "nonceStr", "package", "signType", "paySign"), "timestamp", _sdk, text_stamp=False
    ),
    "requestPayment": Way(
        "mp", ("timeStamp", "nonceStr", "package", "signType", "paySign"), "timeStamp", _program
    ),
}


def open_by_page(
    desk: PayDesk, person: Person, via: str, params: dict[str, Any], page: str, *, in_program: bool = False
) -> dict[str, Any]:
    """Check what a page or mini-program passed; the sheet if it is right, else the result that it gets.

    Args:
        via: WeixinJSBridge, chooseWXPay or requestPayment.
        params: as the page passed them.
        page: address of the page (not for requestPayment).
        in_program: the page is shown in a mini-program's web-view, where JSAPI cannot be started.
    """
    way = WAYS.get(via)
    if way is None:
        return {"problem": "via 应为 WeixinJSBridge、chooseWXPay 或 requestPayment"}
    try:
        if way.kind == "oa":
            _directory(desk, person, page, in_program=in_program)
        order, prepay_id = _signed_order(desk, way, params)
        _payable(desk, order, prepay_id)
        if desk.platform.openid(_account(desk, way), person) != order["asked"]["payer"]["openid"]:
            raise NoCashier("下单账号与支付账号不一致，请核实后再支付")
    except NoCashier as why:
        desk.platform.timeline.note(
            "page", f"{via}（{person.name}）", ok=False, verdict=f"收银台没有打开：{why}", url=page
        )
        return {"problem": str(why), "result": way.tell("fail", str(why))}
    probes.used(desk, prepay_id)
    desk.platform.timeline.note("page", f"{via}（{person.name}）", ok=True, verdict="收银台打开", url=page)
    return _sheet(desk, order, person, via)


def _account(desk: PayDesk, way: Way) -> Account:
    account = desk.platform.account(way.kind)
    if account is None:
        raise NoCashier("沙箱没有这类账号")
    return account


def _directory(desk: PayDesk, person: Person, page: str, *, in_program: bool) -> None:
    """支付授权目录: at most five, each ending in `/`; the page must lie under one of them."""
    if in_program:
        raise NoCashier("小程序的 web-view 里不能使用 JSAPI 支付")
    allowed = desk.switchboard.now.directories or [desk.platform.service_url + "/"]
    real = page.replace(desk.platform.web_view_url(person), desk.platform.service_url, 1)
    good = [one for one in allowed[: limits.DIRECTORIES] if one.endswith("/")]
    if not any(real.startswith(one) for one in good):
        raise NoCashier("当前页面的URL未注册")


def _signed_order(desk: PayDesk, way: Way, params: dict[str, Any]) -> tuple[orders.Order, str]:
    """The order meant by `package`, and its prepay_id, when all is there, of the right kind and signed."""
    for name in way.needed:
        if params.get(name) in (None, ""):
            raise NoCashier(f"调用支付JSAPI缺少参数：{name}")
    stamp = params[way.stamp]
    if not isinstance(stamp, str) and (way.text_stamp or type(stamp) is not int):
        raise NoCashier(f"{way.stamp} 应为字符串")
    if params["signType"] != "RSA":
        raise NoCashier("signType 应为 RSA")
    package, account = str(params["package"]), _account(desk, way)
    name, _, prepay_id = package.partition("=")
    if name != "prepay_id" or not prepay_id:
        raise NoCashier("package 应为 prepay_id=…")
    if params.get("appId", account.appid) != account.appid:
        raise NoCashier("appId 与当前公众号或小程序不一致")
    message = signatures.cashier_message(account.appid, str(stamp), str(params["nonceStr"]), package)
    if not signatures.genuine(desk.keys.merchant_key, message, str(params["paySign"])):
        raise NoCashier("支付验证签名失败")
    handle = desk.store.get("pay.handle", prepay_id)
    order = None if handle is None else orders.find(desk, handle["order"])
    if order is None or order["kind"] != "JSAPI":
        raise NoCashier("prepay_id 无效")
    if order["appid"] != account.appid:
        raise NoCashier("下单的 appid 与调起支付的不一致")
    return order, prepay_id


def _payable(desk: PayDesk, order: orders.Order, handle: str) -> None:
    if orders.by_handle(desk, handle) is None:
        raise NoCashier("支付会话已过期，请重新下单")
    if why := orders.refusal(desk, order):
        raise NoCashier(why)


def open_by_scan(desk: PayDesk, person: Person, text: str, how: str) -> dict[str, Any]:
    """Scan a code_url with the camera; a long press or a picture from the album is refused."""
    try:
        if how != "camera":
            raise NoCashier("不支持长按识别或从相册识别支付二维码，请用扫一扫扫描")
        handle = desk.store.get("pay.handle", text)
        order = None if handle is None else orders.find(desk, handle["order"])
        if order is None:
            raise NoCashier("二维码无效或已过期，请商家重新生成")
        _payable(desk, order, text)
    except NoCashier as why:
        desk.platform.timeline.note("page", f"扫支付码（{person.name}）", ok=False, verdict=str(why), how=how)
        return {"problem": str(why)}
    probes.used(desk, text)
    desk.platform.timeline.note("page", f"扫支付码（{person.name}）", ok=True, verdict="收银台打开")
    return _sheet(desk, order, person, "scan")


def _sheet(desk: PayDesk, order: orders.Order, person: Person, via: str) -> dict[str, Any]:
    token = secrets.token_urlsafe(18)
    sheet = {"order": order["out_trade_no"], "person": person.id, "via": via, "answered": False}
    desk.store.put("pay.sheet", token, sheet)
    return as_json(desk, token)


def as_json(desk: PayDesk, token: str) -> dict[str, Any]:
    """What the sheet shows; `page` is its ready-made page."""
    sheet = desk.store.get("pay.sheet", token)
    order = None if sheet is None else orders.find(desk, sheet["order"])
    if sheet is None or order is None:
        return {"problem": "没有这个收银台"}
    return {
        "token": token,
        "page": f"/phone/pay/{token}",
        "person": sheet["person"],
        "via": sheet["via"],
        "merchant": desk.merchant.name,
        "description": order["asked"]["description"],
        "total": order["total"],
        "answered": sheet["answered"],
    }


def answer(desk: PayDesk, token: str, act: str, why: str = "", report: str = "") -> dict[str, Any]:
    """The person pays, cancels, or the payment fails (`why`, such as 银行卡余额不足).

    Args:
        act: pay, cancel or fail.
        report: what the page is told instead of the truth: ok, cancel, fail, or none at all.

    Returns:
        `paid`, and `result`, which the page's callback gets (None for a scan, or with `report` none).
    """
    sheet = desk.store.get("pay.sheet", token)
    if sheet is None or sheet["answered"]:
        return {"problem": "这个收银台已经用过或不存在"}
    if act not in ("pay", "cancel", "fail"):
        return {"problem": "act 应为 pay、cancel 或 fail"}
    person = desk.platform.people.get(sheet["person"])
    assert person is not None
    order = orders.find(desk, sheet["order"])
    against = (
        orders.refusal(desk, order) if order is not None else ""
    )  # it may have been paid or closed since
    paid = orders.pay(desk, sheet["order"], person) if act == "pay" else None
    outcome = "ok" if paid else "cancel" if act == "cancel" else "fail"
    verdict = {"ok": "已支付", "cancel": "取消支付", "fail": "没有支付"}[outcome]
    problem = why or (against if act == "pay" and against else "支付失败")
    desk.store.put("pay.sheet", token, {**sheet, "answered": True})
    if paid is not None:
        _receipt(desk, paid, person)
    desk.platform.timeline.note(
        "page",
        f"收银台（{person.name}）",
        ok=outcome != "fail",
        verdict=verdict,
        order=sheet["order"],
    )
    outcome = report or outcome
    way = WAYS.get(sheet["via"])
    result = (
        None if way is None or outcome == "none" else way.tell(outcome, problem if outcome == "fail" else "")
    )
    return {"paid": paid is not None, "result": result} | ({"problem": problem} if outcome == "fail" else {})


def _receipt(desk: PayDesk, order: orders.Order, person: Person) -> None:
    """The card that 微信支付 sends the payer."""
    lines = [
        ["付款金额", f"￥{order['total'] / 100:.2f}"],
        ["收款方", desk.merchant.name],
        ["商品", order["asked"]["description"]],
        ["交易单号", order["transaction_id"]],
    ]
    chat.notify(desk.platform, person, title="微信支付凭证", by="微信支付", fields=lines)
