"""The go-live list in the console: runs of the doctor, and what people have confirmed."""

from pathlib import Path

from tortoise import fields
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0036_deputies")]

    initial = False

    operations = [
        ops.CreateModel(
            name="DoctorRun",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("asked_by_name", fields.CharField(default="", max_length=100)),
                ("asked_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("trouble", fields.CharField(default="", max_length=200)),
                ("findings", fields.JSONField(default=list)),
            ],
            options={
                "table": "doctor_run",
                "app": "records",
                "pk_attr": "id",
                "table_description": "体检: one run of `xcert doctor` for the console. `ended_at` empty: asked for, or under way.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="GoLiveTick",
            fields=[
                ("line", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("staff_id", fields.BigIntField()),
                ("staff_name", fields.CharField(max_length=100)),
                ("note", fields.CharField(default="", max_length=200)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "go_live_tick",
                "app": "records",
                "pk_attr": "line",
                "table_description": "上线清单的确认: somebody has seen that this line of the list is so. Taken back: the row is gone; the audit keeps both.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
