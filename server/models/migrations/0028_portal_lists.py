"""The national portal's list as rows, and where it and our certificates differ."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0027_public_log")]

    initial = False

    operations = [
        ops.CreateModel(
            name="PortalList",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("taken_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("taken_by_name", fields.CharField(max_length=100)),
                ("rows", fields.IntField()),
                ("compared_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("kept", fields.IntField(default=0)),
                ("same", fields.IntField(default=0)),
                ("differs", fields.IntField(default=0)),
                ("theirs_only", fields.IntField(default=0)),
                ("ours", fields.IntField(default=0)),
                ("listed", fields.IntField(default=0)),
                ("ours_only", fields.IntField(default=0)),
                ("uncompared", fields.IntField(default=0)),
            ],
            options={
                "table": "portal_list",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One list of the portal that somebody brought. The newest carries what the last comparison came to.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PortalRow",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "list",
                    fields.ForeignKeyField(
                        "records.PortalList",
                        source_field="list_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="kept_rows",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.CharField(max_length=24)),
                ("portal_number", fields.CharField(max_length=60)),
                ("name", fields.CharField(default="", max_length=60)),
                ("id_index", fields.BinaryField(null=True)),
                ("level", fields.CharField(default="", max_length=12)),
                ("issued_on", fields.DateField(null=True)),
            ],
            options={
                "table": "portal_row",
                "app": "records",
                "pk_attr": "id",
                "table_description": "What the portal said last of one certificate. The identity number is kept as its blind index alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PortalDifference",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=12)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="portal_differences",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.CharField(max_length=24)),
                ("portal_number", fields.CharField(default="", max_length=60)),
                ("fields_differing", fields.TextField(default="[]", unique=False)),
                ("found_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("settled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("settled_by", fields.BigIntField(null=True)),
                ("settled_by_name", fields.CharField(default="", max_length=100)),
                ("note", fields.CharField(default="", max_length=200)),
            ],
            options={
                "table": "portal_difference",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One certificate in which the portal and we differ, until somebody says why or a later list agrees.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
