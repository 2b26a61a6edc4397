"""Officers, bindings, tokens and log-ins."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0005_grants")]

    initial = False

    operations: list[Operation] = []
