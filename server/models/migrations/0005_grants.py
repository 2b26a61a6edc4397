"""Grants for subscription messages as a ledger, deliveries with a channel, and the phone a holder gave."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0004_late_answers")]

    initial = False

    operations = [
        ops.AddField(model_name="Candidate", name="given_phone_sealed", field=fields.BinaryField(null=True)),
        ops.AddField(
            model_name="Candidate",
            name="given_phone_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Delivery", name="account", field=fields.CharField(db_default="oa", max_length=2)
        ),
        ops.AddField(
            model_name="Delivery",
            name="channel",
            field=fields.CharField(db_default="template", max_length=16),
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
