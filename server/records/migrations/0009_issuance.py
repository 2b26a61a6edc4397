"""Issuance: preparing as a job, and its indexes."""

from tortoise import migrations
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0008_releases")]

    initial = False

    operations: list[Operation] = []
