"""What opens the cashier of an order is kept, and when WeChat Pay was asked about it."""

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration


class Migration(migration.Migration):
    dependencies = [("records", "0016_campaigns")]

    initial = False

    operations = [
        ops.AddField(model_name="FeeOrder", name="queried_at", field=fields.DatetimeField(null=True)),
        ops.AddField(
            model_name="FeeOrder",
            name="handle",
            field=fields.CharField(default="", db_default="", max_length=128),
        ),
        ops.AddField(model_name="FeeOrder", name="handle_until", field=fields.DatetimeField(null=True)),
        ops.AddField(model_name="FeeOrder", name="opening_until", field=fields.DatetimeField(null=True)),
    ]
