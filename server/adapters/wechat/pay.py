"""WeChat Pay API v3 for one merchant number (the PayGateway port), on `cryptography` and aiohttp (wechat.md §7).

Not on wechatpayv3 (2.0.4 was tried): it accepts notifications of any age; an unknown serial makes it throw away
the certificates it holds and fetch new ones in the middle of a callback, and `PUB_KEY_ID_…` of another key raises
ValueError; refusals (4xx, 5xx) are never verified; its host is fixed. Tests use it as the other side instead.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

import orjson

from server.adapters.wechat import pay_bills, pay_fund_bills, pay_probe, pay_reading
from server.adapters.wechat.pay_certificates import CERTIFICATES_EVERY, CertificateDownload
from server.adapters.wechat.pay_channel import SECONDS, PayChannel
from server.adapters.wechat.pay_limits import (
    ATTACH_LONGEST,
    DESCRIPTION_LONGEST,
    ORDER_NUMBER,
    REASON_LONGEST,
    REFUND_NUMBER,
    check_amount,
    check_number,
    check_text,
)
from server.adapters.wechat.pay_signing import Merchant, PlatformKeys, open_sealed, sealed
from server.domain.ports import Clock, Tracing
from server.domain.ports.payments import (
    BankCard,
    Cashier,
    FundBill,
    PayBill,
    PayFinding,
    PayNotification,
    PayOrder,
    PayRefund,
    PayRefundOrder,
    PayTransaction,
)
from server.errors import OutsideFailure, PayRefused, Refused
from server.settings import Settings

TRANSACTIONS, REFUNDS = "/v3/pay/transactions", "/v3/refund/domestic/refunds"


class WeChatPay:
    """Implements the PayGateway port."""

    def __init__(
        self, settings: Settings, clock: Clock, *, seconds: float = SECONDS, tracing: Tracing | None = None
    ) -> None:
        """`settings` with all of pay configured (`settings.has_pay`); nothing is fetched here."""
        self._settings, self._clock = settings, clock
        self._appids = {"oa": settings.oa_appid, "mp": settings.mp_appid}
        self._merchant = Merchant(settings.pay_mchid, settings.pay_mch_serial, settings.pay_mch_key)
        self._keys = PlatformKeys(
            settings.pay_public_key_id, settings.pay_public_key, settings.pay_certificates
        )
        self._channel = PayChannel(
            settings.pay_url,
            self._merchant,
            self._keys,
            clock,
            answer_serial=settings.pay_public_key_id,
            seconds=seconds,
            tracing=tracing,
        )
        self._certificates = CertificateDownload(self._channel, self._keys, settings.pay_apiv3_key, clock)

    async def close_connections(self) -> None:
        await self._channel.close()

    # Orders

    async def order_jsapi(self, order: PayOrder, *, openid: str) -> str:
        body = {**self._order(order), "payer": {"openid": openid}}
        answer = await self._channel.call("POST", f"{TRANSACTIONS}/jsapi", body)
        return _field(answer, "prepay_id", changed=True)

    async def order_native(self, order: PayOrder) -> str:
        answer = await self._channel.call("POST", f"{TRANSACTIONS}/native", self._order(order))
        return _field(answer, "code_url", changed=True)

    def _order(self, order: PayOrder) -> dict[str, Any]:
        check_text("商品描述", order.description, DESCRIPTION_LONGEST, needed=True)
        check_text("附加数据", order.attach, ATTACH_LONGEST)
        check_amount(order.total_fen)
        check_number(ORDER_NUMBER, order.out_trade_no)
        body: dict[str, Any] = {
            "appid": self._appids[order.account],
            "mchid": self._merchant.mchid,
            "description": order.description,
            "out_trade_no": order.out_trade_no,
            "time_expire": order.expires_at.astimezone(pay_bills.BEIJING).isoformat(timespec="seconds"),
            "notify_url": f"{self._settings.public_url}/wechat/pay/notify",
            "amount": {"total": order.total_fen, "currency": "CNY"},
        }
        if order.attach:
            body["attach"] = order.attach
        return body

    async def query(self, out_trade_no: str) -> PayTransaction | None:
        where = _in_path(out_trade_no)
        try:
            answer = await self._channel.call("GET", f"{TRANSACTIONS}/{where}?{self._mine()}")
        except PayRefused as refusal:
            if refusal.is_signed and refusal.is_code("ORDER_NOT_EXIST"):
                return None
            raise
        try:
            transaction = pay_reading.transaction(answer)
        except pay_reading.Unreadable:
            raise OutsideFailure("微信支付的回答无法理解") from None
        if (transaction.mchid, transaction.out_trade_no) != (self._merchant.mchid, out_trade_no):
            raise OutsideFailure("微信支付回答了另一笔订单")
        return transaction

    async def close(self, out_trade_no: str) -> None:
        try:
            await self._channel.call(
                "POST", f"{TRANSACTIONS}/{_in_path(out_trade_no)}/close", {"mchid": self._merchant.mchid}
            )
        except PayRefused as refusal:
            if not (refusal.is_signed and refusal.is_code("ORDER_CLOSED")):
                raise

    # Refunds

    async def refund(self, order: PayRefundOrder) -> PayRefund:
        check_text("退款原因", order.reason, REASON_LONGEST)
        check_amount(order.refund_fen)
        check_amount(order.total_fen)
        check_number(ORDER_NUMBER, order.out_trade_no)
        check_number(REFUND_NUMBER, order.out_refund_no)
        body: dict[str, Any] = {
            "out_trade_no": order.out_trade_no,
            "out_refund_no": order.out_refund_no,
            "notify_url": f"{self._settings.public_url}/wechat/pay/refund-notify",
            "amount": {"refund": order.refund_fen, "total": order.total_fen, "currency": "CNY"},
        }
        if order.reason:
            body["reason"] = order.reason
        return self._refund_of(
            await self._channel.call("POST", REFUNDS, body), order.out_refund_no, changed=True
        )

    async def query_refund(self, out_refund_no: str) -> PayRefund | None:
        check_number(REFUND_NUMBER, out_refund_no)
        try:
            answer = await self._channel.call("GET", f"{REFUNDS}/{out_refund_no}")
        except PayRefused as refusal:
            if refusal.is_signed and refusal.is_code("RESOURCE_NOT_EXISTS", "REFUND_NOT_EXIST"):
                return None
            raise
        return self._refund_of(answer, out_refund_no, changed=False)

    async def redirect_refund(self, refund_id: str, out_refund_no: str, to: BankCard) -> PayRefund:
        check_number(REFUND_NUMBER, refund_id)
        check_number(REFUND_NUMBER, out_refund_no)
        serial, key = self._keys.sealing(self._clock.now())
        body = {
            "out_refund_no": out_refund_no,
            "type": "USER_BANK_CARD",
            "bank_type": to.bank,
            "bank_account": sealed(key, to.account),
            "real_name": sealed(key, to.holder),
        }
        target = f"{REFUNDS}/{refund_id}/apply-abnormal-refund"
        answer = await self._channel.call("POST", target, body, serial=serial)
        return self._refund_of(answer, out_refund_no, changed=True)

    def _refund_of(self, answer: Mapping[str, Any], out_refund_no: str, *, changed: bool) -> PayRefund:
        try:
            refund = pay_reading.refund(answer)
        except pay_reading.Unreadable:
            raise OutsideFailure("微信支付的回答无法理解", unknown=changed) from None
        if refund.out_refund_no != out_refund_no:
            raise OutsideFailure("微信支付回答了另一笔退款", unknown=changed)
        return refund

    # Bills

    async def bill(self, day: date) -> PayBill | None:
        file = await self._bill_file(day, "tradebill", bill_type="ALL")
        # Reading a large bill takes seconds: not in the loop.
        return None if file is None else await asyncio.to_thread(pay_bills.read, file, day)

    async def fund_bill(self, day: date) -> FundBill | None:
        file = await self._bill_file(day, "fundflowbill", account_type="BASIC")
        return None if file is None else await asyncio.to_thread(pay_fund_bills.read, file, day)

    async def _bill_file(self, day: date, name: str, **kind: str) -> bytes | None:
        if day >= self._clock.now().astimezone(pay_bills.BEIJING).date():
            raise Refused("bill_day", "当天的账单要到次日上午十点以后才有。")
        query = urlencode({"bill_date": day.isoformat(), **kind, "tar_type": "GZIP"})
        try:
            answer = await self._channel.call("GET", f"/v3/bill/{name}?{query}")
        except PayRefused as refusal:
            if refusal.is_signed and refusal.is_code("NO_STATEMENT_EXIST"):
                return None
            raise
        if answer.get("hash_type") != "SHA1":
            raise OutsideFailure("微信支付账单的校验方式无法识别")
        data = await self._channel.download(_field(answer, "download_url"))
        return await asyncio.to_thread(pay_bills.unpacked, data, _field(answer, "hash_value"))

    # Cashier and notifications

    def pay_parameters(self, prepay_id: str, cashier: Cashier) -> dict[str, str]:
        stamp, nonce = str(int(self._clock.now().timestamp())), secrets.token_hex(16)
        return self._pay_parameters(prepay_id, cashier, stamp, nonce)

    def _pay_parameters(self, prepay_id: str, cashier: Cashier, stamp: str, nonce: str) -> dict[str, str]:
        package = f"prepay_id={prepay_id}"
        appid = self._appids["mp" if cashier == "requestPayment" else "oa"]
        signed = {
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": self._merchant.sign(appid, stamp, nonce, package),
        }
        match cashier:
            case "requestPayment":  # the appid is signed, but not handed over
                return {"timeStamp": stamp, **signed}
            case "getBrandWCPayRequest":
                return {"appId": appid, "timeStamp": stamp, **signed}

    def open_notification(self, headers: Mapping[str, str], body: bytes) -> PayNotification:
        lower = {name.lower(): value for name, value in headers.items()}
        self._keys.verify(lower, body, self._clock.now())
        try:
            envelope = orjson.loads(body)
            resource = self._opened(envelope["resource"])
            notification, mchid = pay_reading.notification(envelope, resource)
        except pay_reading.Unreadable:
            raise Refused("pay_unreadable", "通知的内容无法理解。") from None
        appids = {notification.transaction.appid} if notification.transaction is not None else set()
        is_money = notification.transaction is not None or notification.refund is not None
        is_ours = mchid == self._merchant.mchid or not (mchid or is_money)
        if not is_ours or not appids <= set(self._appids.values()):
            raise Refused("pay_not_ours", "通知不属于本商户号或本服务的 AppID。")
        return notification

    def _opened(self, envelope: Mapping[str, Any]) -> bytes:
        """By today's key, or by the one before: what was queued when it was changed is sealed with that (§7.7)."""
        previous = self._settings.pay_previous_apiv3_key
        try:
            return open_sealed(self._settings.pay_apiv3_key, envelope)
        except Refused:
            if not previous:
                raise
            return open_sealed(previous, envelope)

    # Certificates and the doctor

    async def download_certificates(self) -> int:
        """As `CertificateDownload.download`."""
        return await self._certificates.download()

    async def keep_certificates(self, *, every: float = CERTIFICATES_EVERY) -> None:
        """As `CertificateDownload.keep`."""
        await self._certificates.keep(every=every)

    async def probe(self) -> list[PayFinding]:
        return await pay_probe.probe(self._channel, self._settings.pay_apiv3_key, self._clock)

    def _mine(self) -> str:
        return urlencode({"mchid": self._merchant.mchid})


def _in_path(out_trade_no: str) -> str:
    check_number(ORDER_NUMBER, out_trade_no)
    return f"out-trade-no/{out_trade_no}"


def _field(answer: Mapping[str, Any], name: str, *, changed: bool = False) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise OutsideFailure(f"微信支付的回答里没有 {name}", unknown=changed)
    return value
