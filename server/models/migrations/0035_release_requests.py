"""Four eyes for a release: one asks, another approves."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0034_finding_people")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ReleaseRequest",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="release_requests",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("registered", fields.IntField()),
                ("passed", fields.IntField()),
                ("pending", fields.IntField()),
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
                "table": "release_request",
                "app": "records",
                "pk_attr": "id",
                "table_description": "公布申请: a plan's results are to be visible; one member of staff asks, another decides.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
