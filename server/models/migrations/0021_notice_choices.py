"""Ways that WeChat closed to a message, when it was seen on the page, and the kinds of notice that people do not want."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0020_delivery_lists")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Delivery",
            name="tried",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="Delivery",
            name="seen_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.CreateModel(
            name="NoticeOptOut",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="opt_outs",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                ("choice", fields.CharField(max_length=20)),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "notice_opt_out",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One choice of notices that somebody does not want: see `domain.notices.choices`. No row: wanted.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
