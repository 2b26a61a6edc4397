"""Every end that a message to one person may have."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0011_fee_receipts")]

    initial = False

    operations = [
        ops.AddField(model_name="Delivery", name="retries", field=fields.IntField(default=0, db_default=0)),
        ops.RunSQL(STATEMENTS),
    ]
