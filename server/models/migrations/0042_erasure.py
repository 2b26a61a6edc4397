"""A candidate's personal data are erased by two people."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0039_audit_chain")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Candidate",
            name="erased_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.CreateModel(
            name="Erasure",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="erasures",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("asked_on", fields.DateField()),
                ("reason", fields.CharField(max_length=300)),
                ("state", fields.CharField(default="requested", max_length=10)),
                ("requested_by", fields.BigIntField()),
                ("requested_by_name", fields.CharField(max_length=100)),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decision_note", fields.CharField(default="", max_length=300)),
                ("files", fields.JSONField(default=list)),
                ("done_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "erasure",
                "app": "records",
                "pk_attr": "id",
                "table_description": "删除个人信息: asked for by one, approved by another. `state` is written by `privacy.erasure_transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
