"""Imports: what a check found, and who decided."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0006_people")]

    initial = False

    operations: list[Operation] = []
