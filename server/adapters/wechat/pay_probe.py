"""What `xcert doctor` learns of WeChat Pay's keys: one harmless question, one list, and what the answers betray."""

from __future__ import annotations

from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import orjson

from server.adapters.wechat.pay_channel import PayChannel, Reply
from server.adapters.wechat.pay_signing import WINDOW, open_sealed
from server.domain.ports import Clock
from server.domain.ports.payments import PayFinding
from server.errors import OutsideFailure, Refused, Unverified

NOBODYS_ORDER = "xcert_doctor_asks"  # a number that no order of ours has
EXPIRES_SOON = timedelta(days=60)
CLOCK, KEY, SERIAL, PUBLIC_KEY, APIV3_KEY = "时钟", "商户私钥", "商户证书序列号", "微信支付公钥", "APIv3 密钥"


async def probe(channel: PayChannel, apiv3_key: str, clock: Clock) -> list[PayFinding]:
    """Ask for an order that does not exist and for the list of certificates; nothing is changed at WeChat Pay."""
    target = f"/v3/pay/transactions/out-trade-no/{NOBODYS_ORDER}?mchid={channel.merchant.mchid}"
    try:
        reply = await channel.exchange("GET", target)
        if _signature_fault(channel, reply) == "pay_signature":  # maybe one of WeChat Pay's probes: ask again
            reply = await channel.exchange("GET", target)
        certificates = await channel.exchange("GET", "/v3/certificates")
    except OutsideFailure as failure:
        return [PayFinding("微信支付", False, f"{failure}，请检查网络与 WECHAT_PAY_URL")]
    now = clock.now()
    return [
        _clock(reply, now),
        *_merchant(reply, channel),
        _platform(reply, channel),
        *_validity(channel, now),
        _apiv3(certificates, apiv3_key),
    ]


def _is_late(reply: Reply) -> bool:
    """Whether WeChat Pay refused our request for its time."""
    code, message = _code_and_message(reply)
    return code == "SIGNERROR" and "timestamp" in message.lower()


def _clock(reply: Reply, now: datetime) -> PayFinding:
    mend = f"超过 {WINDOW} 秒即全部失败，请校准服务器时间"
    stamp, date = reply.headers.get("wechatpay-timestamp", ""), reply.headers.get("date", "")
    try:
        theirs = float(stamp) if stamp else parsedate_to_datetime(date).timestamp()
    except ValueError:
        if _is_late(reply):
            return PayFinding(CLOCK, False, f"微信支付认为本机的时间不对，{mend}")
        return PayFinding(CLOCK, True, "微信支付没有告知时间，无法比较")
    offset = round(now.timestamp() - theirs)
    if abs(offset) >= WINDOW or _is_late(reply):
        return PayFinding(CLOCK, False, f"与微信支付相差 {offset} 秒，{mend}")
    return PayFinding(CLOCK, True, f"与微信支付相差 {offset} 秒")


def _merchant(reply: Reply, channel: PayChannel) -> list[PayFinding]:
    """What the answer says of our own signature: refused for the serial, refused for the key, or taken."""
    code, message = _code_and_message(reply)
    mchid, serial = channel.merchant.mchid, channel.merchant.serial
    if _is_late(reply):
        return []  # says nothing of the key
    if code == "SIGNERROR" or reply.status == 401:
        if "序列号" in message or "证书" in message:
            return [
                PayFinding(
                    SERIAL,
                    False,
                    f"微信支付不认可 {serial}（{message}），请在商户平台“API 安全”查看商户 API 证书的序列号，"
                    "更正 WECHAT_PAY_MCH_SERIAL，并确认它属于商户号 " + mchid,
                )
            ]
        return [
            PayFinding(
                KEY,
                False,
                f"微信支付验签不通过（{message}），请确认 WECHAT_PAY_MCH_KEY 是序列号 {serial} 那份证书的私钥",
            )
        ]
    if code == "ORDERNOTEXIST" or reply.status == 200:
        return [
            PayFinding(KEY, True, "签名得到微信支付认可"),
            PayFinding(SERIAL, True, f"{serial}，商户号 {mchid}"),
        ]
    return [
        PayFinding(
            "商户号", False, f"微信支付回答 HTTP {reply.status} {code}（{message}），请核对商户号 {mchid}"
        )
    ]


