"""Who calls WeChat Pay: the headers that every request must have, and Authorization (wechat.md §7.1).

The checks go in the order in which the real platform was seen to make them: the headers, the form of Authorization, its
time, its serial, its signature.
"""

from __future__ import annotations

import re

from sanic import Request

from server.sandbox.pay import limits, signatures
from server.sandbox.pay.desk import PayDesk
from server.sandbox.pay.refusals import PayError

PAIR = re.compile(r'(\w+)="([^"]*)"(?:,|$)')
NAMES = {"mchid", "nonce_str", "signature", "timestamp", "serial_no"}
FORM = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"


def headers(request: Request) -> None:
    """The headers that every request must have.

    Raises:
        PayError: INVALID_REQUEST.
    """
    accepted = request.headers.get("accept", "")
    if not accepted or not request.headers.get("user-agent"):
        raise PayError("INVALID_REQUEST", "Http头缺少Accept或User-Agent")
    if not any(kind in accepted for kind in ("application/json", "*/*")):
        raise PayError("INVALID_REQUEST", "Http头Accept应为application/json")
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if request.method == "POST" and kind != "application/json":
        raise PayError("INVALID_REQUEST", "Http头Content-Type应为application/json")


def _authorization(request: Request) -> dict[str, str]:
    """The five values of Authorization.

    Raises:
        PayError: SIGN_ERROR, it is missing or not of its form.
    """
    scheme, _, parameters = request.headers.get("authorization", "").partition(" ")
    if not parameters:
        raise PayError("SIGN_ERROR", FORM)
    if scheme != signatures.SCHEME:
        raise PayError("SIGN_ERROR", "HTTP头Authorization认证类型不正确")
    pairs = PAIR.findall(parameters)
    values = dict(pairs)
    if values.keys() != NAMES or len(pairs) != len(NAMES) or any(PAIR.split(parameters)[::3]):
        raise PayError("SIGN_ERROR", FORM)
    return values


def prove(desk: PayDesk, request: Request) -> None:
    """Whether this is the merchant, now, and has said exactly this.

    Raises:
        PayError: SIGN_ERROR.
    """
    values = _authorization(request)
    stamp = values["timestamp"]
    if not stamp.isdigit() or abs(desk.clock.now() - int(stamp)) > limits.CLOCK_SECONDS:
        raise PayError("SIGN_ERROR", "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟")
    if values["mchid"] != desk.merchant.mchid:
        raise PayError("SIGN_ERROR", verdict="没有这个商户号")
    if values["serial_no"] != desk.keys.merchant_serial:
        raise PayError("SIGN_ERROR", "商户证书序列号有误。请使用签名私钥匹配的证书序列号")
    path = request.raw_url.decode("latin-1")
    message = signatures.request_message(request.method, path, stamp, values["nonce_str"], request.body)
    if not signatures.genuine(desk.keys.merchant_key, message, values["signature"]):
        truncated = signatures.request_message(request.method, path, stamp, values["nonce_str"], b"")
        detail = {
            "detail": {"issue": "sign not match"},
            "field": "signature",
            "location": "authorization",
            "sign_information": {
                "method": request.method,
                "sign_message_length": len(message),
                "truncated_sign_message": truncated.decode(),
                "url": path,
            },
        }
        raise PayError("SIGN_ERROR", "错误的签名，验签失败", detail=detail)
    if not values["nonce_str"] or desk.used_before(values["nonce_str"]):
        raise PayError("SIGN_ERROR", verdict="nonce_str 为空或已经用过")


def asked_serial(desk: PayDesk, request: Request) -> str:
    """Under which key the merchant wants its answer.

    Raises:
        PayError: PARAM_ERROR, the platform has no such key.
    """
    serial = str(request.headers.get("wechatpay-serial", ""))
    if serial and not desk.keys.knows(serial):
        raise PayError("PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误")
    return serial
