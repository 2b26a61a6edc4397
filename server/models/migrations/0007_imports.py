"""Imports: what a check found and which names it may make; changes of released scores by two people."""

from pathlib import Path

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migrations.Migration):
    dependencies = [("records", "0006_people")]

    initial = False

    operations = [
        ops.AddField(model_name="ImportRun", name="rows_new", field=fields.IntField(db_default=0)),
        ops.AddField(model_name="ImportRun", name="rows_changed", field=fields.IntField(db_default=0)),
        ops.AddField(model_name="ImportRun", name="rows_skipped", field=fields.IntField(db_default=0)),
        ops.AddField(model_name="ImportRun", name="differences", field=fields.JSONField(null=True)),
        ops.AddField(model_name="ImportRun", name="asked", field=fields.JSONField(null=True)),
        ops.AddField(model_name="ImportRun", name="creating", field=fields.JSONField(null=True)),
        ops.AddField(model_name="ImportRun", name="fingerprint", field=fields.BinaryField(null=True)),
        ops.AddField(model_name="ImportRun", name="check_id", field=fields.BigIntField(null=True)),
        ops.CreateModel(
            name="ScoreChange",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "registration",
                    fields.ForeignKeyField(
                        "records.Registration",
                        source_field="registration_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="score_changes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("subject", fields.CharField(max_length=60)),
                ("was_status", fields.CharField(max_length=12)),
                ("was_score", fields.DecimalField(null=True, max_digits=4, decimal_places=1)),
                ("status", fields.CharField(max_length=12)),
                ("score", fields.DecimalField(null=True, max_digits=4, decimal_places=1)),
                ("reason", fields.CharField(max_length=300)),
                ("state", fields.CharField(default="requested", max_length=10)),
                ("requested_by", fields.BigIntField()),
                ("requested_by_name", fields.CharField(max_length=100)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decision_note", fields.CharField(default="", max_length=300)),
            ],
            options={
                "table": "score_change",
                "app": "records",
                "pk_attr": "id",
                "table_description": "成绩变更: a released score that one member of staff asks to change and another decides on.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
