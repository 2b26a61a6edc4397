"""Paper certificates: print runs, numbered sheets, parcels."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0028_portal_lists")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Issuance",
            name="paper_settled",
            field=fields.BooleanField(default=False, db_default=False),
        ),
        ops.CreateModel(
            name="PaperRun",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "issuance",
                    fields.ForeignKeyField(
                        "records.Issuance",
                        source_field="issuance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="paper_runs",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(default="printing", max_length=10)),
                ("prefix", fields.CharField(max_length=8)),
                ("width", fields.SmallIntField()),
                ("first_sheet", fields.BigIntField()),
                ("last_sheet", fields.BigIntField()),
                ("left_out", fields.IntField(default=0)),
                ("slip", fields.CharField(max_length=12)),
                ("taken_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("holder_id", fields.BigIntField(null=True)),
                ("holder_name", fields.CharField(default="", max_length=100)),
                ("courier", fields.CharField(default="", max_length=20)),
                ("tracking_number", fields.CharField(default="", max_length=40)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("received_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("received_count", fields.IntField(null=True)),
                ("difference_note", fields.CharField(default="", max_length=300)),
                ("cancel_reason", fields.CharField(default="", max_length=300)),
                ("created_by", fields.BigIntField()),
                ("created_by_name", fields.CharField(max_length=100)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "paper_run",
                "app": "records",
                "pk_attr": "id",
                "table_description": "印制: the paper of one issued batch and its parcel. `state` is written by `paper.transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PaperSheet",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "run",
                    fields.ForeignKeyField(
                        "records.PaperRun",
                        source_field="run_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="sheets",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.BigIntField()),
                ("serial", fields.CharField(max_length=20)),
                (
                    "certificate",
                    fields.ForeignKeyField(
                        "records.Certificate",
                        source_field="certificate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="paper_sheets",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(default="used", max_length=8)),
                ("spoiled_reason", fields.CharField(default="", max_length=300)),
                ("spoiled_by", fields.BigIntField(null=True)),
                ("spoiled_by_name", fields.CharField(default="", max_length=100)),
                ("spoiled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "paper_sheet",
                "app": "records",
                "pk_attr": "id",
                "table_description": "纸张: one numbered sheet and the certificate that is on it. Spoiled sheets stay, with who said so and why.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PaperHand",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "run",
                    fields.ForeignKeyField(
                        "records.PaperRun",
                        source_field="run_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="hands",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("step", fields.CharField(max_length=10)),
                ("from_name", fields.CharField(default="", max_length=100)),
                ("to_name", fields.CharField(default="", max_length=100)),
                ("at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "paper_hand",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One step of the parcel's way: what was done, who gave it to whom, when.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
