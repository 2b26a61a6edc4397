"""The job queue's own tables and functions, as procrastinate ships them."""

from importlib.resources import files

from tortoise import migrations
from tortoise.migrations import operations as ops

SCHEMA = (files("procrastinate") / "sql" / "schema.sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0005_notices")]

    initial = False

    operations = [ops.RunSQL(SCHEMA)]
