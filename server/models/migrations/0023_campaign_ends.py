"""By which registration somebody is in a campaign, and what became of the people of one that is over, as counted."""

from orjson import loads
from tortoise import fields
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration


class Migration(migration.Migration):
    dependencies = [("records", "0022_bank_refunds")]

    initial = False

    operations = [
        ops.AddField(model_name="Delivery", name="registration_id", field=fields.BigIntField(null=True)),
        ops.AddField(
            model_name="Campaign",
            name="ends",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="Campaign",
            name="counted_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
    ]
