"""What is owed, paid and given back, and the books."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0006_jobs")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FeeOrder",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("number", fields.CharField(unique=True, max_length=32)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="orders",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="orders",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=2)),
                ("way", fields.CharField(max_length=8)),
                ("openid", fields.CharField(default="", max_length=64)),
                ("description", fields.CharField(max_length=127)),
                ("total_fen", fields.IntField()),
                ("refunded_fen", fields.IntField(default=0)),
                ("state", fields.CharField(default="pending", max_length=10)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("next_query_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("transaction_id", fields.CharField(null=True, unique=True, max_length=32)),
                ("paid_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fee_order",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One request for payment of one or more fees. `state` is written by `payments.order_transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeeRefund",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("number", fields.CharField(unique=True, max_length=32)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="refunds",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
                ("reason", fields.CharField(max_length=80)),
                ("state", fields.CharField(default="asked", max_length=10)),
                ("is_automatic", fields.BooleanField(default=False)),
                ("asked_by", fields.BigIntField(null=True)),
                ("asked_by_name", fields.CharField(max_length=100)),
                ("asked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("refund_id", fields.CharField(default="", max_length=40)),
                ("trouble", fields.CharField(default="", max_length=200)),
                ("next_try_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fee_refund",
                "app": "records",
                "pk_attr": "id",
                "table_description": "Money to give back of one order. `state` is written by `payments.refund_transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FinanceAlarm",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("dedup", fields.CharField(unique=True, max_length=120)),
                ("kind", fields.CharField(max_length=30)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="alarms",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("content", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("raised_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_by_name", fields.CharField(default="", max_length=100)),
            ],
            options={
                "table": "finance_alarm",
                "app": "records",
                "pk_attr": "id",
                "table_description": "Something about money that a person of finance has to look at; `dedup` makes it once-only.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LedgerPosting",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("source", fields.CharField(unique=True, max_length=80)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="postings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ledger_posting",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One happening in the books; its entries add up to nothing. Never changed, never deleted.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LedgerEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "posting",
                    fields.ForeignKeyField(
                        "records.LedgerPosting",
                        source_field="posting_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="entries",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("account", fields.CharField(max_length=12)),
                ("amount_fen", fields.BigIntField()),
            ],
            options={
                "table": "ledger_entry",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One line of a posting: so many fen onto (or, below zero, off) one account.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PayInboxEntry",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("event", fields.CharField(max_length=40)),
                ("content", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("received_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("applied_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "pay_inbox",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A genuine notification of WeChat Pay, kept for good before it is answered; applied by a job.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Price",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="prices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("level", fields.CharField(max_length=12)),
                ("candidate_kind", fields.CharField(max_length=10)),
                ("amount_fen", fields.IntField()),
                ("from_on", fields.DateField()),
                ("to_on", fields.DateField(null=True)),
                ("set_by", fields.BigIntField()),
                ("set_by_name", fields.CharField(max_length=100)),
                ("set_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "price",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What an examination costs somebody who registers between two days (S57). Never changed, only ended.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Fee",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "registration",
                    fields.ForeignKeyField(
                        "records.Registration",
                        source_field="registration_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="fees",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "price",
                    fields.ForeignKeyField(
                        "records.Price",
                        source_field="price_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="fees",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="fees",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="fees",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
                ("state", fields.CharField(default="owed", max_length=10)),
                (
                    "settled_by",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="settled_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="settled",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fee",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What one registration owes: made once, and no later price changes it. `state` is written by `payments.fees`.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FeeOrderLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "records.FeeOrder",
                        source_field="order_id",
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
                        related_name="lines",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_fen", fields.IntField()),
            ],
            options={
                "table": "fee_order_line",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One fee in one order.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
