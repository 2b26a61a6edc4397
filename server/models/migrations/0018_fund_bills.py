"""The fund bill of a day: every movement of the account at WeChat Pay, and its balance."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")
DAY = "ReconciliationDay"


class Migration(migration.Migration):
    dependencies = [("records", "0017_open_orders")]

    initial = False

    operations = [
        ops.CreateModel(
            name="FundBillLine",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "day",
                    fields.ForeignKeyField(
                        "records.ReconciliationDay",
                        source_field="day_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="fund_lines",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("what", fields.CharField(max_length=10)),
                ("kind", fields.CharField(max_length=32)),
                ("number", fields.CharField(max_length=64)),
                ("wechat_number", fields.CharField(max_length=64)),
                ("flow_number", fields.CharField(max_length=64)),
                ("amount_fen", fields.BigIntField()),
                ("balance_fen", fields.BigIntField()),
                ("booked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fund_bill_line",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What a fund bill says of one movement of the account at WeChat Pay; nothing that a person wrote.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name=DAY, name="flows", field=fields.IntField(db_default=0)),
        ops.AddField(model_name=DAY, name="flows_in_fen", field=fields.BigIntField(db_default=0)),
        ops.AddField(model_name=DAY, name="flows_out_fen", field=fields.BigIntField(db_default=0)),
        ops.AddField(model_name=DAY, name="start_fen", field=fields.BigIntField(null=True)),
        ops.AddField(model_name=DAY, name="end_fen", field=fields.BigIntField(null=True)),
        ops.AddField(model_name=DAY, name="books_end_fen", field=fields.BigIntField(null=True)),
        ops.AlterField(
            model_name="ReconciliationDifference", name="what", field=fields.CharField(max_length=10)
        ),
        ops.AlterField(
            model_name="ReconciliationDifference", name="wechat_number", field=fields.CharField(max_length=64)
        ),
        ops.RunSQL(STATEMENTS),
    ]
