"""Paper certificates (S91), as rows: print runs with their parcel, numbered sheets, and whose hands the parcel went through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.issuance import Certificate, Issuance


class PaperRun(Model):
    """印制: the paper of one issued batch and its parcel. `state` is written by `paper.transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    issuance: fields.ForeignKeyRelation[Issuance] = fields.ForeignKeyField(
        "records.Issuance", related_name="paper_runs", on_delete=fields.RESTRICT
    )
    issuance_id: int
    state = fields.CharField(max_length=10, default="printing")
    prefix = fields.CharField(max_length=8)  # of the stock's serials
    width = fields.SmallIntField()  # digits of a serial
    first_sheet = fields.BigIntField()  # the range of blank sheets that was given out for it
    last_sheet = fields.BigIntField()
    left_out = fields.IntField(default=0)  # certificates of the batch that were not valid any more
    slip = fields.CharField(max_length=12)  # the code that is printed on the parcel's slip and nowhere else
    taken_at = fields.DatetimeField(null=True)  # the print file, the first time
    holder_id = fields.BigIntField(null=True)  # who has the parcel now
    holder_name = fields.CharField(max_length=100, default="")
    courier = fields.CharField(max_length=20, default="")
    tracking_number = fields.CharField(max_length=40, default="")
    sent_at = fields.DatetimeField(null=True)
    received_at = fields.DatetimeField(null=True)
    received_count = fields.IntField(null=True)  # sheets, as the school counted them
    difference_note = fields.CharField(max_length=300, default="")
    cancel_reason = fields.CharField(max_length=300, default="")
    created_by = fields.BigIntField()
    created_by_name = fields.CharField(max_length=100)
    created_at = fields.DatetimeField()

    class Meta:
        table = "paper_run"


class PaperSheet(Model):
    """纸张: one numbered sheet and the certificate that is on it. Spoiled sheets stay, with who said so and why."""

    id = fields.BigIntField(primary_key=True)
    run: fields.ForeignKeyRelation[PaperRun] = fields.ForeignKeyField(
        "records.PaperRun", related_name="sheets", on_delete=fields.RESTRICT
    )
    run_id: int
    number = fields.BigIntField()
    serial = fields.CharField(max_length=20)
    certificate: fields.ForeignKeyRelation[Certificate] = fields.ForeignKeyField(
        "records.Certificate", related_name="paper_sheets", on_delete=fields.RESTRICT
    )
    certificate_id: int
    state = fields.CharField(max_length=8, default="used")  # used | spoiled | released
    spoiled_reason = fields.CharField(max_length=300, default="")
    spoiled_by = fields.BigIntField(null=True)
    spoiled_by_name = fields.CharField(max_length=100, default="")
    spoiled_at = fields.DatetimeField(null=True)

    class Meta:
        table = "paper_sheet"


class PaperHand(Model):
    """One step of the parcel's way: what was done, who gave it to whom, when."""

    id = fields.BigIntField(primary_key=True)
    run: fields.ForeignKeyRelation[PaperRun] = fields.ForeignKeyField(
        "records.PaperRun", related_name="hands", on_delete=fields.RESTRICT
    )
    run_id: int
    step = fields.CharField(max_length=10)
    from_name = fields.CharField(max_length=100, default="")
    to_name = fields.CharField(max_length=100, default="")
    at = fields.DatetimeField()

    class Meta:
        table = "paper_hand"
