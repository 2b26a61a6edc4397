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
from server.errors import Conflict, FieldError, Invalid, NotFound
from server.models import Fee, Plan, Price

HIGHEST_FEN = 1_000_000  # 10,000 yuan: a slip of the finger, not a price
KINDS = {"school": "本校考生", "social": "社会考生"}
_IN_USE = "已按这个价格生成费用，不能撤回；请另设一个从更晚日期起算的价格。"
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


async def withdraw(clock: Clock, queue: Queue, price_id: int, *, actor: Actor) -> None:
    """A price that was typed wrongly, and of which no fee was made yet: as if it had never been; the one before goes on.

    Raises:
        Forbidden: role_not_allowed. NotFound: price_unknown.
        Conflict: price_in_use — a fee was made of it; price_not_last — a later one follows it.
    """
    roles.require(actor, Verb.SET_PRICES)
    async with in_transaction():
        known = await Price.filter(id=price_id).first()
        if known is None:
            raise _unknown()
        await Plan.filter(id=known.plan_id).select_for_update().first()  # whoever sets a price holds the plan
        price = (
            await Price.filter(id=price_id).select_for_update().first()
        )  # and who makes fees of it waits, or we do
        if price is None:
            raise _unknown()
        if price.to_on is not None:
            raise Conflict("price_not_last", "后面已有新的价格，这个价格不能撤回；请从最后一个价格开始撤回。")
        if await _is_in_use(price):
            raise Conflict("price_in_use", _IN_USE)
        await _withdraw(clock, price, actor)
        await fees.look_again(queue, price.plan_id)


async def set_price(clock: Clock, queue: Queue, wanted: NewPrice, *, actor: Actor) -> Price:
    """Set a price from a day on; the one before ends the day before. Fees that are made already stay as they are.

    A price of the same day is replaced as long as no fee was made of it: it was typed wrongly.

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
        last = await Price.filter(**key, to_on=None).select_for_update().first()
        if last is not None and last.from_on == from_on and not await _is_in_use(last):
            await _withdraw(clock, last, actor)
            last = await Price.filter(**key, to_on=None).first()
        if last is not None:
            if last.from_on >= from_on:
                raise _invalid("/from_on", "price_not_later", await _why_later(last))
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


async def _is_in_use(price: Price) -> bool:
    return await Fee.filter(price_id=price.id).exists()


async def _withdraw(clock: Clock, price: Price, actor: Actor) -> None:
    """In the caller's transaction, which holds the price and has seen that nobody owes by it."""
    key = {"plan_id": price.plan_id, "level": price.level, "candidate_kind": price.candidate_kind}
    was = {**key, "amount_fen": price.amount_fen, "from_on": price.from_on.isoformat()}
    await audit_log.record(clock, actor, "price.withdraw", "price", price.id, was=was)
    await price.delete()
    await Price.filter(**key, to_on=price.from_on - timedelta(days=1)).update(to_on=None)


async def _why_later(last: Price) -> str:
    begins = f"现在的价格从{beijing.say_day(last.from_on)}起算"
    if await _is_in_use(last):
        return f"{begins}，已按它生成费用，不能再改；新价格请填更晚的日期。"
    return f"{begins}，新价格请填更晚的日期；填错了可以先撤回它。"


def _unknown() -> NotFound:
    return NotFound("price_unknown", "没有这个价格，请刷新后重试。")


def _check(wanted: NewPrice) -> None:
    if wanted.candidate_kind not in KINDS:
        raise _invalid("/candidate_kind", "kind_unknown", "考生类型只能是本校考生或社会考生。")
    if not 0 <= wanted.amount_fen <= HIGHEST_FEN:
        raise _invalid("/amount_fen", "price_range", f"价格须在 0 到 {HIGHEST_FEN // 100:,} 元之间。")
    if wanted.from_on is not None and not EARLIEST <= wanted.from_on <= date(2099, 12, 31):
        raise _invalid("/from_on", "date_range", "起算日期不合理，请核对年份。")


def _invalid(pointer: str, code: str, message: str) -> Invalid:
    return Invalid(errors=[FieldError(pointer, code, message)])
