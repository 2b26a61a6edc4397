"""Issuance batches, scan tickets, receipts, certificates and their numbers, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.exams import Plan, Registration
    from server.models.people import Candidate, Officer, School, Site


class NumberSeries(Model):
    """The last serial given out for year × kind × level; it only grows."""

    id = fields.BigIntField(primary_key=True)
    prefix = fields.CharField(max_length=16, unique=True)
    given = fields.BigIntField(default=0)  # the last serial given out

    class Meta:
        table = "number_series"


class Issuance(Model):
    """签发批次: one plan at one site. `state` is written by `domain.issuance.transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="issuances", on_delete=fields.RESTRICT
    )
    plan_id: int
    site: fields.ForeignKeyRelation[Site] = fields.ForeignKeyField(
        "records.Site", related_name="issuances", on_delete=fields.RESTRICT
    )
    site_id: int
    state = fields.CharField(max_length=14, default="prepared")
    revision = fields.IntField(default=1)
    list_sha256 = fields.BinaryField(null=True)
    count = fields.IntField(default=0)
    return_reason = fields.CharField(max_length=300, default="")
    org_signed_at = fields.DatetimeField(null=True)
    org_signed_by = fields.BigIntField(null=True)
    school_signed_at = fields.DatetimeField(null=True)
    handed_over_at = fields.DatetimeField(null=True)
    issued_on = fields.DateField(null=True)  # Beijing day of 发放
    issued_at = fields.DatetimeField(null=True)
    announced_at = fields.DatetimeField(null=True)  # every holder's notice has been put
    corrects: fields.ForeignKeyNullableRelation[Certificate] = fields.ForeignKeyField(
        "records.Certificate", related_name="replacements", null=True, on_delete=fields.RESTRICT
    )
    corrects_id: int | None  # a batch of one: the certificate in whose place a new one is issued (S68)
    correction_word = fields.CharField(
        max_length=30, default="", db_default=""
    )  # why, as anybody may read it
    paper_settled = fields.BooleanField(
        default=False, db_default=False
    )  # its paper certificates are sent (S91), or were before that was recorded here
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "issuance"


class Preparation(Model):
    """建立签发批次 of one plan: how far it is. A plan has at most one that is not finished."""

    id = fields.BigIntField(primary_key=True)
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="preparations", on_delete=fields.RESTRICT
    )
    plan_id: int
    after_site = fields.BigIntField(default=0)  # sites up to this one are done
    sites_total = fields.IntField(default=0)
    sites_done = fields.IntField(default=0)
    made = fields.IntField(default=0)  # new batches
    updated = fields.IntField(default=0)  # batches whose list changed
    tries = fields.IntField(default=0)  # at the next site
    refusals: fields.Field[list[dict[str, object]]] = fields.JSONField(default=list)
    actor: fields.Field[dict[str, object]] = fields.JSONField(default=dict)  # who asked for it, for the trail
    created_at = fields.DatetimeField()
    touched_at = fields.DatetimeField()  # the last sign of life
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "preparation"


class ScanTicket(Model):
    """签发二维码: one showing of a QR. `id` is 63 random bits."""

    id = fields.BigIntField(primary_key=True, generated=False)
    issuance: fields.ForeignKeyRelation[Issuance] = fields.ForeignKeyField(
        "records.Issuance", related_name="scan_tickets", on_delete=fields.RESTRICT
    )
    issuance_id: int
    revision = fields.IntField()
    list_sha256 = fields.BinaryField()
    school: fields.ForeignKeyRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="scan_tickets", on_delete=fields.RESTRICT
    )
    school_id: int
    key_epoch = fields.IntField()
    shown_by = fields.CharField(max_length=100, default="")  # whose screen, so that a relayed QR is noticed
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()
    replaced_at = fields.DatetimeField(null=True)
    opened_at = fields.DatetimeField(null=True)
    spent_by: fields.ForeignKeyNullableRelation[Officer] = fields.ForeignKeyField(
        "records.Officer", related_name="spent_tickets", null=True, on_delete=fields.RESTRICT
    )
    spent_by_id: int | None
    spent_at = fields.DatetimeField(null=True)
    spent_as = fields.CharField(max_length=14, default="")  # confirm_scan | school_return

    class Meta:
        table = "scan_ticket"


class Receipt(Model):
    """The signed proof of one confirmation."""

    id = fields.BigIntField(primary_key=True)
    issuance: fields.ForeignKeyRelation[Issuance] = fields.ForeignKeyField(
        "records.Issuance", related_name="receipts", on_delete=fields.RESTRICT
    )
    issuance_id: int
    ticket: fields.OneToOneRelation[ScanTicket] = fields.OneToOneField(
        "records.ScanTicket", related_name="receipt", on_delete=fields.RESTRICT
    )
    ticket_id: int
    officer: fields.ForeignKeyRelation[Officer] = fields.ForeignKeyField(
        "records.Officer", related_name="receipts", on_delete=fields.RESTRICT
    )
    officer_id: int
    document = fields.BinaryField()  # canonical JSON with its signature
    created_at = fields.DatetimeField()

    class Meta:
        table = "receipt"


class Certificate(Model):
    """证书 of one registration: reserved with its batch, sealed at 发放. A void row keeps its number for ever."""

    id = fields.BigIntField(primary_key=True)
    number = fields.CharField(max_length=24, unique=True)
    issuance: fields.ForeignKeyRelation[Issuance] = fields.ForeignKeyField(
        "records.Issuance", related_name="certificates", on_delete=fields.RESTRICT
    )
    issuance_id: int
    registration: fields.ForeignKeyRelation[Registration] = fields.ForeignKeyField(
        "records.Registration", related_name="certificates", on_delete=fields.RESTRICT
    )
    registration_id: int
    candidate: fields.ForeignKeyRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="certificates", on_delete=fields.RESTRICT
    )
    candidate_id: int
    state = fields.CharField(
        max_length=12, default="reserved"
    )  # reserved void drawing valid revoked superseded
    line = fields.BinaryField()  # canonical JSON of what is to be signed: this certificate's line of the list
    id_salt_sealed = fields.BinaryField(
        null=True
    )  # of the line's id_hash, encrypted; none in a line of form 1
    claims = fields.BinaryField(null=True)  # what is printed: the line and the day of issue
    claims_sha256 = fields.BinaryField(null=True)
    code = fields.TextField(default="")  # /v/{code}
    pdf_key = fields.CharField(max_length=200, default="")
    pdf_sha256 = fields.BinaryField(null=True)
    sealed_at = fields.DatetimeField(null=True)
    attempts = fields.IntField(default=0)
    last_error = fields.CharField(max_length=300, default="")
    claimed_by = fields.CharField(max_length=16, db_default="")  # the try that makes it now, until:
    claimed_until = fields.DatetimeField(null=True)  # by the database's clock
    portal_number = fields.CharField(max_length=60, default="")  # 国家门户 (S94): theirs is authoritative
    expires_on = fields.DateField(null=True)
    revoked_at = fields.DatetimeField(null=True)
    revoke_reason = fields.CharField(max_length=300, default="")
    superseded_by: fields.ForeignKeyNullableRelation[Certificate] = fields.ForeignKeyField(
        "records.Certificate", related_name="supersedes", null=True, on_delete=fields.RESTRICT
    )
    superseded_by_id: int | None
    superseded_at = fields.DatetimeField(null=True)
    superseded_word = fields.CharField(
        max_length=30, default="", db_default=""
    )  # why, as anybody may read it
    corrects: fields.ForeignKeyNullableRelation[Certificate] = fields.ForeignKeyField(
        "records.Certificate", related_name="corrected_by", null=True, on_delete=fields.RESTRICT
    )
    corrects_id: int | None  # the certificate in whose place it is made
    printed_id_sealed = fields.BinaryField(
        null=True
    )  # the identity number printed on it, once the person's is another
    created_at = fields.DatetimeField(auto_now_add=True)

    class Meta:
        table = "certificate"
