"""Corrections of what is on record or on a certificate (S68), as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.exams import Registration, ScoreChange
    from server.models.issuance import Certificate, Issuance
    from server.models.people import Candidate, School


class Correction(Model):
    """更正: one case, asked for by one with the formal letter, decided by another. `state` is written by `corrections.transitions` alone.

    What was and what becomes of it are sealed JSON; nothing of them is ever overwritten.
    """

    id = fields.BigIntField(primary_key=True)
    kind = fields.CharField(max_length=10)  # person | placement | score | reissue
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="corrections", on_delete=fields.RESTRICT
    )
    candidate_id: int
    registration: fields.ForeignKeyNullableRelation[Registration] = fields.ForeignKeyField(
        "records.Registration", related_name="corrections", null=True, on_delete=fields.RESTRICT
    )
    registration_id: int | None  # the one that it is about, unless it is about the person
    certificate: fields.ForeignKeyNullableRelation[Certificate] = fields.ForeignKeyField(
        "records.Certificate", related_name="corrections", null=True, on_delete=fields.RESTRICT
    )
    certificate_id: int | None  # a revoked one whose holder is to be certified again
    school: fields.ForeignKeyNullableRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="corrections", null=True, on_delete=fields.RESTRICT
    )
    school_id: int | None  # whose account sees the case
    was_sealed = fields.BinaryField()
    becomes_sealed = fields.BinaryField()
    was_index = fields.BinaryField(null=True)  # the identity number that was, to be found
    score_change: fields.ForeignKeyNullableRelation[ScoreChange] = fields.ForeignKeyField(
        "records.ScoreChange", related_name="corrections", null=True, on_delete=fields.RESTRICT
    )
    score_change_id: int | None
    reason = fields.CharField(max_length=300)
    letter_key = fields.CharField(max_length=120)  # in the file store, sealed
    letter_kind = fields.CharField(max_length=4)  # pdf | jpeg | png
    letter_sha256 = fields.BinaryField()
    state = fields.CharField(max_length=10, default="requested")
    requested_by = fields.BigIntField()
    requested_by_name = fields.CharField(max_length=100)
    requested_by_school = fields.BooleanField()  # by the school's own account
    requested_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)  # who approved, refused or withdrew
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    decision_note = fields.CharField(max_length=300, default="")
    done_at = fields.DatetimeField(null=True)

    class Meta:
        table = "correction"


class CorrectionCertificate(Model):
    """One certificate that a correction has made anew, and the batch of one in which it is."""

    id = fields.BigIntField(primary_key=True)
    correction: fields.ForeignKeyRelation[Correction] = fields.ForeignKeyField(
        "records.Correction", related_name="certificates", on_delete=fields.RESTRICT
    )
    correction_id: int
    certificate: fields.ForeignKeyRelation[Certificate] = fields.ForeignKeyField(
        "records.Certificate", related_name="correction_certificates", on_delete=fields.RESTRICT
    )
    certificate_id: int  # the old one
    issuance: fields.ForeignKeyRelation[Issuance] = fields.ForeignKeyField(
        "records.Issuance", related_name="correction_certificates", on_delete=fields.RESTRICT
    )
    issuance_id: int

    class Meta:
        table = "correction_certificate"
