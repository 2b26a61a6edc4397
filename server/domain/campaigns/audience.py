"""Whom a campaign is for: what is chosen, and what may be chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from server.domain.exams.results import Result, is_released
from server.domain.levels import Level
from server.domain.payments.fee_states import FeeState
from server.errors import FieldError, Invalid
from server.models import Plan, School

CERTIFICATE = {"issued": "已发放", "none": "未发放"}
BINDING = {"bound": "已绑定", "oa": "绑定了公众号", "mp": "绑定了小程序", "unbound": "未绑定"}
LEVELS = {level.value: level.label for level in Level}
OUTCOMES = {result.value: result.label for result in Result if result is not Result.PENDING}
PAYMENT = {state.value: state.label for state in FeeState}
MOST = 200  # of one kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """What is chosen; every choice narrows the people down, an empty one does not.

    Attributes:
        plans, schools: by number.
        outcomes: of results that are released, of the plans chosen.
        payment: states of the fee of their registration.
        certificate: whether a certificate of their registration is handed over.
        uses_list: only people of the list that was handed in.
    """

    plans: Sequence[int] = ()
    levels: Sequence[str] = ()
    schools: Sequence[int] = ()
    outcomes: Sequence[str] = ()
    payment: Sequence[str] = ()
    certificate: str = ""
    binding: str = ""
    uses_list: bool = False

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Audience:
        """What `as_json` wrote."""
        return cls(**{one.name: kept[one.name] for one in fields(cls) if one.name in kept})

    def as_json(self) -> dict[str, Any]:
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()
        }


async def check(audience: Audience, now: datetime) -> None:
    """Whether this can be an audience.

    Raises:
        Invalid: audience_empty, choice_unknown, plans_needed, results_not_released.
    """
    errors = [*_unknown_words(audience), *await _unknown_rows(audience)]
    if not (audience.plans or audience.schools or audience.uses_list):
        message = "请至少选择考试计划、院校或上传名单中的一项；不能向所有人发送。"
        errors.append(FieldError("/audience", "audience_empty", message))
    if audience.outcomes and not audience.plans:
        message = "按考证结果发送时，请写明是哪些考试计划。"
        errors.append(FieldError("/audience/plans", "plans_needed", message))
    if not errors and not await are_released(audience, now):
        message = "所选考试计划里有成绩还没有公布的，不能按考证结果选人。"
        errors.append(FieldError("/audience/outcomes", "results_not_released", message))
    if errors:
        raise Invalid(errors=errors)


async def are_released(audience: Audience, now: datetime) -> bool:
    """Whether every result by which people are chosen may be known outside."""
    if not audience.outcomes:
        return True
    return all(is_released(plan, now) for plan in await Plan.filter(id__in=list(audience.plans)))


def _unknown_words(audience: Audience) -> list[FieldError]:
    chosen: tuple[tuple[str, Sequence[str], Mapping[str, str]], ...] = (
        ("levels", audience.levels, LEVELS),
        ("outcomes", audience.outcomes, OUTCOMES),
        ("payment", audience.payment, PAYMENT),
        ("certificate", [audience.certificate] if audience.certificate else [], CERTIFICATE),
        ("binding", [audience.binding] if audience.binding else [], BINDING),
    )
    return [
        FieldError(f"/audience/{name}", "choice_unknown", f"只能是：{'、'.join(known)}。")
        for name, values, known in chosen
        if set(values) - known.keys()
    ]


async def _unknown_rows(audience: Audience) -> list[FieldError]:
    errors = []
    if await Plan.filter(id__in=list(audience.plans)).count() != len(set(audience.plans)):
        errors.append(FieldError("/audience/plans", "choice_unknown", "其中有考试计划不存在，请刷新后重选。"))
    if await School.filter(id__in=list(audience.schools)).count() != len(set(audience.schools)):
        errors.append(FieldError("/audience/schools", "choice_unknown", "其中有院校不存在，请刷新后重选。"))
    return errors
