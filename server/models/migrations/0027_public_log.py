"""The public log of issuing."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0026_corrections")]

    initial = False

    operations = [
        ops.CreateModel(
            name="LogOutboxEntry",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("event", fields.CharField(max_length=12)),
                ("certificate", fields.BinaryField()),
                ("entry", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "log_outbox",
                "app": "records",
                "pk_attr": "id",
                "table_description": "An event that has no place in the log yet; written in the transaction that it tells of, moved by the sequencer.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LogEntry",
            fields=[
                ("index", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("event", fields.CharField(max_length=12)),
                ("certificate", fields.BinaryField()),
                ("entry", fields.BinaryField()),
            ],
            options={
                "table": "log_entry",
                "app": "records",
                "pk_attr": "index",
                "table_description": "A line of the log, for ever: refused to be changed or deleted by the database.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LogCheckpoint",
            fields=[
                ("size", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("root", fields.BinaryField()),
                ("note", fields.TextField(unique=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "log_checkpoint",
                "app": "records",
                "pk_attr": "size",
                "table_description": "A head of the log that was signed, for ever.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LogCosignature",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("size", fields.BigIntField()),
                ("witness", fields.CharField(max_length=200)),
                ("line", fields.TextField(unique=False)),
                ("signed_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "log_cosignature",
                "app": "records",
                "pk_attr": "id",
                "table_description": "A witness's newest signature under a checkpoint.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="LogHead",
            fields=[
                ("id", fields.IntField(generated=False, primary_key=True, unique=True, db_index=True)),
                ("origin", fields.CharField(default="", max_length=200)),
                ("writer", fields.CharField(default="", max_length=32)),
                ("writer_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("stopped_reason", fields.CharField(default="", max_length=300)),
                ("stopped_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("looked_through", fields.BigIntField(default=0)),
                ("complete_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "log_head",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The one row that says who writes the log now, why it stands still, and how far older certificates are looked through.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
