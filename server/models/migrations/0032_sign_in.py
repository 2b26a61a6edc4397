"""Console sessions that can be listed, and changes of accounts by two administrators."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0030_void_batches")]

    initial = False

    operations = [
        ops.CreateModel(
            name="StaffChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "staff",
                    fields.ForeignKeyField(
                        "records.Staff",
                        source_field="staff_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="changes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("act", fields.CharField(max_length=20)),
                ("was_role", fields.CharField(default="", max_length=12)),
                ("role", fields.CharField(default="", max_length=12)),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="staff_changes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reason", fields.CharField(max_length=300)),
                ("state", fields.CharField(default="requested", max_length=10)),
                ("asked_by", fields.BigIntField()),
                ("asked_by_name", fields.CharField(max_length=100)),
                ("asked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("note", fields.CharField(default="", max_length=300)),
            ],
            options={
                "table": "staff_change",
                "app": "records",
                "pk_attr": "id",
                "table_description": "账号变更: what two administrators do to an account; see domain.people.staff_change_states.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ConsoleSession",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=32)),
                (
                    "staff",
                    fields.ForeignKeyField(
                        "records.Staff",
                        source_field="staff_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sessions",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("epoch", fields.IntField()),
                ("way", fields.CharField(max_length=24)),
                ("address", fields.CharField(default="", max_length=45)),
                ("device", fields.CharField(default="", max_length=60)),
                ("began_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("last_used_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "console_session",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A log-in to the console, as its account and administrators see it. That one is over, `EndedSession` says.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
