"""Corrections (S68): cases with their letter, and certificates that stand in the place of others."""

from pathlib import Path

from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0025_text_messages")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Issuance",
            name="corrects",
            field=fields.ForeignKeyField(
                "records.Certificate",
                source_field="corrects_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="replacements",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Issuance",
            name="correction_word",
            field=fields.CharField(default="", db_default="", max_length=30),
        ),
        ops.AddField(
            model_name="Certificate",
            name="corrects",
            field=fields.ForeignKeyField(
                "records.Certificate",
                source_field="corrects_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="corrected_by",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.AddField(
            model_name="Certificate",
            name="superseded_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name="Certificate",
            name="superseded_word",
            field=fields.CharField(default="", db_default="", max_length=30),
        ),
        ops.AddField(model_name="Certificate", name="printed_id_sealed", field=fields.BinaryField(null=True)),
        ops.CreateModel(
            name="Correction",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("kind", fields.CharField(max_length=10)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="corrections",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "registration",
                    fields.ForeignKeyField(
                        "records.Registration",
                        source_field="registration_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="corrections",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "certificate",
                    fields.ForeignKeyField(
                        "records.Certificate",
                        source_field="certificate_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="corrections",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="corrections",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("was_sealed", fields.BinaryField()),
                ("becomes_sealed", fields.BinaryField()),
                ("was_index", fields.BinaryField(null=True)),
                (
                    "score_change",
                    fields.ForeignKeyField(
                        "records.ScoreChange",
                        source_field="score_change_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="corrections",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("reason", fields.CharField(max_length=300)),
                ("letter_key", fields.CharField(max_length=120)),
                ("letter_kind", fields.CharField(max_length=4)),
                ("letter_sha256", fields.BinaryField()),
                ("state", fields.CharField(default="requested", max_length=10)),
                ("requested_by", fields.BigIntField()),
                ("requested_by_name", fields.CharField(max_length=100)),
                ("requested_by_school", fields.BooleanField()),
                ("requested_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("decision_note", fields.CharField(default="", max_length=300)),
                ("done_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "correction",
                "app": "records",
                "pk_attr": "id",
                "table_description": "更正: one case, asked for by one with the formal letter, decided by another. `state` is written by `corrections.transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CorrectionCertificate",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "correction",
                    fields.ForeignKeyField(
                        "records.Correction",
                        source_field="correction_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="certificates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "certificate",
                    fields.ForeignKeyField(
                        "records.Certificate",
                        source_field="certificate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="correction_certificates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "issuance",
                    fields.ForeignKeyField(
                        "records.Issuance",
                        source_field="issuance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="correction_certificates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
            ],
            options={
                "table": "correction_certificate",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One certificate that a correction has made anew, and the batch of one in which it is.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
