"""Results: what all subjects come to, when they are visible, what holds a certificate back. Rules without verbs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from server.domain.levels import Level
from server.errors import NotFound
from server.models import CertificateKind, Plan, PracticeRecord, Registration, StandardVersion

PASS_MARK = Decimal(60)

KINDS = {
    "社会心理服务职业技能等级证书": (
        "SPS",
        (("2021年首版", date(2021, 4, 2)), ("2021年3.0版", date(2021, 11, 1))),  # S7
    )
}


class Status(Enum):
    """What stands for one subject: a score, or one of the words that are never a zero (S84)."""

    SCORED = "scored"
    ABSENT = "absent"
    DEFERRED = "deferred"
    MISCONDUCT = "misconduct"
    CHEATING = "cheating"

    @property
    def label(self) -> str:
        return _STATUS_LABELS[self.value]

    @classmethod
    def of_label(cls, label: str) -> Status | None:
        return _STATUS_OF.get(label)


_STATUS_LABELS = {
    "scored": "已评分",
    "absent": "缺考",
    "deferred": "缓考",
    "misconduct": "违纪",
    "cheating": "作弊",
}


_STATUS_OF = {status.label: status for status in Status}


class Result(Enum):
    """考证结果: what all subjects together come to (S84)."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"
    ABSENT = "absent"
    DEFERRED = "deferred"
    MISCONDUCT = "misconduct"

    @property
    def label(self) -> str:
        return _RESULT_LABELS[self.value]


_RESULT_LABELS = {
    "pending": "成绩未齐",
    "passed": "通过",
    "failed": "未通过",
    "absent": "缺考",
    "deferred": "缓考",
    "misconduct": "违纪",
}


def outcome_of(scores: Mapping[str, tuple[str, Decimal | None]], subjects: Iterable[str]) -> Result:
    """The outcome of one registration: passed with 60 or more in every subject of its level.

    Args:
        scores: subject → (status, score) on record.
        subjects: every subject of the plan at this level.
    """
    statuses = {status for status, _ in scores.values()}
    if statuses & {"misconduct", "cheating"}:
        return Result.MISCONDUCT
    if any(score is not None and score < PASS_MARK for _, score in scores.values()):
        return Result.FAILED
    if "absent" in statuses:
        return Result.ABSENT
    if "deferred" in statuses:
        return Result.DEFERRED
    if not scores or not set(subjects) <= scores.keys():
        return Result.PENDING
    return Result.PASSED


def say(mark: tuple[str, Decimal | None] | None) -> str:
    """One subject's mark in words: 78.5, 缺考, or 无成绩."""
    if mark is None:
        return "无成绩"
    return f"{mark[1]:.1f}" if mark[1] is not None else Status(mark[0]).label


def site_name(school: str, certificate: str, level: Level) -> str:
    """S52: built, never typed."""
    return f"{school}{certificate}{level.label}"


def is_released(plan: Plan, now: datetime) -> bool:
    """Whether people outside the organisation may know of this plan's results at `now`."""
    return plan.release_at is not None and plan.release_at <= now


async def ensure_kind(name: str) -> CertificateKind | None:
    """The certificate kind of this name with its standards (S7), made on first need; None if there is no such kind.

    A kind is more than a name: its code stands in every number, its standard on every certificate. So an
    unknown name in a spreadsheet makes none.
    """
    if (existing := await CertificateKind.get_or_none(name=name)) is not None:
        return existing
    if name not in KINDS:
        return None
    code, standards = KINDS[name]
    kind, _ = await CertificateKind.get_or_create(code=code, defaults={"name": name})
    for version, effective_on in standards:
        await StandardVersion.get_or_create(
            kind_id=kind.id, version=version, defaults={"effective_on": effective_on}
        )
    return kind


async def standard_on(kind_id: int, day: date) -> StandardVersion:
    """The version of a kind's standard that was in force on `day` (S7).

    Raises:
        NotFound: standard_unknown, when none was in force yet.
    """
    standard = (
        await StandardVersion.filter(kind_id=kind_id, effective_on__lte=day).order_by("-effective_on").first()
    )
    if standard is None:
        raise NotFound("standard_unknown", "考试日期早于证书标准的实施日期，请核对考试计划的日期。")
    return standard


async def withheld_reason(registration: Registration) -> str | None:
    """Why this registration's certificate is held back (S13), saying what is missing; None if nothing is.

    Only where the plan asks for hours, and only at the intermediate and advanced level.
    """
    rows = await withheld_reasons([registration.id])
    return rows.get(registration.id)


async def withheld_reasons(registration_ids: list[int]) -> dict[int, str]:
    """`withheld_reason` of many: registration id → reason, only those held back."""
    rows = await Registration.filter(id__in=registration_ids, plan__requires_practice=True).values(
        "id", "candidate_id", level="site__level"
    )
    records = await PracticeRecord.filter(candidate_id__in=[row["candidate_id"] for row in rows])
    hours = {(record.candidate_id, record.level): record for record in records}
    reasons = {
        row["id"]: _missing(Level(row["level"]), hours.get((row["candidate_id"], row["level"])))
        for row in rows
    }
    return {registration: reason for registration, reason in reasons.items() if reason}


def _missing(level: Level, record: PracticeRecord | None) -> str | None:
    required = zip(("督导", "实践"), level.hours, _hours_of(record), strict=True)
    short = [
        f"{what}需 {_plain(need)} 学时，已登记 {_plain(have)} 学时"
        for what, need, have in required
        if have < need
    ]
    if not short:
        return None
    return f"{level.label}证书要求的学时未满：{'；'.join(short)}。请联系所在院校补登学时。"


def _hours_of(record: PracticeRecord | None) -> tuple[Decimal, Decimal]:
    if record is None:
        return Decimal(0), Decimal(0)
    return record.supervision_hours, record.practice_hours


def _plain(value: Any) -> str:
    return (
        f"{Decimal(value):f}".rstrip("0").rstrip(".")
        if "." in f"{Decimal(value):f}"
        else f"{Decimal(value):f}"
    )
