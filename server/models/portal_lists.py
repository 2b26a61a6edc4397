"""The national portal's list as it was imported, and where it and our certificates differ (S22, S94)."""

from __future__ import annotations

from tortoise import fields

from server.models.exams import Plan
from server.models.record import Model


class PortalList(Model):
    """One list of the portal that somebody brought. The newest carries what the last comparison came to."""

    id = fields.BigIntField(primary_key=True)
    taken_at = fields.DatetimeField()
    taken_by_name = fields.CharField(max_length=100)
    rows = fields.IntField()  # of this list
    compared_at = fields.DatetimeField(null=True)
    # Of every row that is kept, of this list or one before: they are as many as the three of them together.
    kept = fields.IntField(default=0)
    same = fields.IntField(default=0)
    differs = fields.IntField(default=0)
    theirs_only = fields.IntField(default=0)
    # Of our valid certificates: as many as the three of them together.
    ours = fields.IntField(default=0)
    listed = fields.IntField(default=0)
    ours_only = fields.IntField(default=0)
    uncompared = fields.IntField(default=0)  # of plans of which no list has anything yet

    class Meta:
        table = "portal_list"


class PortalRow(Model):
    """What the portal said last of one certificate. The identity number is kept as its blind index alone."""

    id = fields.BigIntField(primary_key=True)
    list: fields.ForeignKeyRelation[PortalList] = fields.ForeignKeyField(
        "records.PortalList", related_name="kept_rows", on_delete=fields.RESTRICT
    )
    list_id: int
    number = fields.CharField(max_length=24)  # ours, as the portal has it
    portal_number = fields.CharField(max_length=60)
    name = fields.CharField(max_length=60, default="")
    id_index = fields.BinaryField(null=True)
    level = fields.CharField(max_length=12, default="")
    issued_on = fields.DateField(null=True)

    class Meta:
        table = "portal_row"


class PortalDifference(Model):
    """One certificate in which the portal and we differ, until somebody says why or a later list agrees."""

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharField(max_length=12)  # theirs_only | ours_only | differs
    plan: fields.ForeignKeyNullableRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="portal_differences", null=True, on_delete=fields.RESTRICT
    )
    plan_id: int | None  # empty: we have no such certificate
    number = fields.CharField(max_length=24)
    portal_number = fields.CharField(max_length=60, default="")
    fields_differing = fields.TextField(default="[]")  # JSON: what, ours, theirs
    found_at = fields.DatetimeField()
    settled_at = fields.DatetimeField(null=True)
    settled_by = fields.BigIntField(null=True)  # empty on a settled one: the comparison found it no more
    settled_by_name = fields.CharField(max_length=100, default="")
    note = fields.CharField(max_length=200, default="")

    class Meta:
        table = "portal_difference"
