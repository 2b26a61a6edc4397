"""Fees that need not be paid, and who decided so."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0007_payments")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FeeWaiver",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "fee",
                    fields.ForeignKeyField(
                        "records.Fee",
                        source_field="fee_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="waivers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reason", fields.CharField(max_length=200)),
                ("state", fields.CharField(default="asked", max_length=10)),
                ("asked_by", fields.BigIntField()),
                ("asked_by_name", fields.CharField(max_length=100)),
                ("asked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fee_waiver",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A wish that a fee need not be paid, and what became of it. `state` is written by `payments.waiver_transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
