"""What WeChat Pay's refusals mean: which may be repeated with the same number, which leave the outcome open (wechat.md §7.7).

| code | the same number again | why |
|---|---|---|
| SYSTEM_ERROR, BANK_ERROR | yes; the outcome is unknown until then | their fault, it may have been done |
| FREQUENCY_LIMITED, RATELIMIT_EXCEEDED | yes, later | not done |
| NOT_ENOUGH | yes, when our balance is filled | not done |
| STATEMENT_CREATING | yes, in half an hour | the bill is being made |
| USER_PAYING | yes, in five seconds | code payment only |
| every other | no: mend the request, the settings, or ask somebody | |

Compared with underscores removed: pages write ORDER_PAID and ORDERPAID.
"""

from __future__ import annotations

import orjson

from server.errors import OutsideFailure, PayRefused

_OPEN = frozenset({"SYSTEMERROR", "BANKERROR"})
_LATER = _OPEN | {"FREQUENCYLIMITED", "RATELIMITEXCEEDED", "NOTENOUGH", "STATEMENTCREATING", "USERPAYING"}


def refusal(
    status: int, body: bytes, request_id: str, *, changes: bool, is_signed: bool
) -> PayRefused | OutsideFailure:
    """What an answer of 300 and above means.

    Args:
        changes: the call may change something at WeChat Pay.
        is_signed: WeChat Pay's signature on the answer was right.
    """
    try:
        answer = orjson.loads(body)
        code, message = str(answer["code"]), str(answer.get("message") or "")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return OutsideFailure(f"微信支付返回 HTTP {status}", unknown=changes and status >= 500)
    bare = code.replace("_", "")
    return PayRefused(
        code,
        message[:200],
        status=status,
        request_id=request_id,
        may_repeat=bare in _LATER,
        unknown=changes and bare in _OPEN,
        is_signed=is_signed,
    )
