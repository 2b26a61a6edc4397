"""Notices to persons, as rows: one row is the truth of one message to one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields
from tortoise.models import Model

if TYPE_CHECKING:
    from server.records.people import Candidate, Officer


class Delivery(Model):
    """One message to one person. `dedup` makes it once-only."""

    id = fields.BigIntField(primary_key=True)
    dedup = fields.CharField(max_length=120, unique=True)  # e.g. certificate:17:oa
    topic = fields.CharField(max_length=20)  # certificate_issued results_released signing_reminder
    openid = fields.CharField(max_length=64)
    candidate: fields.ForeignKeyNullableRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="deliveries", null=True, on_delete=fields.CASCADE
    )
    candidate_id: int | None
    officer: fields.ForeignKeyNullableRelation[Officer] = fields.ForeignKeyField(
        "records.Officer", related_name="deliveries", null=True, on_delete=fields.CASCADE
    )
    officer_id: int | None
    fields_shown: fields.Field[dict[str, str]] = fields.JSONField(default=dict)
    path = fields.CharField(max_length=200, default="")
    state = fields.CharField(
        max_length=10, default="pending"
    )  # pending sending accepted delivered refused unknown failed
    attempts = fields.IntField(default=0)
    msgid = fields.CharField(max_length=40, default="")
    last_error = fields.CharField(max_length=200, default="")
    next_try_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    sent_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "delivery"
