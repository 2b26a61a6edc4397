"""Issuance: preparing as a job with progress, and the indexes that keep its pages and sweeps from growing with history."""

from json import loads
from pathlib import Path

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0008_releases")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Preparation",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="preparations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("after_site", fields.BigIntField(default=0)),
                ("sites_total", fields.IntField(default=0)),
                ("sites_done", fields.IntField(default=0)),
                ("made", fields.IntField(default=0)),
                ("updated", fields.IntField(default=0)),
                ("tries", fields.IntField(default=0)),
                ("refusals", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("actor", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("touched_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "preparation",
                "app": "records",
                "pk_attr": "id",
                "table_description": "建立签发批次 of one plan: how far it is. A plan has at most one that is not finished.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
