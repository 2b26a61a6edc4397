"""How WeChat Pay says no: code, message, detail, HTTP status and the number at the end of Request-ID (wechat.md §7.7)."""

from __future__ import annotations

from typing import Any

STATUS = {
    "PARAM_ERROR": 400,
    "INVALID_REQUEST": 400,
    "APPID_MCHID_NOT_MATCH": 400,
    "MCH_NOT_EXISTS": 400,
    "ORDER_CLOSED": 400,
    "ORDER_PAID": 400,
    "NO_STATEMENT_EXIST": 400,
    "STATEMENT_CREATING": 400,
    "SIGN_ERROR": 401,
    "NO_AUTH": 403,
    "OUT_TRADE_NO_USED": 403,
    "RULE_LIMIT": 403,
    "NOT_ENOUGH": 403,
    "TRADE_ERROR": 403,
    "ACCOUNT_ERROR": 403,
    "TRADE_OVERDUE": 403,
    "ORDER_NOT_EXIST": 404,
    "RESOURCE_NOT_EXISTS": 404,
    "FREQUENCY_LIMITED": 429,
    "SYSTEM_ERROR": 500,
    "OPENID_MISMATCH": 500,
}

MESSAGES = {
    "PARAM_ERROR": "参数错误",
    "INVALID_REQUEST": "HTTP请求不符合微信支付APIv3接口规则",
    "APPID_MCHID_NOT_MATCH": "商户号mch_id与appid不匹配",
    "MCH_NOT_EXISTS": "商户号不存在",
    "ORDER_CLOSED": "订单已关闭",
    "ORDER_PAID": "该订单已支付",
    "NO_STATEMENT_EXIST": "账单文件不存在",
    "STATEMENT_CREATING": "账单生成中",
    "SIGN_ERROR": "签名错误",
    "NO_AUTH": "商户无权限",
    "OUT_TRADE_NO_USED": "商户订单号重复",
    "RULE_LIMIT": "业务规则限制",
    "NOT_ENOUGH": "基本账户余额不足，请充值后重新发起",
    "TRADE_ERROR": "交易错误",
    "ACCOUNT_ERROR": "账号异常",
    "TRADE_OVERDUE": "订单已经超过退款期限",
    "ORDER_NOT_EXIST": "订单不存在",
    "RESOURCE_NOT_EXISTS": "查询的资源不存在",
    "FREQUENCY_LIMITED": "频率超限",
    "SYSTEM_ERROR": "系统错误",
    "OPENID_MISMATCH": "openid和appid不匹配",
}

# The finer numbers that are known (§7.7). Of the others none is published: their Request-ID ends in -0.
SIGNATURE, ORDER_MISSING, NOT_LINKED, OPENID_REQUIRED, OTHER_PARAMETERS = (
    268443699,
    268512771,
    268445527,
    268501013,
    268498688,
)
TAILS = {"SIGN_ERROR": SIGNATURE, "ORDER_NOT_EXIST": ORDER_MISSING, "APPID_MCHID_NOT_MATCH": NOT_LINKED}


class PayError(Exception):
    """A refusal by WeChat Pay.

    Attributes:
        code: as in the table of §7.7.
        detail: told to the merchant with PARAM_ERROR and some others.
        tail: the number at the end of Request-ID.
        verdict: a fuller reason, for the timeline alone.
    """

    def __init__(
        self,
        code: str,
        message: str = "",
        *,
        detail: dict[str, Any] | None = None,
        tail: int = 0,
        verdict: str = "",
    ) -> None:
        super().__init__(message or MESSAGES[code])
        self.code = code
        self.status = STATUS[code]
        self.detail = detail
        self.tail = tail or TAILS.get(code, 0)
        self.verdict = verdict or str(self)

    def answer(self) -> dict[str, Any]:
        """The JSON body."""
        body: dict[str, Any] = {"code": self.code, "message": str(self)}
        return (
            body if self.detail is None else {"code": self.code, "detail": self.detail, "message": str(self)}
        )


def wrong_field(
    pointer: str, value: object, message: str, *, location: str = "body", tail: int = 0
) -> PayError:
    """PARAM_ERROR about one field; the pointer is RFC 6901 in a body, a name in a query."""
    issue = message.partition("，")[2] or message
    detail = {"field": pointer, "value": value, "issue": issue, "location": location}
    return PayError("PARAM_ERROR", message, detail=detail, tail=tail)
