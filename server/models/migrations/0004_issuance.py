"""Batches, numbers, scan tickets, receipts and certificates."""

from pathlib import Path

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


class Migration(migration.Migration):
    dependencies = [("records", "0003_exams")]

    initial = False

    operations = [
        ops.CreateModel(
            name="NumberSeries",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("prefix", fields.CharField(unique=True, max_length=16)),
                ("given", fields.BigIntField(default=0)),
            ],
            options={
                "table": "number_series",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The last serial given out for year × kind × level; it only grows.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Issuance",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="issuances",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "site",
                    fields.ForeignKeyField(
                        "records.Site",
                        source_field="site_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="issuances",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(default="prepared", max_length=14)),
                ("revision", fields.IntField(default=1)),
                ("list_sha256", fields.BinaryField(null=True)),
                ("count", fields.IntField(default=0)),
                ("return_reason", fields.CharField(default="", max_length=300)),
                ("org_signed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("org_signed_by", fields.BigIntField(null=True)),
                ("school_signed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("handed_over_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("issued_on", fields.DateField(null=True)),
                ("issued_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("announced_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "issuance",
                "app": "records",
                "pk_attr": "id",
                "table_description": "签发批次: one plan at one site. `state` is written by `domain.issuance.transitions` alone.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Preparation",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "records.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="preparations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("after_site", fields.BigIntField(default=0)),
                ("sites_total", fields.IntField(default=0)),
                ("sites_done", fields.IntField(default=0)),
                ("made", fields.IntField(default=0)),
                ("updated", fields.IntField(default=0)),
                ("tries", fields.IntField(default=0)),
                ("refusals", fields.JSONField(default=list, encoder=JSON_DUMPS, decoder=loads)),
                ("actor", fields.JSONField(default=dict, encoder=JSON_DUMPS, decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("touched_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("finished_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "preparation",
                "app": "records",
                "pk_attr": "id",
                "table_description": "建立签发批次 of one plan: how far it is. A plan has at most one that is not finished.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="ScanTicket",
            fields=[
                ("id", fields.BigIntField(generated=False, primary_key=True, unique=True, db_index=True)),
                (
                    "issuance",
                    fields.ForeignKeyField(
                        "records.Issuance",
                        source_field="issuance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="scan_tickets",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("revision", fields.IntField()),
                ("list_sha256", fields.BinaryField()),
                (
                    "school",
                    fields.ForeignKeyField(
                        "records.School",
                        source_field="school_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="scan_tickets",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("key_epoch", fields.IntField()),
                ("shown_by", fields.CharField(default="", max_length=100)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("replaced_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("opened_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "spent_by",
                    fields.ForeignKeyField(
                        "records.Officer",
                        source_field="spent_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="spent_tickets",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("spent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("spent_as", fields.CharField(default="", max_length=14)),
            ],
            options={
                "table": "scan_ticket",
                "app": "records",
                "pk_attr": "id",
                "table_description": "签发二维码: one showing of a QR. `id` is 63 random bits.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Receipt",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "issuance",
                    fields.ForeignKeyField(
                        "records.Issuance",
                        source_field="issuance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="receipts",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "ticket",
                    fields.OneToOneField(
                        "records.ScanTicket",
                        source_field="ticket_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="receipt",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "officer",
                    fields.ForeignKeyField(
                        "records.Officer",
                        source_field="officer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="receipts",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("document", fields.BinaryField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "receipt",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The signed proof of one confirmation.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Certificate",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("number", fields.CharField(unique=True, max_length=24)),
                (
                    "issuance",
                    fields.ForeignKeyField(
                        "records.Issuance",
                        source_field="issuance_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="certificates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "registration",
                    fields.ForeignKeyField(
                        "records.Registration",
                        source_field="registration_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="certificates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="certificates",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("state", fields.CharField(default="reserved", max_length=12)),
                ("line", fields.BinaryField()),
                ("claims", fields.BinaryField(null=True)),
                ("claims_sha256", fields.BinaryField(null=True)),
                ("code", fields.TextField(default="", unique=False)),
                ("pdf_key", fields.CharField(default="", max_length=200)),
                ("pdf_sha256", fields.BinaryField(null=True)),
                ("sealed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("attempts", fields.IntField(default=0)),
                ("last_error", fields.CharField(default="", max_length=300)),
                ("claimed_by", fields.CharField(db_default="", max_length=16)),
                ("claimed_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("portal_number", fields.CharField(default="", max_length=60)),
                ("expires_on", fields.DateField(null=True)),
                ("revoked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("revoke_reason", fields.CharField(default="", max_length=300)),
                (
                    "superseded_by",
                    fields.ForeignKeyField(
                        "records.Certificate",
                        source_field="superseded_by_id",
                        null=True,
                        db_constraint=True,
                        to_field="id",
                        related_name="supersedes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=True)),
            ],
            options={
                "table": "certificate",
                "app": "records",
                "pk_attr": "id",
                "table_description": "证书 of one registration: reserved with its batch, sealed at 发放. A void row keeps its number for ever.",
            },
            bases=["Model"],
        ),
        ops.RunSQL(STATEMENTS),
    ]
