"""A batch of one that comes to nothing ends as void."""

from pathlib import Path

from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0029_paper")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
