"""Long refund numbers, notifications that fail, and what a second of finance confirms of a refund."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0014_courses")]

    initial = False

    operations = [
        ops.AlterField(
            model_name="FeeRefund",
            name="number",
            field=fields.CharField(unique=True, max_length=64),
        ),
        ops.AddField(
            model_name="FeeRefund",
            name="wish",
            field=fields.CharField(default="", db_default="", max_length=10),
        ),
        ops.AddField(model_name="FeeRefund", name="wished_by", field=fields.BigIntField(null=True)),
        ops.AddField(
            model_name="FeeRefund",
            name="wished_by_name",
            field=fields.CharField(default="", db_default="", max_length=100),
        ),
        ops.AddField(
            model_name="FeeRefund",
            name="wished_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(model_name="FeeRefund", name="card_print", field=fields.BinaryField(null=True)),
        ops.AddField(
            model_name="PayInboxEntry", name="failures", field=fields.IntField(default=0, db_default=0)
        ),
        ops.AddField(
            model_name="PayInboxEntry",
            name="next_try_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(STATEMENTS),
    ]
