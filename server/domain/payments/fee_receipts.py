"""收据: what a payer has in hand for a paid order; no invoice. The number is given once, when it is first asked for.

Numbers of a year have no gap: they are counted in the transaction that writes the row. The page is drawn each time, so
that it shows what has been given back since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.fault_points import transaction
from server.domain.levels import Level
from server.domain.payments import order_transitions
from server.domain.payments.chinese_amount import in_capitals
from server.domain.payments.fee_subjects import JOINS, what
from server.domain.payments.order_states import BY_BANK, OrderState
from server.domain.payments.yuan import yuan
from server.domain.people.names import mask_name
from server.domain.people.school_scope import may_see, school_of
from server.domain.ports import Clock, FaultInjector, ReceiptPrinter
from server.domain.ports.payments import ReceiptLine, ReceiptPage
from server.domain.roles import Verb
from server.errors import Conflict, NotFound
from server.models import FeeOrder, FeeReceipt
from server.models.database import rows

UNPAID = frozenset({OrderState.PENDING, OrderState.CLOSED})
WAYS = {"jsapi": "微信支付", "native": "微信支付", BY_BANK: "对公转账"}
_NEXT = """
INSERT INTO number_series AS n (prefix, given) VALUES ($1, 1)
ON CONFLICT (prefix) DO UPDATE SET given = n.given + 1 RETURNING given
"""
_PAYER = """
SELECT COALESCE(c.name, '') AS candidate, COALESCE(h.name, '') AS school FROM fee_order o
LEFT JOIN candidate c ON c.id = o.candidate_id LEFT JOIN school h ON h.id = o.school_id WHERE o.id = $1
"""
_LINES = f"""
SELECT COALESCE(p.name, k.title) AS title, s.level, count(*) AS count, sum(l.amount_fen)::bigint AS fen
FROM fee_order_line l
JOIN fee f ON f.id = l.fee_id
{JOINS}
WHERE l.order_id = $1 GROUP BY p.id, p.name, k.id, k.title, s.level ORDER BY p.id, s.level, k.id
"""  # noqa: S608 -- constants


@dataclass(frozen=True, slots=True)
class ReceiptDesk:
    """What giving a receipt needs. `issuer`: who received the money."""

    clock: Clock
    faults: FaultInjector
    printer: ReceiptPrinter
    issuer: str


@dataclass(frozen=True, slots=True)
class PrintedReceipt:
    number: str
    pdf: bytes


async def own(desk: ReceiptDesk, order_id: int, candidate_id: int, *, actor: Actor) -> PrintedReceipt:
    """The receipt of the candidate's own order, with the whole name.

    Raises:
        NotFound: order_unknown — not there, or not this candidate's. Conflict: receipt_unpaid.
        Refused: glyph_missing.
    """
    order = await FeeOrder.filter(id=order_id, candidate_id=candidate_id).first()
    if order is None:
        raise _unknown()
    return await _printed(desk, order, actor, is_masked=False)


async def for_staff(desk: ReceiptDesk, order_id: int, *, actor: Actor) -> PrintedReceipt:
    """The receipt as finance and the paying school see it; a candidate's name is masked, as everywhere in the console.

    Raises:
        Forbidden: role_not_allowed.
        NotFound: order_unknown — not there, or not of this account's school. Conflict: receipt_unpaid.
        Refused: glyph_missing.
    """
    roles.require(actor, Verb.SEE_MONEY)
    order = await FeeOrder.filter(id=order_id).first()
    if order is None or (school_of(actor) is not None and not may_see(actor, order.school_id)):
        raise _unknown()
    return await _printed(desk, order, actor, is_masked=True)


async def _printed(desk: ReceiptDesk, order: FeeOrder, actor: Actor, *, is_masked: bool) -> PrintedReceipt:
    receipt = await _numbered(desk, order.id, actor)
    page = await _page(desk, order, receipt, is_masked=is_masked)
    return PrintedReceipt(receipt.number, await desk.printer.receipt(page))


async def _numbered(desk: ReceiptDesk, order_id: int, actor: Actor) -> FeeReceipt:
    """The order's receipt, made if there is none. Two who ask at once wait for one another at the order."""
    if (known := await FeeReceipt.filter(order_id=order_id).first()) is not None:
        return known
    async with transaction(desk.faults, "fee_receipts.number"):
        order = await order_transitions.locked(order_id=order_id)
        if OrderState(order.state) in UNPAID:
            raise Conflict("receipt_unpaid", "这个订单还没有付款，没有收据；付款以后再来下载。")
        if (known := await FeeReceipt.filter(order_id=order_id).first()) is not None:
            return known
        now = desk.clock.now()
        prefix = f"SJ{beijing.day(now).year}"
        [row] = await rows(_NEXT, prefix)
        await desk.faults.reach("fee_receipts.number: the number is counted")
        number = f"{prefix}{row['given']:06d}"
        receipt = await FeeReceipt.create(order_id=order_id, number=number, issued_at=now)
        became = {"order": order.id, "number": number}
        await audit_log.record(
            desk.clock, actor, "fee_receipt.give", "fee_receipt", receipt.id, became=became
        )
    return receipt


async def _page(desk: ReceiptDesk, order: FeeOrder, receipt: FeeReceipt, *, is_masked: bool) -> ReceiptPage:
    assert order.paid_at is not None
    [payer] = await rows(_PAYER, order.id)
    name = mask_name(payer["candidate"]) if is_masked and payer["candidate"] else payer["candidate"]
    back = yuan(order.refunded_fen) if order.refunded_fen else ""
    return ReceiptPage(
        number=receipt.number,
        payer=payer["school"] or name,
        order=order.number,
        way=WAYS[order.way],
        transaction=order.transaction_id or "",
        lines=tuple(_line(row) for row in await rows(_LINES, order.id)),
        total=yuan(order.total_fen),
        capitals=in_capitals(order.total_fen),
        given_back=f"{back}（全部）" if back and order.refunded_fen == order.total_fen else back,
        state=OrderState(order.state).label,
        issuer=desk.issuer,
        paid_at=order.paid_at,
        issued_at=receipt.issued_at,
        as_of=desk.clock.now(),
    )


def _line(row: dict[str, Any]) -> ReceiptLine:
    level = Level(row["level"]) if row["level"] else None
    return ReceiptLine(f"{row['title']}　{what(level)}", row["count"], yuan(row["fen"]))


def _unknown() -> NotFound:
    return NotFound("order_unknown", "没有这个订单，请刷新后重试。")
