"""What has been kept long enough is found by an index."""

from pathlib import Path

from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0042_erasure")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
