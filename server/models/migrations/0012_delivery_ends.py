"""Every end that a message to one person may have."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0011_fee_receipts")]

    initial = False

    operations = [
        ops.AddField(model_name="Delivery", name="retries", field=fields.IntField(default=0, db_default=0)),
        ops.RunSQL(STATEMENTS),
    ]
