"""What the doors remember."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0009_issuance")]

    initial = False

    operations: list[Operation] = []
