"""Money that came to the organisation's bank account, and went back from it, as rows. Money is whole fen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.payments import Fee, FeeOrder
    from server.models.people import School


class BankTransfer(Model):
    """对公转账: recorded by one of finance, approved by another. `state` is written by `payments.transfer_transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    school: fields.ForeignKeyRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="transfers", on_delete=fields.RESTRICT
    )
    school_id: int
    amount_fen = fields.IntField()
    received_on = fields.DateField()  # in Beijing
    bank_reference = fields.CharField(max_length=40)  # the bank's; one living transfer for each
    proof_key = fields.CharField(max_length=120)  # in the file store, sealed
    proof_kind = fields.CharField(max_length=4)  # pdf | jpeg | png
    proof_sha256 = fields.BinaryField()
    state = fields.CharField(max_length=10, default="recorded")
    recorded_by = fields.BigIntField()
    recorded_by_name = fields.CharField(max_length=100)
    recorded_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)  # who approved, declined or withdrew
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    order: fields.ForeignKeyNullableRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="transfers", null=True, on_delete=fields.RESTRICT
    )
    order_id: int | None  # the order that it paid, once it is approved

    class Meta:
        table = "bank_transfer"


class BankTransferLine(Model):
    """One fee that a transfer is meant to pay."""

    id = fields.BigIntField(primary_key=True)
    transfer: fields.ForeignKeyRelation[BankTransfer] = fields.ForeignKeyField(
        "records.BankTransfer", related_name="lines", on_delete=fields.RESTRICT
    )
    transfer_id: int
    fee: fields.ForeignKeyRelation[Fee] = fields.ForeignKeyField(
        "records.Fee", related_name="transfer_lines", on_delete=fields.RESTRICT
    )
    fee_id: int
    amount_fen = fields.IntField()

    class Meta:
        table = "bank_transfer_line"


class BankRefund(Model):
    """银行退款: what the bank has paid back of an order that a transfer paid. `state` is written by `payments.bank_refund_transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    order: fields.ForeignKeyRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="bank_refunds", on_delete=fields.RESTRICT
    )
    order_id: int
    school: fields.ForeignKeyRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="bank_refunds", on_delete=fields.RESTRICT
    )
    school_id: int  # the order's, which finds a school its own among all
    amount_fen = fields.IntField()
    paid_on = fields.DateField()  # in Beijing
    bank_reference = fields.CharField(max_length=40)  # the bank's; one living refund for each
    reason = fields.CharField(max_length=80)
    proof_key = fields.CharField(max_length=120)  # in the file store, sealed
    proof_kind = fields.CharField(max_length=4)  # pdf | jpeg | png
    proof_sha256 = fields.BinaryField()
    state = fields.CharField(max_length=10, default="recorded")
    recorded_by = fields.BigIntField()
    recorded_by_name = fields.CharField(max_length=100)
    recorded_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)  # who approved, declined or withdrew
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "bank_refund"
