"""What somebody of finance has to look at: raised once, shown until it is settled, and raised anew if it happens again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from server.domain import roles
from server.domain.actor import SYSTEM, Actor
from server.domain.audit import audit_log
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound
from server.models import FinanceAlarm
from server.models.database import rows

KINDS = {
    "payment_unknown": "微信支付通知了一笔不属于任何订单的付款",
    "payment_mismatch": "微信支付说的付款与订单不符，没有记为已支付",
    "paid_twice": "同一笔费用付了两次，多付的正在自动退回",
    "paid_waived": "有人付了已经减免的费用，多付的正在自动退回",
    "notification_unknown": "微信支付发来一种不认识的通知",
    "refund_unknown": "微信支付通知了一笔不属于任何订单的退款",
    "notification_stuck": "微信支付的一条通知一直记不上账，系统会慢慢再试；请告诉技术人员查明原因",
    "refund_by_hand": "有人在微信商户平台上直接退了款，已照实记账",
    "refund_by_hand_waits": "有人在微信商户平台上直接退了款，这个订单现在还不能记账，系统会再试",
    "refund_by_hand_open": "有人在微信商户平台上发起了退款，还没有退成；退成以后再记账",
    "refund_mismatch": "微信支付说的退款与我们的不符",
    "refund_abnormal": "退款异常：付款人的卡收不了，请在退款页改退到付款人的另一张银行卡",
    "refund_ended": "退款没有退成",
    "refund_refused": "微信支付不接受这笔退款，系统会隔半小时再试，请查明原因",
    "balance_short": "商户余额不足，退款在等待",
    "day_differs": "微信支付的账单与账目有差异，请逐项处理后结账",
}
SHORTEST_NOTE, LONGEST_NOTE = 4, 200
_RAISE = """
INSERT INTO finance_alarm (dedup, kind, order_id, content, raised_at, settled_by_name)
VALUES ($1, $2, $3, $4::text::jsonb, $5, '')
ON CONFLICT (dedup) DO NOTHING
"""
# A settled alarm gives its dedup up: the same trouble again is another alarm.
_SETTLED = """
UPDATE finance_alarm SET settled_at = $2, settled_by_name = $3, note = $5, dedup = left(dedup, 100) || '#' || id
WHERE ($1::bigint IS NULL OR id = $1) AND ($4::text IS NULL OR dedup = $4) AND settled_at IS NULL RETURNING id
"""


async def raise_alarm(
    clock: Clock,
    kind: str,
    dedup: str,
    *,
    order_id: int | None = None,
    content: Mapping[str, Any] | None = None,
) -> None:
    """In the caller's transaction. `content`: numbers and amounts, never a name, an openid or a card."""
    if kind not in KINDS:
        raise ValueError(f"unknown alarm: {kind}")
    await rows(
        _RAISE,
        _dedup(kind, dedup),
        kind,
        order_id,
        orjson.dumps(dict(content or {})).decode(),
        clock.now(),
    )


async def clear(clock: Clock, kind: str, dedup: str) -> None:
    """It has come right by itself: nobody need look at it any more. In the caller's transaction."""
    await rows(_SETTLED, None, clock.now(), SYSTEM.name, _dedup(kind, dedup), "已自行恢复")


async def settle(clock: Clock, alarm_id: int, note: str, *, actor: Actor) -> None:
    """It was looked at, and what was found is written down. Again changes nothing.

    Args:
        note: finance and auditors see it; no names in it.

    Raises:
        Forbidden: role_not_allowed. NotFound: alarm_unknown. Invalid: /note.
    """
    roles.require(actor, Verb.SETTLE_ALARMS)
    kept = clean_reason(note)
    if not SHORTEST_NOTE <= len(kept) <= LONGEST_NOTE:
        message = f"请写明怎样处理的，{SHORTEST_NOTE} 到 {LONGEST_NOTE} 个字。"
        raise Invalid(errors=[FieldError("/note", "note_length", message)])
    found = await FinanceAlarm.filter(id=alarm_id).first()
    if found is None:
        raise NotFound("alarm_unknown", "没有这项提醒，请刷新后重试。")
    if await rows(_SETTLED, alarm_id, clock.now(), actor.name, None, kept):
        became = {"kind": found.kind, "note": kept}
        await audit_log.record(clock, actor, "finance_alarm.settle", "finance_alarm", alarm_id, became=became)


def _dedup(kind: str, dedup: str) -> str:
    return f"{kind}:{dedup}"[:120]
