"""Trade bills: asked for by day, made once, downloaded as a file (wechat.md §7.6).

Columns as in PAYDOC 《交易账单详细说明》 (2024-11-25).
"""

from __future__ import annotations

import gzip
import hashlib
import re
import secrets
from datetime import date, datetime, timedelta
from typing import Any

from server.sandbox.clock import BEIJING
from server.sandbox.pay import limits, orders, refunds
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.gate import Answer, Download, PayCall
from server.sandbox.pay.refusals import PayError, wrong_field

TYPES = ("ALL", "SUCCESS", "REFUND")
HEAD = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额"
BACK = "微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态"
COLUMNS = {
    "ALL": f"{HEAD},{BACK},商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注",
    "SUCCESS": f"{HEAD},商品名称,商户数据包,手续费,费率,订单金额,费率备注",
    "REFUND": f"{HEAD},退款申请时间,退款成功时间,{BACK},商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注",
}
SUMMARY = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
SUMMARIES = {
    "ALL": SUMMARY,
    "SUCCESS": "总交易单数,应结订单总金额,手续费总金额,订单总金额",
    "REFUND": SUMMARY,
}

Row = dict[str, str]


def yuan(fen: int) -> str:
    """Fen as yuan with two places."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def fee(fen: int) -> int:
    """The platform's fee on an amount, half a fen rounded up."""
    return (fen * limits.FEE_PER_TEN_THOUSAND + 5000) // 10_000


def ask(call: PayCall) -> Answer:
    """Where the bill of a day can be fetched, and its SHA-1 (of the uncompressed file).

    Raises:
        PayError: PARAM_ERROR, INVALID_REQUEST, STATEMENT_CREATING before ten the next day, NO_STATEMENT_EXIST.
    """
    kind = call.query.get("bill_type", "ALL")
    if kind not in TYPES:
        raise wrong_field("bill_type", kind, "输入源“/query/bill_type”枚举校验失败", location="query")
    day, packing = asked(call)
    return listed(call.desk, _bill_of(call.desk, day, kind), packing)


def asked(call: PayCall) -> tuple[date, str]:
    """The day whose bill is wanted, and how it is packed; a bill of either kind is there from ten the next day.

    Raises:
        PayError: PARAM_ERROR, INVALID_REQUEST, STATEMENT_CREATING.
    """
    desk, day, packing = call.desk, _day(call), call.query.get("tar_type", "")
    if packing not in ("", "GZIP"):
        raise wrong_field("tar_type", packing, "输入源“/query/tar_type”枚举校验失败", location="query")
    now = datetime.fromtimestamp(desk.clock.now(), BEIJING)
    if day >= now.date() or day < now.date() - timedelta(days=limits.BILL_DAYS):
        raise PayError("INVALID_REQUEST", "账单日期不正确，只能申请三个月以内、当天之前的账单")
    ready = datetime.combine(day + timedelta(days=1), datetime.min.time(), BEIJING).replace(
        hour=limits.BILL_HOUR
    )
    if now < ready or desk.switchboard.now.bill_creating:
        raise PayError("STATEMENT_CREATING")
    return day, packing


def listed(desk: PayDesk, text: str, packing: str) -> Answer:
    """The answer that names the file."""
    token = secrets.token_urlsafe(48)
    link = {"text": text, "packed": packing == "GZIP", "until": desk.clock.now() + limits.BILL_LINK_SECONDS}
    desk.store.put("pay.bill.link", token, link)
    return {
        "download_url": f"{desk.platform.own_url}/v3/billdownload/file?token={token}",
        "hash_type": "SHA1",
        "hash_value": hashlib.sha1(text.encode("utf-8-sig"), usedforsecurity=False).hexdigest(),
    }


def _day(call: PayCall) -> date:
    text = call.query.get("bill_date", "")
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise wrong_field(
            "bill_date", text, "输入源“/query/bill_date”规则校验失败，格式应为yyyy-MM-dd", location="query"
        ) from None


def download(call: PayCall) -> Answer:
    """The file: UTF-8 with a byte order mark and CRLF; packed if so asked for. The request is signed, the answer not.

    Raises:
        PayError: NO_AUTH, the address is wrong or older than five minutes.
    """
    link = call.desk.store.get("pay.bill.link", call.query.get("token", ""))
    if link is None or link["until"] <= call.desk.clock.now():
        raise PayError("NO_AUTH", "下载地址不正确或已失效，请重新申请账单")
    data = str(link["text"]).encode("utf-8-sig")
    return Download(gzip.compress(data) if link["packed"] else data)


