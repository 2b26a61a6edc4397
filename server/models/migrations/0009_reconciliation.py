"""WeChat Pay's bills by day, and where they and the books differ."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0008_waivers")]

    initial = False

    operations = [
        ops.CreateModel(
            name="ReconciliationDay",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("day", fields.DateField(unique=True)),
                ("state", fields.CharField(default="open", max_length=10)),
                ("payments", fields.IntField(default=0)),
                ("payments_fen", fields.BigIntField(default=0)),
                ("refunds", fields.IntField(default=0)),
                ("refunds_fen", fields.BigIntField(default=0)),
                ("charges_fen", fields.BigIntField(default=0)),
                ("compared_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("next_try_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("trouble", fields.CharField(default="", max_length=200)),
                ("closed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("closed_by_name", fields.CharField(default="", max_length=100)),
            ],
            options={
                "table": "reconciliation_day",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One day in Beijing, compared with its trade bill. `state` is written by `payments.reconciliation_transitions`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PayBillLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "day",
                    fields.ForeignKeyField(
                        "records.ReconciliationDay",
                        source_field="day_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bill_lines",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("what", fields.CharField(max_length=8)),
                ("number", fields.CharField(max_length=64)),
                ("wechat_number", fields.CharField(max_length=40)),
                ("order_number", fields.CharField(max_length=32)),
                ("amount_fen", fields.BigIntField()),
                ("charge_fen", fields.BigIntField()),
                ("expected_charge_fen", fields.BigIntField(null=True)),
            ],
            options={
                "table": "pay_bill_line",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What a trade bill says of one payment or refund; nothing of the person. Kept: WeChat has it for three months.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ReconciliationDifference",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "day",
                    fields.ForeignKeyField(
                        "records.ReconciliationDay",
                        source_field="day_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="differences",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharField(max_length=12)),
                ("what", fields.CharField(max_length=8)),
                ("number", fields.CharField(max_length=64)),
                ("wechat_number", fields.CharField(max_length=40)),
                ("theirs_fen", fields.BigIntField(null=True)),
                ("ours_fen", fields.BigIntField(null=True)),
                ("found_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_by", fields.BigIntField(null=True)),
                ("settled_by_name", fields.CharField(default="", max_length=100)),
                ("note", fields.CharField(default="", max_length=200)),
            ],
            options={
                "table": "reconciliation_difference",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One thing in which a day's bill and the books differ, until somebody says why.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="FeeRefund",
            name="accepted_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AlterField(
            model_name="LedgerPosting",
            name="order",
            field=fields.ForeignKeyField(
                "records.FeeOrder",
                source_field="order_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="postings",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.RunSQL(STATEMENTS),
    ]
