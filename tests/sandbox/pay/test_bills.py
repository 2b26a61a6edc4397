"""Trade bills: when they are there, what stands in them, how they are fetched (wechat.md §7.6)."""

from __future__ import annotations

import gzip
import hashlib
from decimal import Decimal
from typing import Any

from server.sandbox.pay import bills
from tests.kit.bill_files import rows
from tests.sandbox.pay.conftest import OA, Answer, Pay


async def bill(pay: Pay, day: str = "2026-11-23", **query: str) -> Answer:
    asked = "&".join(f"{name}={value}" for name, value in {"bill_date": day, **query}.items())
    return await pay.send("GET", f"/v3/bill/tradebill?{asked}")


async def fetched(pay: Pay, told: dict[str, Any]) -> Answer:
    assert told["download_url"].startswith(pay.url + "/v3/billdownload/file?token=")
    return await pay.send("GET", told["download_url"][len(pay.url) :])


async def test_a_day_of_payments_and_refunds(pay: Pay) -> None:
    """Not before ten the next day; SHA-1 over the unpacked file; yuan; sums; the download is unsigned."""
    await pay.paid("A2026112300001", 10050, attach="a,b\nc", description="报名费,一期")
    pay.platform.clock.forward(3600)
    await pay.paid("A2026112300002", 1)
    await pay.place("A2026112300003")
    pay.desk.switchboard.turn({"refund_seconds": 5 * 86400})
    assert (await pay.refund("A2026112300001", "R1", 50, 10050)).status == 200
    creating = (400, "STATEMENT_CREATING")
    pay.platform.clock.forward(22 * 3600 + 3599)  # 9:59:59 the next day
    early = await bill(pay)
    assert (early.status, early.code) == creating and pay.signed(early)
    pay.platform.clock.forward(1)
    pay.desk.switchboard.turn({"bill_creating": True})
    assert (await bill(pay)).code == "STATEMENT_CREATING"
    pay.desk.switchboard.turn({"bill_creating": False})

    told = (await bill(pay, bill_type="ALL", tar_type="GZIP")).json
    file = await fetched(pay, told)
    assert [name for name in file.headers if name.lower().startswith("wechatpay-")] == []
    raw = gzip.decompress(file.raw)
    assert (told["hash_type"], told["hash_value"]) == ("SHA1", hashlib.sha1(raw).hexdigest())
    assert raw.startswith(b"\xef\xbb\xbf") and raw.endswith(b"\r\n")
    details, summary = rows(raw.decode("utf-8-sig"))
    paid = next(
        row for row in details if row["商户订单号"] == "A2026112300001" and row["交易状态"] == "SUCCESS"
    )
    assert paid == {
        "交易时间": "2026-11-23 10:00:00",
        "公众账号ID": OA.appid,
        "商户号": "1900000001",
        "特约商户号": "0",
        "设备号": "",
        "微信订单号": (await pay.ask("A2026112300001"))["transaction_id"],
        "商户订单号": "A2026112300001",
        "用户标识": pay.platform.openid(OA, pay.person()),
        "交易类型": "JSAPI",
        "交易状态": "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": "100.50",
        "代金券金额": "0.00",
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "充值券退款金额": "0.00",
        "退款类型": "",
        "退款状态": "",
        "商品名称": "报名费 一期",
        "商户数据包": "a b c",
        "手续费": "0.60000",
        "费率": "0.60%",
        "订单金额": "100.50",
        "申请退款金额": "0.00",
        "费率备注": "",
    }
    refund = next(row for row in details if row["交易状态"] == "REFUND")
    names = ("交易时间", "商户订单号", "商户退款单号", "退款金额", "申请退款金额", "订单金额", "退款状态")
    assert tuple(refund[name] for name in names) == (
        "2026-11-23 11:00:00", "A2026112300001", "R1", "0.50", "0.50", "0.00", "PROCESSING",
    )  # fmt: skip
    assert len(details) == 3
    assert summary["总交易单数"] == "3"
    for column, of in (("订单总金额", "订单金额"), ("退款总金额", "退款金额"), ("手续费总金额", "手续费")):
        assert Decimal(summary[column]) == sum(Decimal(row[of]) for row in details)

    for kind, states in (("SUCCESS", {"SUCCESS"}), ("REFUND", {"REFUND"})):
        plain = await fetched(pay, (await bill(pay, bill_type=kind)).json)
        found, _ = rows(plain.raw.decode("utf-8-sig"))
        assert {row["交易状态"] for row in found} == states
        assert ",".join(found[0]) == bills.COLUMNS[kind]

    await pay.control("refunds/R1", {"status": "SUCCESS"})
    again = (await bill(pay)).json
    assert again["hash_value"] == told["hash_value"]  # what stands in a bill never changes
    pay.platform.clock.forward(300)
    gone = await fetched(pay, again)
    assert (gone.status, gone.code) == (403, "NO_AUTH")


async def test_days_without_a_bill(pay: Pay) -> None:
    table = [
        ("2026-11-22", {}, "NO_STATEMENT_EXIST"),
        ("2026-11-23", {}, "INVALID_REQUEST"),
        ("2027-01-01", {}, "INVALID_REQUEST"),
        ("2026-08-01", {}, "INVALID_REQUEST"),
        ("20261122", {}, "PARAM_ERROR"),
        ("2026-11-31", {}, "PARAM_ERROR"),
        ("2026-11-22", {"bill_type": "ANY"}, "PARAM_ERROR"),
        ("2026-11-22", {"tar_type": "ZIP"}, "PARAM_ERROR"),
    ]
    for day, query, code in table:
        answer = await bill(pay, day, **query)
        assert (answer.status, answer.code) == (400, code), day
