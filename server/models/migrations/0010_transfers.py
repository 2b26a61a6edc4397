"""Money that schools transfer to the bank account."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0009_reconciliation")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BankTransfer",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="transfers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
                ("received_on", fields.DateField()),
                ("bank_reference", fields.CharField(max_length=40)),
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
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="transfers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "bank_transfer",
                "app": "records",
                "pk_attr": "id",
                "table_description": "对公转账: recorded by one of finance, approved by another. `state` is written by `payments.transfer_transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="BankTransferLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "transfer",
                    fields.ForeignKeyField(
                        "records.BankTransfer",
                        source_field="transfer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="lines",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "fee",
                    fields.ForeignKeyField(
                        "records.Fee",
                        source_field="fee_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="transfer_lines",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
            ],
            options={
                "table": "bank_transfer_line",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One fee that a transfer is meant to pay.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
