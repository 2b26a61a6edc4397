"""Candidates found by a part of their name and by their phone."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0033_passkeys")]

    initial = False

    operations = [
        ops.AddField(model_name="Candidate", name="mobile_index", field=fields.BinaryField(null=True)),
        ops.AddField(model_name="Candidate", name="given_phone_index", field=fields.BinaryField(null=True)),
        ops.RunSQL(STATEMENTS),
    ]
