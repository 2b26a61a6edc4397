"""The price list: by plan, level and kind of candidate, from a day on (S57)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.levels import Level
from server.domain.payments import fees
from server.domain.ports import Clock, Queue
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound
from server.models import Plan, Price

HIGHEST_FEN = 1_000_000  # 10,000 yuan: a slip of the finger, not a price
KINDS = {"school": "本校考生", "social": "社会考生"}
EARLIEST = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class NewPrice:
    """What is to be charged.

    Attributes:
        candidate_kind: school or social.
        amount_fen: zero for nothing.
        from_on: the first day of registration to which it applies, in Beijing; None: whoever has registered, whenever.
    """

    plan_id: int
    level: Level
    candidate_kind: str
    amount_fen: int
    from_on: date | None = None


async def set_price(clock: Clock, queue: Queue, wanted: NewPrice, *, actor: Actor) -> Price:
    """Set a price from a day on; the one before ends the day before. Fees that are made already stay as they are.

    Raises:
        Forbidden: role_not_allowed.
        NotFound: plan_unknown.
        Invalid: /candidate_kind, /amount_fen, /from_on.
    """
    roles.require(actor, Verb.SET_PRICES)
    from_on = wanted.from_on or EARLIEST
    _check(wanted)
    async with in_transaction():
        if await Plan.filter(id=wanted.plan_id).select_for_update().first() is None:
            raise NotFound("plan_unknown", "没有这个考试计划，请刷新后重新选择。")
        key: dict[str, Any] = {
            "plan_id": wanted.plan_id,
            "level": wanted.level.value,
            "candidate_kind": wanted.candidate_kind,
        }
        last = await Price.filter(**key, to_on=None).first()
        if last is not None:
            if last.from_on >= from_on:
                raise _invalid(
                    "/from_on",
                    "price_not_later",
                    f"现在的价格从{beijing.say_day(last.from_on)}起算，新价格请填更晚的日期。",
                )
            last.to_on = from_on - timedelta(days=1)
            await last.save(update_fields=["to_on"])
        made = await Price.create(
            **key,
            amount_fen=wanted.amount_fen,
            from_on=from_on,
            set_by=actor.id,
            set_by_name=actor.name,
            set_at=clock.now(),
        )
        became = {**key, "amount_fen": wanted.amount_fen, "from_on": from_on.isoformat()}
        await audit_log.record(clock, actor, "price.set", "price", made.id, became=became)
        await fees.look_again(queue, wanted.plan_id)
    return made


def _check(wanted: NewPrice) -> None:
    if wanted.candidate_kind not in KINDS:
        raise _invalid("/candidate_kind", "kind_unknown", "考生类型只能是本校考生或社会考生。")
    if not 0 <= wanted.amount_fen <= HIGHEST_FEN:
        raise _invalid("/amount_fen", "price_range", f"价格须在 0 到 {HIGHEST_FEN // 100:,} 元之间。")
    if wanted.from_on is not None and not EARLIEST <= wanted.from_on <= date(2099, 12, 31):
        raise _invalid("/from_on", "date_range", "起算日期不合理，请核对年份。")


def _invalid(pointer: str, code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer, code, message)])
