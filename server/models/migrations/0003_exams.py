"""Standards, plans, registrations, scores, hours, imports and changes of published scores."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0002_people")]

    initial = False

    operations = [
        ops.CreateModel(
            name="StandardVersion",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "kind",
                    fields.ForeignKeyField(
                        "records.CertificateKind",
                        source_field="kind_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="standards",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("version", fields.CharField(max_length=30)),
                ("effective_on", fields.DateField()),
            ],
            options={
                "table": "standard_version",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A dated version of a kind's standard (S7).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Plan",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=120)),
                (
                    "kind",
                    fields.ForeignKeyField(
                        "records.CertificateKind",
                        source_field="kind_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="plans",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("exam_date", fields.DateField()),
                ("release_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("announced_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("requires_practice", fields.BooleanField(default=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "plan",
                "app": "records",
                "pk_attr": "id",
                "table_description": "考试计划. Results are visible outside from `release_at` on; empty: no time is set.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PlanSlot",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="slots",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("level", fields.CharField(max_length=12)),
                ("subject", fields.CharField(max_length=60)),
                ("starts_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ends_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "plan_slot",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One row of the exam notice (S25): level, time and subject of a plan.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Registration",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="registrations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="registrations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "site",
                    fields.ForeignKeyField(
                        "records.Site",
                        source_field="site_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="registrations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("admission_number", fields.CharField(unique=True, max_length=30)),
                ("outcome", fields.CharField(default="pending", max_length=12)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "registration",
                "app": "records",
                "pk_attr": "id",
                "table_description": "报考: a candidate in a plan at a site, with an admission number. `outcome` is the 考证结果 (S84).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Score",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "registration",
                    fields.ForeignKeyField(
                        "records.Registration",
                        source_field="registration_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="scores",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("subject", fields.CharField(max_length=60)),
                ("score", fields.DecimalField(null=True, max_digits=4, decimal_places=1)),
                ("status", fields.CharField(max_length=12)),
                ("updated_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "score",
                "app": "records",
                "pk_attr": "id",
                "table_description": "科目成绩: one subject of a registration. 缺考, 缓考 and 违纪 are a status, never a zero.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PracticeRecord",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="practice",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("level", fields.CharField(max_length=12)),
                ("practice_hours", fields.DecimalField(max_digits=6, decimal_places=1)),
                ("supervision_hours", fields.DecimalField(max_digits=6, decimal_places=1)),
                ("updated_at", fields.DatetimeField(auto_now=True, auto_now_add=False)),
            ],
            options={
                "table": "practice_record",
                "app": "records",
                "pk_attr": "id",
                "table_description": "实践与督导 hours of a candidate for a level (S13).",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ImportRun",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=12)),
                ("file_name", fields.CharField(max_length=200)),
                ("file_sha256", fields.BinaryField()),
                ("file_key", fields.CharField(max_length=200)),
                ("report_key", fields.CharField(default="", max_length=200)),
                ("is_dry_run", fields.BooleanField()),
                ("all_or_nothing", fields.BooleanField(default=False)),
                ("state", fields.CharField(default="queued", max_length=10)),
                ("refusal_code", fields.CharField(default="", max_length=60)),
                ("refusal", fields.CharField(default="", max_length=300)),
                ("rows_total", fields.IntField(default=0)),
                ("rows_done", fields.IntField(default=0)),
                ("rows_taken", fields.IntField(default=0)),
                ("rows_unchanged", fields.IntField(default=0)),
                ("rows_refused", fields.IntField(default=0)),
                ("rows_new", fields.IntField(db_default=0)),
                ("rows_changed", fields.IntField(db_default=0)),
                ("rows_skipped", fields.IntField(db_default=0)),
                ("differences", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("asked", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("creating", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("fingerprint", fields.BinaryField(null=True)),
                ("check_id", fields.BigIntField(null=True)),
                ("notes", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("errors", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("created_by", fields.BigIntField(null=True)),
                ("actor", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("attempts", fields.IntField(default=0)),
                ("touched_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "import_run",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One spreadsheet handed in: dry or real, its counts and every error.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ScoreChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "registration",
                    fields.ForeignKeyField(
                        "records.Registration",
                        source_field="registration_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="score_changes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("subject", fields.CharField(max_length=60)),
                ("was_status", fields.CharField(max_length=12)),
                ("was_score", fields.DecimalField(null=True, max_digits=4, decimal_places=1)),
                ("status", fields.CharField(max_length=12)),
                ("score", fields.DecimalField(null=True, max_digits=4, decimal_places=1)),
                ("reason", fields.CharField(max_length=300)),
                ("state", fields.CharField(default="requested", max_length=10)),
                ("requested_by", fields.BigIntField()),
                ("requested_by_name", fields.CharField(max_length=100)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decision_note", fields.CharField(default="", max_length=300)),
            ],
            options={
                "table": "score_change",
                "app": "records",
                "pk_attr": "id",
                "table_description": "成绩变更: a released score that one member of staff asks to change and another decides on.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
