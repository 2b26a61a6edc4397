"""Notices to persons, as rows: one row is the truth of one message to one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.campaigns import Campaign
    from server.models.people import Candidate, Officer


class Delivery(Model):
    """One message to one person. `dedup` makes it once-only."""

    id = fields.BigIntField(primary_key=True)
    dedup = fields.CharField(max_length=120, unique=True)  # e.g. certificate:17
    account = fields.CharField(max_length=2, db_default="oa")  # oa | mp: whose openid it is
    channel = fields.CharField(
        max_length=16, db_default="template"
    )  # template oa_subscription mp_subscription none
    topic = fields.CharField(max_length=20)  # campaign certificate_issued results_released signing_reminder
    openid = fields.CharField(max_length=64)
    candidate: fields.ForeignKeyNullableRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="deliveries", null=True, on_delete=fields.CASCADE
    )
    candidate_id: int | None
    officer: fields.ForeignKeyNullableRelation[Officer] = fields.ForeignKeyField(
        "records.Officer", related_name="deliveries", null=True, on_delete=fields.CASCADE
    )
    officer_id: int | None
    campaign: fields.ForeignKeyNullableRelation[Campaign] = fields.ForeignKeyField(
        "records.Campaign", related_name="deliveries", null=True, on_delete=fields.RESTRICT
    )
    campaign_id: int | None
    registration_id = fields.BigIntField(null=True)  # of a campaign: by which the person is in it
    fields_shown: fields.Field[dict[str, str]] = fields.JSONField(default=dict)
    path = fields.CharField(max_length=200, default="")
    state = fields.CharField(max_length=10, default="pending")  # see domain.notices.states
    attempts = fields.IntField(default=0)
    retries = fields.IntField(default=0, db_default=0)  # how often a person had it sent anew
    msgid = fields.CharField(max_length=40, default="")
    last_error = fields.CharField(max_length=200, default="")  # for people; nobody decides on it
    remedy = fields.CharField(
        max_length=10, db_default=""
    )  # of the last refusal by WeChat: see errors.Remedy
    tried: fields.Field[list[dict[str, str]] | None] = fields.JSONField(
        null=True
    )  # channel and why: ways that WeChat closed
    next_try_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField(auto_now_add=True)
    sent_at = fields.DatetimeField(null=True)
    settled_at = fields.DatetimeField(null=True)
    seen_at = fields.DatetimeField(null=True)  # when the person first had it on the page of notices

    class Meta:
        table = "delivery"


class NoticeOptOut(Model):
    """One choice of notices that somebody does not want: see `domain.notices.choices`. No row: wanted."""

    id = fields.BigIntField(primary_key=True)
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="opt_outs", on_delete=fields.CASCADE
    )
    candidate_id: int
    choice = fields.CharField(max_length=20)
    made_at = fields.DatetimeField()

    class Meta:
        table = "notice_opt_out"


class Grant(Model):
    """How many one-time subscription messages of a topic a person still takes: the sum of its `GrantEntry` rows."""

    id = fields.BigIntField(primary_key=True)
    account = fields.CharField(max_length=2)  # oa | mp
    openid = fields.CharField(max_length=64)
    topic = fields.CharField(max_length=20)
    remaining = fields.IntField(default=0)
    changed_at = fields.DatetimeField()

    class Meta:
        table = "notice_grant"


class GrantEntry(Model):
    """One line of the ledger of grants. A database rule forbids UPDATE and DELETE."""

    id = fields.BigIntField(primary_key=True)
    grant: fields.ForeignKeyRelation[Grant] = fields.ForeignKeyField(
        "records.Grant", related_name="entries", on_delete=fields.RESTRICT
    )
    grant_id: int
    source = fields.CharField(max_length=160, unique=True)  # what told us; the same source counts once
    kind = fields.CharField(max_length=12)  # see the rule notice_grant_entry_kinds
    change = fields.IntField()
    teller = fields.CharField(max_length=6)  # client | event | sender
    again = fields.BigIntField(null=True)  # the entry that told of the same accept; this one changes nothing
    delivery_id = fields.BigIntField(null=True)  # of `spent`, `given_back`, `refused`
    said_at = fields.DatetimeField(null=True)  # when it happened, as WeChat says
    at = fields.DatetimeField()

    class Meta:
        table = "notice_grant_entry"
