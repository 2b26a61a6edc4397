"""Fees and orders by their amounts."""

from pathlib import Path

from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0046_erased_people")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
