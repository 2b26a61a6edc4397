"""What finance found when it settled an alarm."""

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration


class Migration(migration.Migration):
    dependencies = [("records", "0012_delivery_ends")]

    initial = False

    operations = [
        ops.AddField(
            model_name="FinanceAlarm",
            name="note",
            field=fields.CharField(default="", db_default="", max_length=200),
        ),
    ]
