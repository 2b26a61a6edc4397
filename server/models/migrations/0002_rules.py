"""What the database itself refuses: uniqueness, ranges, and an audit trail that cannot be changed."""

from pathlib import Path

from tortoise import migrations
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0001_initial")]

    initial = False

    operations = [ops.RunSQL(STATEMENTS)]