def _signature_fault(channel: PayChannel, reply: Reply) -> str:
    """Empty: WeChat Pay's signature is right. `unsigned`: there is none. Otherwise the code of Unverified."""
    try:
        return "" if channel.proven(reply) else "unsigned"
    except Unverified as wrong:
        return wrong.code


def _platform(reply: Reply, channel: PayChannel) -> PayFinding:
    serial = reply.headers.get("wechatpay-serial", "")
    match _signature_fault(channel, reply):
        case "":
            return PayFinding(PUBLIC_KEY, True, f"微信支付的回答验签通过（{serial}）")
        case "unsigned" | "pay_headers":
            return PayFinding(PUBLIC_KEY, False, "微信支付的回答没有签名，请先解决其他各项后再查")
        case "pay_window":
            return PayFinding(PUBLIC_KEY, False, "签名的时间与本机相差太大，请先校准服务器时间后再查")
        case "pay_serial":
            return PayFinding(
                PUBLIC_KEY,
                False,
                f"微信支付用 {serial} 签名，而配置里没有或已过期，请在商户平台“API 安全”下载后填写 "
                "WECHAT_PAY_PUBLIC_KEY_ID、WECHAT_PAY_PUBLIC_KEY 或 WECHAT_PAY_CERTIFICATES",
            )
        case _:
            return PayFinding(
                PUBLIC_KEY,
                False,
                f"用 {serial} 验签不通过，请重新下载微信支付公钥或平台证书，核对它与 ID 是否一对",
            )


def _validity(channel: PayChannel, now: datetime) -> list[PayFinding]:
    """Certificates that are over, or nearly; public keys have no end."""
    findings = []
    for serial, ends in channel.keys.ends().items():
        if ends is not None and ends - now < EXPIRES_SOON:
            over = ends <= now
            sentence = f"{serial} {'已于' if over else '将于'} {ends:%Y-%m-%d} 到期，请换上新的平台证书或微信支付公钥"
            findings.append(PayFinding("平台证书", not over, sentence))
    return findings


def _apiv3(reply: Reply, apiv3_key: str) -> PayFinding:
    code, _ = _code_and_message(reply)
    if reply.status != 200:
        if code == "RESOURCENOTEXISTS":
            return PayFinding(
                APIV3_KEY, True, "格式正确；本商户只用微信支付公钥，密钥对不对要到收到第一个支付通知时才知道"
            )
        return PayFinding(
            APIV3_KEY, True, f"格式正确；平台证书没有取到（{code or reply.status}），无法进一步验证"
        )
    try:
        certificates = orjson.loads(reply.body)["data"]
        for one in certificates:
            open_sealed(apiv3_key, one["encrypt_certificate"])
    except Refused:
        return PayFinding(
            APIV3_KEY,
            False,
            "解不开微信支付下发的平台证书，请在商户平台“API 安全”核对或重新设置后更正 WECHAT_PAY_APIV3_KEY",
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return PayFinding(APIV3_KEY, True, "格式正确；平台证书的列表无法理解，无法进一步验证")
    if not certificates:
        return PayFinding(APIV3_KEY, True, "格式正确；本商户没有平台证书，无法进一步验证")
    return PayFinding(APIV3_KEY, True, f"能解开微信支付下发的 {len(certificates)} 份平台证书")


def _code_and_message(reply: Reply) -> tuple[str, str]:
    """Code without underscores and sentence of a refusal; empty ones for everything else."""
    try:
        answer = orjson.loads(reply.body)
        return str(answer["code"]).replace("_", ""), str(answer.get("message") or "")[:100]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return "", ""
