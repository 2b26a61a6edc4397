"""Keys and seals."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0011_operation")]

    initial = False

    operations: list[Operation] = []
