"""Operation."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0010_web")]

    initial = False

    operations: list[Operation] = []
