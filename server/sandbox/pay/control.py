"""What developers and tests turn and read of WeChat Pay: `/sandbox/api/pay/…`, open to anybody on this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, empty, json

from server.sandbox.pay import forgeries, fund_bills, notifications, orders, probes, refunds
from server.sandbox.pay.desk import PayDesk

bp = Blueprint("pay_control", url_prefix="/sandbox/api/pay")


def _desk(request: Request) -> PayDesk:
    desk: PayDesk = request.app.ctx.pay
    return desk


def _problem(text: str, status: int = 400) -> HTTPResponse:
    return json({"problem": text}, status=status)


@bp.get("/orders")
async def all_orders(request: Request) -> HTTPResponse:
    """Every order as a query would tell it, with its handles."""
    desk = _desk(request)
    items = [
        {**orders.transaction(desk, one), "prepay_id": one["prepay_id"], "code_url": one["code_url"]}
        for one in orders.everything(desk)
    ]
    return json({"items": items})


@bp.get("/refunds")
async def all_refunds(request: Request) -> HTTPResponse:
    desk = _desk(request)
    desk.run_due()
    return json({"items": [refunds.as_json(desk, one) for one in refunds.everything(desk)]})


@bp.post("/refunds/<number:str>", name="end_refund")
async def end_refund(request: Request, number: str) -> HTTPResponse:
    """End a refund now: `{"status": "SUCCESS" | "ABNORMAL" | "CLOSED"}`."""
    desk, outcome = _desk(request), str((request.json or {}).get("status", "SUCCESS"))
    refund = refunds.find(desk, number)
    if refund is None or refund["status"] != "PROCESSING" or outcome not in refunds.SAID:
        return _problem("没有这笔处理中的退款，或结局不对。")
    refunds.end(desk, refund, outcome)
    return json(refunds.as_json(desk, refund))


@bp.get("/notifications")
async def all_notifications(request: Request) -> HTTPResponse:
    """Each with how often it was sent, its state (waiting, sending, heard, given up, lost) and when it comes next."""
    items = [
        {name: note[name] for name in ("id", "event", "url", "sent", "state", "next")}
        | {"out_trade_no": note["resource"]["out_trade_no"]}
        for note in notifications.everything(_desk(request))
    ]
    return json({"items": items})


@bp.post("/notifications/<notification_id:str>", name="notify_again")
async def notify_again(request: Request, notification_id: str) -> HTTPResponse:
    """Send a notification once more, now, whether it was heard, given up, lost or is not due yet."""
    note = notifications.again(_desk(request), notification_id)
    return _problem("没有这条通知，或它正在发送。", 409) if note is None else json({"id": note["id"]})


@bp.get("/probes")
async def all_probes(request: Request) -> HTTPResponse:
    """The SIGNTEST probes and their verdicts; `ok` is false once one of them was accepted."""
    items = probes.everything(_desk(request))
    return json({"items": items, "ok": all(one["verdict"] != "accepted" for one in items)})


@bp.get("/switches")
async def switches(request: Request) -> HTTPResponse:
    return json(asdict(_desk(request).switchboard.now))


@bp.post("/switches", name="turn_switches")
async def turn(request: Request) -> HTTPResponse:
    """Change some switches (switches.py names them); `{"reset": true}` puts all back first."""
    board, body = _desk(request).switchboard, dict(request.json or {})
    if body.pop("reset", False):
        board.reset()
    try:
        board.turn(body)
    except ValueError as problem:
        return _problem(str(problem))
    return json(asdict(board.now))


@bp.post("/settle")
async def settle(request: Request) -> HTTPResponse:
    """Send what is due by the clock; answers when nothing is under way any more."""
    await _desk(request).settle()
    return empty()


@bp.post("/pay")
async def pay(request: Request) -> HTTPResponse:
    """A person pays without a page: `{"out_trade_no" or "handle", "person": "p1"}`, as often as is tried.

    `handle`: the prepay_id or code_url that the person has; refused in the cashier's words when it lives no more, or
    the order was paid, closed or is over.
    """
    desk, body = _desk(request), request.json or {}
    person = desk.platform.people.get(str(body.get("person", "p1")))
    if person is None:
        return _problem("没有这个人。", 409)
    if handle := str(body.get("handle", "")):
        order = orders.by_handle(desk, handle)
        missing = "支付会话已过期，请重新下单"
    else:
        order, missing = orders.find(desk, str(body.get("out_trade_no", ""))), "没有这个订单"
    why = missing if order is None else orders.refusal(desk, order)
    if order is None or why:
        desk.platform.timeline.note("page", f"付款（{person.name}）", ok=False, verdict=f"没有支付：{why}")
        return _problem(why, 409)
    paid = orders.pay(desk, order["out_trade_no"], person)
    assert paid is not None
    return json(orders.transaction(desk, paid))


@bp.get("/balance")
async def balance(request: Request) -> HTTPResponse:
    """What the merchant has, in fen."""
    return json({"balance_fen": fund_bills.balance(_desk(request))})


@bp.post("/withdraw")
async def withdraw(request: Request) -> HTTPResponse:
    """The merchant has money sent to its bank account: `{"fen"}`."""
    try:
        number = fund_bills.withdraw(_desk(request), int((request.json or {}).get("fen", 0)))
    except (ValueError, TypeError):
        return _problem("余额不足，或金额不是正整数。", 409)
    return json({"flow_number": number, "balance_fen": fund_bills.balance(_desk(request))})


def _note(request: Request) -> dict[str, Any] | None:
    """A claim that the named order is paid; the newest order if none is named."""
    desk = _desk(request)
    number = str((request.json or {}).get("out_trade_no", ""))
    newest_last = sorted(orders.everything(desk), key=lambda one: float(one["created"]))
    order = orders.find(desk, number) if number else (newest_last[-1] if newest_last else None)
    return None if order is None else forgeries.claim(desk, order)


@bp.post("/probe")
async def probe(request: Request) -> HTTPResponse:
    """Send a SIGNTEST notification now: `{"out_trade_no"}`; its verdict."""
    note = _note(request)
    if note is None:
        return _problem("还没有订单。")
    return json({"verdict": await notifications.probe(_desk(request), note)})


@bp.post("/forge")
async def forge(request: Request) -> HTTPResponse:
    """Send forged notifications: `{"kind", "out_trade_no"}`; no kind: every kind there is."""
    kind, note = (request.json or {}).get("kind"), _note(request)
    if note is None or (kind is not None and kind not in forgeries.KINDS):
        return _problem(f"还没有订单，或没有这种伪造：{kind}")
    kinds = [kind] if kind else list(forgeries.KINDS)
    return json({one: await forgeries.send(_desk(request), note, one) for one in kinds})


@bp.get("/certificates")
async def certificates(request: Request) -> HTTPResponse:
    keys = _desk(request).keys
    used = keys.used().serial
    items = [{"serial": one.serial, "used": one.serial == used} for one in keys.certificates()]
    return json({"items": items, "public_key_id": keys.public_key_id})


@bp.post("/certificates", name="rotate")
async def rotate(request: Request) -> HTTPResponse:
    """A new platform certificate: listed now, used after `{"lead": seconds}` (a day)."""
    lead = (request.json or {}).get("lead")
    keys = _desk(request).keys
    certificate = keys.rotate() if lead is None else keys.rotate(float(lead))
    return json({"serial": certificate.serial})
