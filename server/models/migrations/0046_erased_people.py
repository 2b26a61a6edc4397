"""Officers, accounts and participants of courses are erased by two people as candidates are."""

from pathlib import Path
from typing import Any

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


def _when() -> Any:
    return fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)


def _whose(model: str, column: str) -> Any:
    return fields.ForeignKeyField(
        f"records.{model}",
        source_field=column,
        null=True,
        db_constraint=True,
        to_field="id",
        related_name="erasures",
        on_delete=OnDelete.RESTRICT,
    )


class Migration(migration.Migration):
    dependencies = [("records", "0044_erased_stays")]

    initial = False

    operations = [
        ops.AddField(model_name="Officer", name="erased_at", field=_when()),
        ops.AddField(model_name="Staff", name="erased_at", field=_when()),
        ops.AddField(model_name="CourseEnrolment", name="erased_at", field=_when()),
        ops.AlterField(model_name="Erasure", name="candidate", field=_whose("Candidate", "candidate_id")),
        ops.AddField(model_name="Erasure", name="officer", field=_whose("Officer", "officer_id")),
        ops.AddField(model_name="Erasure", name="staff", field=_whose("Staff", "staff_id")),
        ops.AddField(model_name="Erasure", name="enrolment", field=_whose("CourseEnrolment", "enrolment_id")),
        ops.RunSQL(STATEMENTS),
    ]
