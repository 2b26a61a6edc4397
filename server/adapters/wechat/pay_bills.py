"""WeChat Pay's trade bill: unpacked, its hash checked, then read by column name (wechat.md §7.6)."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

from server.domain.ports.payments import PayBill, PayBillRow, PayBillSummary
from server.errors import OutsideFailure

BEIJING = timezone(timedelta(hours=8))
LARGEST = 256 * 1024 * 1024  # bytes of an unpacked bill; some 800,000 rows
_GZIP = b"\x1f\x8b"


def unpacked(data: bytes, sha1: str) -> bytes:
    """The file inside a GZIP download. The hash is of the file, not of the download.

    Raises:
        OutsideFailure: it is damaged, too large, or its SHA-1 is another.
    """
    if data.startswith(_GZIP):
        worker = zlib.decompressobj(wbits=31)
        try:
            data = worker.decompress(data, LARGEST)
        except zlib.error:
            raise OutsideFailure("微信支付账单下载不完整，请稍后重试") from None
        if not worker.eof:
            raise OutsideFailure("微信支付账单不完整或过大")
    digest = hashlib.sha1(data, usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(digest, sha1.lower()):
        raise OutsideFailure("微信支付账单的校验值不符，请稍后重试")
    return data


def read(data: bytes, day: date) -> PayBill:
    """The rows and the summary of a trade bill.

    Raises:
        OutsideFailure: it is not a trade bill as we know it; nothing of it should be believed then.
    """
    try:
        return _read(data, day)
    except (ValueError, InvalidOperation, KeyError, UnicodeDecodeError) as problem:
        raise OutsideFailure(f"微信支付账单无法读取（{type(problem).__name__}: {problem}）") from None


def table(data: bytes) -> tuple[Iterator[dict[str, str]], dict[str, str]]:
    """A bill's rows, one by one, and its last line; cells by column. Raises ValueError, UnicodeDecodeError."""
    lines = [line for line in data.decode("utf-8-sig").replace("\r\n", "\n").split("\n") if line.strip()]
    starts = [place for place, line in enumerate(lines) if not line.startswith("`")]
    if len(starts) != 2 or starts[0] != 0 or starts[1] != len(lines) - 2:
        raise ValueError("a bill has a header, rows, a second header and one line")
    return (named(lines[0], line) for line in lines[1 : starts[1]]), named(lines[-2], lines[-1])


def _read(data: bytes, day: date) -> PayBill:
    found, sums = table(data)
    rows = tuple(_row(one) for one in found)
    summary = PayBillSummary(
        rows=whole(sums["总交易单数"]),
        settlement_fen=fen(sums["应结订单总金额"]),
        refund_fen=fen(sums["退款总金额"]),
        coupon_refund_fen=fen(sums["充值券退款总金额"]),
        fee_yuan=_yuan(sums["手续费总金额"]),
        order_fen=fen(sums["订单总金额"]),
        requested_refund_fen=fen(sums["申请退款总金额"]),
    )
    if summary.rows != len(rows):
        raise ValueError(f"{len(rows)} rows, but the summary says {summary.rows}")
    return PayBill(day, rows, summary)


def named(header: str, line: str) -> dict[str, str]:
    """Cells by column. Every cell begins with a back-tick, so a comma inside one does not divide it."""
    names, cells = header.split(","), line[1:].split(",`")
    if len(names) != len(cells):
        raise ValueError(f"{len(cells)} cells under {len(names)} columns")
    return dict(zip((name.strip("` ") for name in names), (cell.strip() for cell in cells), strict=True))


def _row(of: dict[str, str]) -> PayBillRow:
    return PayBillRow(
        traded_at=datetime.strptime(of["交易时间"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING),
        appid=of["公众账号ID"],
        mchid=of["商户号"],
        transaction_id=of["微信订单号"],
        out_trade_no=of["商户订单号"],
        openid=of["用户标识"],
        trade_type=of["交易类型"],
        state=of["交易状态"],
        bank=of["付款银行"],
        currency=of["货币种类"],
        settlement_fen=fen(of["应结订单金额"]),
        coupon_fen=fen(of["代金券金额"]),
        refund_id="" if of["微信退款单号"] == "0" else of["微信退款单号"],
        out_refund_no="" if of["商户退款单号"] == "0" else of["商户退款单号"],
        refund_fen=fen(of["退款金额"]),
        coupon_refund_fen=fen(of["充值券退款金额"]),
        refund_type=of["退款类型"],
        refund_state=of["退款状态"],
        description=of["商品名称"],
        attach=of["商户数据包"],
        fee_yuan=_yuan(of["手续费"]),
        rate=of["费率"],
        order_fen=fen(of["订单金额"]),
        requested_refund_fen=fen(of["申请退款金额"]),
    )


def _yuan(text: str) -> Decimal:
    """Yuan as written. A cell without a number is an error, never a zero."""
    amount = Decimal(text)
    if not amount.is_finite():
        raise ValueError(f"{text} is no amount")
    return amount


def fen(text: str) -> int:
    """Yuan in a bill as integer fen; exact, or ValueError."""
    amount = _yuan(text) * 100
    if amount != amount.to_integral_value():
        raise ValueError(f"{text} yuan is not a whole number of fen")
    return int(amount)


def whole(text: str) -> int:
    """A count; summaries write `45.0`."""
    amount = Decimal(text)
    if amount != amount.to_integral_value():
        raise ValueError(f"{text} is no count")
    return int(amount)
