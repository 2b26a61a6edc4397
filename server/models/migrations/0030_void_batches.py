"""A batch of one that comes to nothing ends as void."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0029_paper")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
