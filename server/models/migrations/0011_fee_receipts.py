"""The numbers of receipts."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0010_transfers")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FeeReceipt",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="receipts",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.CharField(unique=True, max_length=16)),
                ("issued_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fee_receipt",
                "app": "records",
                "pk_attr": "id",
                "table_description": "收据: the number of an order's receipt, given once when it is first asked for. Never changed, never deleted.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
