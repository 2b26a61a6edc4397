"""Before and after going live: what the doctor found, and what people have confirmed."""

from __future__ import annotations

from typing import Any

from tortoise import fields

from server.models.record import Model


class DoctorRun(Model):
    """体检: one run of `xcert doctor` for the console. `ended_at` empty: asked for, or under way.

    `findings`: [{"level", "title", "text"}] as the command tells them. `trouble`: why it came to no end.
    """

    id = fields.BigIntField(primary_key=True)
    asked_by_name = fields.CharField(max_length=100, default="")  # empty: the nightly one
    asked_at = fields.DatetimeField()
    ended_at = fields.DatetimeField(null=True)
    trouble = fields.CharField(max_length=200, default="")
    findings: fields.Field[Any] = fields.JSONField(default=list)

    class Meta:
        table = "doctor_run"


class GoLiveTick(Model):
    """上线清单的确认: somebody has seen that this line of the list is so. Taken back: the row is gone; the audit keeps both."""

    line = fields.CharField(max_length=40, primary_key=True)
    staff_id = fields.BigIntField()
    staff_name = fields.CharField(max_length=100)
    note = fields.CharField(max_length=200, default="")
    at = fields.DatetimeField()

    class Meta:
        table = "go_live_tick"
