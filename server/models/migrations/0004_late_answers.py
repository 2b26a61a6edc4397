"""Pushes whose answer goes late: what was pushed, sealed, and where its answer stands."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0003_jobs")]

    initial = False

    operations = [
        ops.AddField(model_name="PushSeen", name="push", field=fields.BinaryField(null=True)),
        ops.AddField(
            model_name="PushSeen", name="state", field=fields.CharField(db_default="taken", max_length=10)
        ),
        ops.AddField(model_name="PushSeen", name="attempts", field=fields.IntField(db_default=0)),
        ops.AddField(model_name="PushSeen", name="late_since", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="PushSeen", name="next_try_at", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="PushSeen", name="settled_at", field=fields.DatetimeField(null=True)),
        ops.AddField(
            model_name="PushSeen", name="last_error", field=fields.CharField(db_default="", max_length=200)
        ),
        ops.RunSQL(STATEMENTS),
    ]
