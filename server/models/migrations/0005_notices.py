"""Notices and the grants that allow them."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0004_issuance")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Delivery",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("dedup", fields.CharField(unique=True, max_length=120)),
                ("account", fields.CharField(db_default="oa", max_length=2)),
                ("channel", fields.CharField(db_default="template", max_length=16)),
                ("topic", fields.CharField(max_length=20)),
                ("openid", fields.CharField(max_length=64)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="deliveries",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "officer",
                    fields.ForeignKeyField(
                        "records.Officer",
                        source_field="officer_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="deliveries",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("fields_shown", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("path", fields.CharField(default="", max_length=200)),
                ("state", fields.CharField(default="pending", max_length=10)),
                ("attempts", fields.IntField(default=0)),
                ("msgid", fields.CharField(default="", max_length=40)),
                ("last_error", fields.CharField(default="", max_length=200)),
                ("remedy", fields.CharField(db_default="", max_length=10)),
                ("next_try_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "delivery",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One message to one person. `dedup` makes it once-only.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Grant",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("account", fields.CharField(max_length=2)),
                ("openid", fields.CharField(max_length=64)),
                ("topic", fields.CharField(max_length=20)),
                ("remaining", fields.IntField(default=0)),
                ("changed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "notice_grant",
                "app": "records",
                "pk_attr": "id",
                "table_description": "How many one-time subscription messages of a topic a person still takes: the sum of its `GrantEntry` rows.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="GrantEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "grant",
                    fields.ForeignKeyField(
                        "records.Grant",
                        source_field="grant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="entries",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("source", fields.CharField(unique=True, max_length=160)),
                ("kind", fields.CharField(max_length=12)),
                ("change", fields.IntField()),
                ("teller", fields.CharField(max_length=6)),
                ("again", fields.BigIntField(null=True)),
                ("delivery_id", fields.BigIntField(null=True)),
                ("said_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "notice_grant_entry",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One line of the ledger of grants. A database rule forbids UPDATE and DELETE.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
