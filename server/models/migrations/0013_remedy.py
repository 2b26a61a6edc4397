"""What helps a notice that WeChat refused, beside the sentence that says so to people."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0012_keys")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Delivery", name="remedy", field=fields.CharField(db_default="", max_length=10)
        ),
        ops.RunSQL(STATEMENTS),
    ]
