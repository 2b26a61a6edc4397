"""Certificate kinds and standards, plans, registrations, scores and results, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.certificate_kinds import CertificateKind
    from server.models.people import Candidate, Site


class StandardVersion(Model):
    """A dated version of a kind's standard (S7)."""

    id = fields.BigIntField(primary_key=True)
    kind: fields.ForeignKeyRelation[CertificateKind] = fields.ForeignKeyField(
        "records.CertificateKind", related_name="standards", on_delete=fields.RESTRICT
    )
    kind_id: int
    version = fields.CharField(max_length=30)
    effective_on = fields.DateField()

    class Meta:
        table = "standard_version"


class Plan(Model):
    """考试计划. Results are visible outside from `release_at` on; empty: no time is set."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=120, unique=True)
    kind: fields.ForeignKeyRelation[CertificateKind] = fields.ForeignKeyField(
        "records.CertificateKind", related_name="plans", on_delete=fields.RESTRICT
    )
    kind_id: int
    exam_date = fields.DateField()
    release_at = fields.DatetimeField(null=True)  # the minute from which results are visible
    announced_at = fields.DatetimeField(null=True)  # when everybody concerned was told of `release_at`
    requires_practice = fields.BooleanField(default=False)  # S13, off unless staff turn it on
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "plan"


class ReleaseRequest(Model):
    """公布申请: a plan's results are to be visible; one member of staff asks, another decides.

    `state` is written by `exams.release_requests` alone. The counts are what the asker saw; `at` empty: at once.
    """

    id = fields.BigIntField(primary_key=True)
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="release_requests", on_delete=fields.RESTRICT
    )
    plan_id: int
    at = fields.DatetimeField(null=True)
    registered = fields.IntField()
    passed = fields.IntField()
    pending = fields.IntField()
    state = fields.CharField(max_length=10, default="requested")  # requested approved refused withdrawn
    requested_by = fields.BigIntField()
    requested_by_name = fields.CharField(max_length=100)
    requested_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    decision_note = fields.CharField(max_length=300, default="")

    class Meta:
        table = "release_request"


class PlanSlot(Model):
    """One row of the exam notice (S25): level, time and subject of a plan."""

    id = fields.BigIntField(primary_key=True)
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="slots", on_delete=fields.CASCADE
    )
    plan_id: int
    level = fields.CharField(max_length=12)
    subject = fields.CharField(max_length=60)
    starts_at = fields.DatetimeField(null=True)
    ends_at = fields.DatetimeField(null=True)

    class Meta:
        table = "plan_slot"


class Registration(Model):
    """报考: a candidate in a plan at a site, with an admission number. `outcome` is the 考证结果 (S84)."""

    id = fields.BigIntField(primary_key=True)
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="registrations", on_delete=fields.RESTRICT
    )
    candidate_id: int
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="registrations", on_delete=fields.RESTRICT
    )
    plan_id: int
    site: fields.ForeignKeyRelation[Site] = fields.ForeignKeyField(
        "records.Site", related_name="registrations", on_delete=fields.RESTRICT
    )
    site_id: int
    admission_number = fields.CharField(max_length=30, unique=True)
    outcome = fields.CharField(
        max_length=12, default="pending"
    )  # pending passed failed absent deferred misconduct
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "registration"


class Score(Model):
    """科目成绩: one subject of a registration. 缺考, 缓考 and 违纪 are a status, never a zero."""

    id = fields.BigIntField(primary_key=True)
    registration: fields.ForeignKeyRelation[Registration] = fields.ForeignKeyField(
        "records.Registration", related_name="scores", on_delete=fields.CASCADE
    )
    registration_id: int
    subject = fields.CharField(max_length=60)
    score = fields.DecimalField(max_digits=4, decimal_places=1, null=True)
    status = fields.CharField(max_length=12)  # scored absent deferred misconduct cheating
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "score"


class PracticeRecord(Model):
    """实践与督导 hours of a candidate for a level (S13)."""

    id = fields.BigIntField(primary_key=True)
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="practice", on_delete=fields.RESTRICT
    )
    candidate_id: int
    level = fields.CharField(max_length=12)
    practice_hours = fields.DecimalField(max_digits=6, decimal_places=1)
    supervision_hours = fields.DecimalField(max_digits=6, decimal_places=1)
    updated_at = fields.DatetimeField(auto_now=True)

    class Meta:
        table = "practice_record"


class KeptError(TypedDict):
    """Why a row is refused; `row` as the spreadsheet shows it, `value` masked."""

    row: int
    column: str
    code: str
    detail: str
    value: str


class KeptChange(TypedDict):
    what: str
    was: str
    became: str


class KeptDifference(TypedDict):
    """A row that changes something on record: whose, the identity number masked."""

    row: int
    who: str
    changes: list[KeptChange]
    is_grave: bool


class KeptName(TypedDict):
    """An unknown name: its rows counted, the first of them, and names like it."""

    name: str
    rows: int
    first_row: int
    like: list[str]


class ImportRun(Model):
    """One spreadsheet handed in: dry or real, its counts and every error.

    `rows_total` are `rows_taken`, `rows_unchanged`, `rows_refused` and `rows_skipped`, unless one
    refused row held all others back; `rows_taken` are `rows_new` and `rows_changed`. `check_id` is the check that this run writes or repeats.
    """

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharField(max_length=12)  # candidates | scores | practice | portal
    file_name = fields.CharField(max_length=200)
    file_sha256 = fields.BinaryField()
    file_key = fields.CharField(max_length=200)
    report_key = fields.CharField(max_length=200, default="")
    is_dry_run = fields.BooleanField()
    all_or_nothing = fields.BooleanField(default=False)
    state = fields.CharField(max_length=10, default="queued")  # queued running done unreadable
    refusal_code = fields.CharField(max_length=60, default="")
    refusal = fields.CharField(max_length=300, default="")
    rows_total = fields.IntField(default=0)
    rows_done = fields.IntField(default=0)
    rows_taken = fields.IntField(default=0)
    rows_unchanged = fields.IntField(default=0)
    rows_refused = fields.IntField(default=0)
    rows_new = fields.IntField(db_default=0)
    rows_changed = fields.IntField(db_default=0)
    rows_skipped = fields.IntField(
        db_default=0
    )  # named in a note: they hold nothing in any column that is read
    differences: fields.Field[list[KeptDifference]] = fields.JSONField(null=True)  # the first changed rows
    asked: fields.Field[dict[str, list[KeptName]]] = fields.JSONField(null=True)  # unknown names, by kind
    creating: fields.Field[dict[str, list[str]]] = fields.JSONField(null=True)  # names confirmed to be new
    fingerprint = fields.BinaryField(null=True)  # SHA-256 of what the check said would be written
    check_id = fields.BigIntField(null=True)
    notes: fields.Field[list[str]] = fields.JSONField(default=list)
    errors: fields.Field[list[KeptError]] = fields.JSONField(default=list)
    created_by = fields.BigIntField(null=True)
    actor: fields.Field[dict[str, object]] = fields.JSONField(default=dict)  # who handed it in, for the trail
    attempts = fields.IntField(default=0)  # how often a worker began it
    touched_at = fields.DatetimeField(null=True)  # the worker's last sign of life
    created_at = fields.DatetimeField(auto_now_add=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "import_run"


class ScoreChange(Model):
    """成绩变更: a released score that one member of staff asks to change and another decides on.

    `state` is written by `domain.score_changes` alone. An empty `was_status` is a subject without a score.
    """

    id = fields.BigIntField(primary_key=True)
    registration: fields.ForeignKeyRelation[Registration] = fields.ForeignKeyField(
        "records.Registration", related_name="score_changes", on_delete=fields.RESTRICT
    )
    registration_id: int
    subject = fields.CharField(max_length=60)
    was_status = fields.CharField(max_length=12)
    was_score = fields.DecimalField(max_digits=4, decimal_places=1, null=True)
    status = fields.CharField(max_length=12)
    score = fields.DecimalField(max_digits=4, decimal_places=1, null=True)
    reason = fields.CharField(max_length=300)
    state = fields.CharField(max_length=10, default="requested")  # requested approved refused withdrawn
    requested_by = fields.BigIntField()
    requested_by_name = fields.CharField(max_length=100)
    requested_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    decision_note = fields.CharField(max_length=300, default="")

    class Meta:
        table = "score_change"
