"""Money that goes back from the bank account to schools."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0021_notice_choices")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BankRefund",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bank_refunds",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="bank_refunds",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
                ("paid_on", fields.DateField()),
                ("bank_reference", fields.CharField(max_length=40)),
                ("reason", fields.CharField(max_length=80)),
                ("proof_key", fields.CharField(max_length=120)),
                ("proof_kind", fields.CharField(max_length=4)),
                ("proof_sha256", fields.BinaryField()),
                ("state", fields.CharField(default="recorded", max_length=10)),
                ("recorded_by", fields.BigIntField()),
                ("recorded_by_name", fields.CharField(max_length=100)),
                ("recorded_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "bank_refund",
                "app": "records",
                "pk_attr": "id",
                "table_description": "银行退款: what the bank has paid back of an order that a transfer paid. `state` is written by `payments.bank_refund_transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
