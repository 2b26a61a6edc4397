"""Officers: how an invitation is bound and who stands behind an officer; tokens with scopes; log-ins' own epoch."""

from pathlib import Path

from orjson import loads
from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops
from tortoise.migrations.operations import Operation

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0005_grants")]

    initial = False

    operations: list[Operation] = [
        ops.AddField(model_name="Officer", name="mobile_index", field=fields.BinaryField(null=True)),
        ops.AddField(
            model_name="Officer", name="invitation_failures", field=fields.IntField(default=0, db_default=0)
        ),
        ops.CreateModel(
            name="OfficerBacker",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "officer",
                    fields.ForeignKeyField(
                        "records.Officer",
                        source_field="officer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="backers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("staff_id", fields.BigIntField(null=True)),
                ("role", fields.CharField(max_length=12)),
                ("act", fields.CharField(max_length=10)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "officer_backer",
                "app": "records",
                "pk_attr": "id",
                "table_description": "Who of the staff stands behind an officer: invited, resumed or confirmed. They do not sign for that school.",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Staff", name="login_epoch", field=fields.IntField(default=1, db_default=1)),
        ops.AddField(
            model_name="Staff",
            name="recovery_codes",
            field=fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads),
        ),
        ops.AddField(
            model_name="ApiToken",
            name="scopes",
            field=fields.CharField(max_length=120, default="read", db_default="read"),
        ),
        ops.RunSQL(STATEMENTS),
    ]