def _bill_of(desk: PayDesk, day: date, kind: str) -> str:
    """The bill of a day; made once, so that the state of a refund in it never changes."""
    key = f"{day} {kind}"
    bill = desk.store.get("pay.bill", key)
    if bill is not None:
        return str(bill["text"])
    rows = _rows(desk, day, kind)
    if not rows:
        raise PayError("NO_STATEMENT_EXIST")
    columns = COLUMNS[kind].split(",")
    lines = [COLUMNS[kind], *(line(row[name] for name in columns) for row in rows)]
    lines += [SUMMARIES[kind], line(_sums(rows)[name] for name in SUMMARIES[kind].split(","))]
    text = "".join(line + "\r\n" for line in lines)
    desk.store.put("pay.bill", key, {"text": text})
    return text


def line(cells: Any) -> str:
    """Every cell after a back-tick; commas and line ends in a text would break the row and become spaces."""
    return ",".join("`" + re.sub(r"[,\r\n]", " ", str(cell)) for cell in cells)


def _rows(desk: PayDesk, day: date, kind: str) -> list[Row]:
    """Payments by their time, refunds by the time they were accepted; the newest first."""
    timed: list[tuple[float, Row]] = []
    for order in orders.everything(desk):
        if kind != "REFUND" and order.get("paid") and _on(order["paid"], day):
            timed.append((order["paid"], _payment(desk, order)))
    for refund in refunds.everything(desk):
        order_of = orders.find(desk, refund["order"])
        if kind != "SUCCESS" and order_of is not None and _on(refund["created"], day):
            timed.append((refund["created"], _refund(desk, order_of, refund)))
    return [row for _, row in sorted(timed, key=lambda one: one[0], reverse=True)]


def _on(at: float, day: date) -> bool:
    return datetime.fromtimestamp(at, BEIJING).date() == day


def _time_text(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _common(desk: PayDesk, order: orders.Order, at: float) -> Row:
    request = order["asked"]
    return {
        "交易时间": _time_text(at),
        "公众账号ID": order["appid"],
        "商户号": desk.merchant.mchid,
        "特约商户号": "0",
        "设备号": str((request.get("scene_info") or {}).get("device_id", "")),
        "微信订单号": order["transaction_id"],
        "商户订单号": order["out_trade_no"],
        "用户标识": order["openid"],
        "交易类型": order["kind"],
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "代金券金额": "0.00",
        "充值券退款金额": "0.00",
        "商品名称": request["description"],
        "商户数据包": request.get("attach", ""),
        "费率": f"{limits.FEE_PER_TEN_THOUSAND / 100:.2f}%",
        "费率备注": "",
    }


def _payment(desk: PayDesk, order: orders.Order) -> Row:
    amount = yuan(order["total"])
    return _common(desk, order, order["paid"]) | {
        "交易状态": "SUCCESS",
        "应结订单金额": amount,
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "退款类型": "",
        "退款状态": "",
        "手续费": f"{yuan(fee(order['total']))}000",
        "订单金额": amount,
        "申请退款金额": "0.00",
    }


def _refund(desk: PayDesk, order: orders.Order, refund: refunds.Refund) -> Row:
    amount = yuan(refund["refund"])
    return _common(desk, order, refund["created"]) | {
        "交易状态": "REFUND",
        "应结订单金额": "0.00",
        "退款申请时间": _time_text(refund["created"]),
        "退款成功时间": _time_text(refund.get("succeeded")),
        "微信退款单号": refund["refund_id"],
        "商户退款单号": refund["out_refund_no"],
        "退款金额": amount,
        "退款类型": "ORIGINAL",
        "退款状态": {"ABNORMAL": "FAIL", "CLOSED": "FAIL"}.get(refund["status"], refund["status"]),
        "手续费": f"{yuan(-fee(refund['refund']))}000",
        "订单金额": "0.00",
        "申请退款金额": amount,
    }


def _sums(rows: list[Row]) -> Row:
    """The last line: how many, and the sums of the columns."""

    def total(name: str) -> int:
        return sum(round(float(row[name]) * 100) for row in rows)

    return {
        "总交易单数": str(len(rows)),
        "应结订单总金额": yuan(total("应结订单金额")),
        "退款总金额": yuan(total("退款金额")),
        "充值券退款总金额": yuan(total("充值券退款金额")),
        "手续费总金额": f"{yuan(total('手续费'))}000",
        "订单总金额": yuan(total("订单金额")),
        "申请退款总金额": yuan(total("申请退款金额")),
    }
