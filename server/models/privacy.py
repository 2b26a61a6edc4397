"""Erasure of a person's data (PIPL Art. 47), as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.people import Candidate, Officer, Staff
    from server.models.training import CourseEnrolment


class Erasure(Model):
    """删除个人信息: asked for by one, approved by another. `state` is written by `privacy.erasure_transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    # Whose: one of the four.
    candidate: fields.ForeignKeyNullableRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="erasures", null=True, on_delete=fields.RESTRICT
    )
    candidate_id: int | None
    officer: fields.ForeignKeyNullableRelation[Officer] = fields.ForeignKeyField(
        "records.Officer", related_name="erasures", null=True, on_delete=fields.RESTRICT
    )
    officer_id: int | None
    staff: fields.ForeignKeyNullableRelation[Staff] = fields.ForeignKeyField(
        "records.Staff", related_name="erasures", null=True, on_delete=fields.RESTRICT
    )
    staff_id: int | None
    enrolment: fields.ForeignKeyNullableRelation[CourseEnrolment] = fields.ForeignKeyField(
        "records.CourseEnrolment", related_name="erasures", null=True, on_delete=fields.RESTRICT
    )
    enrolment_id: int | None
    asked_on = fields.DateField()  # the day of the person's written request
    reason = fields.CharField(max_length=300)
    state = fields.CharField(max_length=10, default="requested")
    requested_by = fields.BigIntField()
    requested_by_name = fields.CharField(max_length=100)
    requested_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)  # who approved, refused or withdrew
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    decision_note = fields.CharField(max_length=300, default="")
    files: fields.Field[list[str]] = fields.JSONField(default=list)  # keys still to be deleted
    done_at = fields.DatetimeField(null=True)

    class Meta:
        table = "erasure"
