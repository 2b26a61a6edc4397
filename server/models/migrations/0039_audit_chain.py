"""A hash chain over the audit trail."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0038_accounts_by_two")]

    initial = False

    operations = [
        ops.CreateModel(
            name="AuditLink",
            fields=[
                (
                    "position",
                    fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True),
                ),
                ("until_id", fields.BigIntField()),
                ("count", fields.IntField()),
                ("entries_sha256", fields.BinaryField()),
                ("hash", fields.BinaryField()),
                ("made_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "audit_link",
                "app": "records",
                "pk_attr": "position",
                "table_description": "One link of the chain over the trail: entries up to `until_id`, from where the link before ended. Never changed.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="AuditMark",
            fields=[
                ("id", fields.IntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("until_id", fields.BigIntField(default=0)),
                ("seen_xid", fields.BigIntField(default=0)),
                ("published", fields.BigIntField(default=0)),
            ],
            options={
                "table": "audit_mark",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One row: up to which entry the chain may go, once every transaction that ran then has ended.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
