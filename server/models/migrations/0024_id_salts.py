"""The salt of each certificate's hash of the identity number; and which certificates ended, for status lists."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0023_campaign_ends")]

    initial = False

    operations = [
        ops.AddField(model_name="Certificate", name="id_salt_sealed", field=fields.BinaryField(null=True)),
        ops.RunSQL(STATEMENTS),
    ]
