"""What the doors remember."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import Operation


class Migration(migrations.Migration):
    dependencies = [("records", "0009_issuance")]

    initial = False

    operations: list[Operation] = [
        ops.CreateModel(
            name="EndedPerson",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=64)),
                ("ended_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "ended_person",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The moment up to which all sessions of a person in WeChat are over: see domain.people.ended_sessions.",
            },
            bases=["Model"],
        ),
    ]
