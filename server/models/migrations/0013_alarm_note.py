"""What finance found when it settled an alarm."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("records", "0012_delivery_ends")]

    initial = False

    operations = [
        ops.AddField(
            model_name="FinanceAlarm",
            name="note",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
    ]
