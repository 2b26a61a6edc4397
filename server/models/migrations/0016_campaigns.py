"""Campaigns of staff, their lists, and whom test messages go to."""

from pathlib import Path
from typing import Any

from orjson import loads
from tortoise import fields
from tortoise.fields.base import OnDelete
from tortoise.fields.data import JSON_DUMPS
from tortoise.migrations import operations as ops

from server.models import migration

STATEMENTS = Path(__file__).with_suffix(".sql").read_text("utf-8")


def _id() -> Any:
    return fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)


def _moment(**more: Any) -> Any:
    return fields.DatetimeField(**more, auto_now=False, auto_now_add=False)


class Migration(migration.Migration):
    dependencies = [("records", "0015_refunds_by_hand")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Campaign",
            fields=[
                ("id", _id()),
                ("name", fields.CharField(max_length=60)),
                ("kind", fields.CharField(max_length=20)),
                ("ways", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("path", fields.CharField(default="", max_length=200)),
                ("audience", fields.JSONField(encoder=JSON_DUMPS, decoder=loads)),
                ("list_counts", fields.JSONField(null=True, encoder=JSON_DUMPS, decoder=loads)),
                ("state", fields.CharField(default="draft", max_length=10)),
                ("start_at", _moment(null=True)),
                ("not_after", _moment()),
                ("quiet_from", fields.CharField(default="", max_length=5)),
                ("quiet_until", fields.CharField(default="", max_length=5)),
                ("per_second", fields.IntField()),
                ("per_day", fields.IntField()),
                ("author_id", fields.BigIntField()),
                ("author_name", fields.CharField(max_length=100)),
                ("submitted_by", fields.BigIntField(null=True)),
                ("submitted_by_name", fields.CharField(default="", max_length=100)),
                ("submitted_at", _moment(null=True)),
                ("decided_by", fields.BigIntField(null=True)),
                ("decided_by_name", fields.CharField(default="", max_length=100)),
                ("decided_at", _moment(null=True)),
                ("note", fields.CharField(default="", max_length=200)),
                ("frozen_at", _moment(null=True)),
                ("people", fields.IntField(default=0)),
                ("reachable", fields.IntField(default=0)),
                ("allowance", fields.FloatField(default=0.0)),
                ("paced_at", _moment(null=True)),
                ("calls_on", fields.DateField(null=True)),
                ("calls_today", fields.IntField(default=0)),
                ("rest_until", _moment(null=True)),
                ("served_at", _moment(null=True)),
                ("started_at", _moment(null=True)),
                ("ended_at", _moment(null=True)),
                ("cleared_at", _moment(null=True)),
                ("created_at", _moment()),
            ],
            options={
                "table": "campaign",
                "app": "records",
                "pk_attr": "id",
                "table_description": "群发. `state` is written by `domain.campaigns.transitions` alone; how far it is, its deliveries say.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="CampaignListed",
            fields=[
                ("id", _id()),
                (
                    "campaign",
                    fields.ForeignKeyField(
                        "records.Campaign",
                        source_field="campaign_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="listed",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "records.Candidate",
                        source_field="candidate_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="listed",
                        on_delete=OnDelete.CASCADE,
                    ),
                ),
            ],
            options={
                "table": "campaign_listed",
                "app": "records",
                "pk_attr": "id",
                "table_description": "One person of the list that was handed in for a campaign.",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="StaffWeChat",
            fields=[
                ("id", _id()),
                ("staff_id", fields.BigIntField(unique=True)),
                ("openid", fields.CharField(max_length=64)),
                ("linked_at", _moment()),
            ],
            options={
                "table": "staff_wechat",
                "app": "records",
                "pk_attr": "id",
                "table_description": "The official account's openid of a member of staff, to whom test messages go.",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Delivery",
            name="campaign",
            field=fields.ForeignKeyField(
                "records.Campaign",
                source_field="campaign_id",
                null=True,
                db_constraint=True,
                to_field="id",
                related_name="deliveries",
                on_delete=OnDelete.RESTRICT,
            ),
        ),
        ops.RunSQL(STATEMENTS),
    ]
