"""Release of results, and changes to released scores."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0007_imports")]

    initial = False

    operations: list[Operation] = []
