"""Campaigns of staff, as rows: what is sent to whom, who approved it, and how fast it goes. Its people: `Delivery`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.people import Candidate


class Campaign(Model):
    """群发. `state` is written by `domain.campaigns.transitions` alone; how far it is, its deliveries say."""

    id = fields.BigIntField(primary_key=True)
    name = fields.CharField(max_length=60)
    kind = fields.CharField(max_length=20)  # see domain.campaigns.kinds: nobody is in two of a kind at once
    ways: fields.Field[list[dict[str, Any]]] = fields.JSONField()  # channel, template, its fields; best first
    path = fields.CharField(max_length=200, default="")  # the local page that a message opens
    audience: fields.Field[dict[str, Any]] = fields.JSONField()
    list_counts: fields.Field[dict[str, Any] | None] = fields.JSONField(null=True)  # of the list handed in
    state = fields.CharField(max_length=10, default="draft")
    start_at = fields.DatetimeField(null=True)  # empty: when somebody starts it
    not_after = fields.DatetimeField()  # nothing is sent from this moment on, whatever happened meanwhile
    quiet_from = fields.CharField(max_length=5, default="")  # 22:00 in Beijing; empty: no quiet hours
    quiet_until = fields.CharField(max_length=5, default="")
    per_second = fields.IntField()
    per_day = fields.IntField()
    author_id = fields.BigIntField()  # who wrote it last
    author_name = fields.CharField(max_length=100)
    submitted_by = fields.BigIntField(null=True)
    submitted_by_name = fields.CharField(max_length=100, default="")
    submitted_at = fields.DatetimeField(null=True)
    decided_by = fields.BigIntField(null=True)
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    note = fields.CharField(max_length=200, default="")  # why it was declined, stopped or paused; for people
    frozen_at = fields.DatetimeField(null=True)  # when its people were written down, one delivery each
    people = fields.IntField(default=0)  # so many
    reachable = fields.IntField(default=0)  # so many of them have a way
    allowance = fields.FloatField(default=0.0)  # calls that may be made at once, at `paced_at`
    paced_at = fields.DatetimeField(null=True)
    calls_on = fields.DateField(null=True)  # the day in Beijing of which `calls_today` is
    calls_today = fields.IntField(default=0)
    rest_until = fields.DatetimeField(null=True)  # WeChat's quota is used up until then
    served_at = fields.DatetimeField(null=True)  # the last slice: of two campaigns the other one is next
    started_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    cleared_at = fields.DatetimeField(null=True)  # of one that was stopped: nothing of it waits any more
    ends: fields.Field[dict[str, int] | None] = fields.JSONField(null=True)  # of one that is over
    counted_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "campaign"


class CampaignListed(Model):
    """One person of the list that was handed in for a campaign."""

    id = fields.BigIntField(primary_key=True)
    campaign: fields.ForeignKeyRelation[Campaign] = fields.ForeignKeyField(
        "records.Campaign", related_name="listed", on_delete=fields.CASCADE
    )
    campaign_id: int
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="listed", on_delete=fields.CASCADE
    )
    candidate_id: int

    class Meta:
        table = "campaign_listed"


class StaffWeChat(Model):
    """The official account's openid of a member of staff, to whom test messages go."""

    id = fields.BigIntField(primary_key=True)
    staff_id = fields.BigIntField(unique=True)
    openid = fields.CharField(max_length=64)
    linked_at = fields.DatetimeField()

    class Meta:
        table = "staff_wechat"
