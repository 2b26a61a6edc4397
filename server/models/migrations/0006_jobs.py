"""The job queue's own tables and functions, as procrastinate ships them."""

from importlib.resources import files

from tortoise.migrations import operations as ops

from server.models import migration

SCHEMA = (files("procrastinate") / "sql" / "schema.sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0005_notices")]

    initial = False

    operations = [ops.RunSQL(SCHEMA)]
