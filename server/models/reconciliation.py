"""WeChat Pay's trade bills and fund bills by day, and where they and the books differ, as rows. Money is whole fen."""

from __future__ import annotations

from tortoise import fields

from server.models.record import Model


class ReconciliationDay(Model):
    """One day in Beijing, compared with its trade bill. `state` is written by `payments.reconciliation_transitions`."""

    id = fields.BigIntField(primary_key=True)
    day = fields.DateField(unique=True)
    state = fields.CharField(max_length=10, default="open")  # open differing matched closed
    payments = fields.IntField(default=0)  # how many the bill has, and what they come to
    payments_fen = fields.BigIntField(default=0)
    refunds = fields.IntField(default=0)
    refunds_fen = fields.BigIntField(default=0)
    charges_fen = fields.BigIntField(default=0)  # what WeChat Pay keeps for itself
    # Lines of the fund bill; what came in and went out, and what was there before and after.
    flows = fields.IntField(db_default=0)
    flows_in_fen = fields.BigIntField(db_default=0)
    flows_out_fen = fields.BigIntField(db_default=0)
    start_fen = fields.BigIntField(null=True)  # empty: nobody knows, as no day before had a fund bill
    end_fen = fields.BigIntField(null=True)
    books_end_fen = fields.BigIntField(null=True)  # what the books have at WeChat Pay when the day ends
    compared_at = fields.DatetimeField(null=True)
    next_try_at = fields.DatetimeField(null=True)  # when the bill is asked for; empty: it was read
    trouble = fields.CharField(max_length=200, default="")  # for people; nobody decides on it
    closed_at = fields.DatetimeField(null=True)
    closed_by_name = fields.CharField(max_length=100, default="")

    class Meta:
        table = "reconciliation_day"


class PayBillLine(Model):
    """What a trade bill says of one payment or refund; nothing of the person. Kept: WeChat has it for three months."""

    id = fields.BigIntField(primary_key=True)
    day: fields.ForeignKeyRelation[ReconciliationDay] = fields.ForeignKeyField(
        "records.ReconciliationDay", related_name="bill_lines", on_delete=fields.RESTRICT
    )
    day_id: int
    what = fields.CharField(max_length=8)  # payment | refund
    number = fields.CharField(max_length=64)  # out_trade_no | out_refund_no
    wechat_number = fields.CharField(max_length=40)  # transaction_id | refund_id
    order_number = fields.CharField(max_length=32)
    amount_fen = fields.BigIntField()
    charge_fen = fields.BigIntField()  # below zero: given back with a refund
    expected_charge_fen = fields.BigIntField(
        null=True
    )  # by the rate that the line names; empty: it names none

    class Meta:
        table = "pay_bill_line"


class FundBillLine(Model):
    """What a fund bill says of one movement of the account at WeChat Pay; nothing that a person wrote."""

    id = fields.BigIntField(primary_key=True)
    day: fields.ForeignKeyRelation[ReconciliationDay] = fields.ForeignKeyField(
        "records.ReconciliationDay", related_name="fund_lines", on_delete=fields.RESTRICT
    )
    day_id: int
    what = fields.CharField(max_length=10)  # trade | refund | charge | withdrawal | other
    kind = fields.CharField(max_length=32)  # as WeChat Pay calls it
    number = fields.CharField(max_length=64)  # ours; empty for a withdrawal
    wechat_number = fields.CharField(max_length=64)
    flow_number = fields.CharField(max_length=64)
    amount_fen = fields.BigIntField()  # below zero: it went out
    balance_fen = fields.BigIntField()
    booked_at = fields.DatetimeField()

    class Meta:
        table = "fund_bill_line"


class ReconciliationDifference(Model):
    """One thing in which a day's bill and the books differ, until somebody says why."""

    id = fields.BigIntField(primary_key=True)
    day: fields.ForeignKeyRelation[ReconciliationDay] = fields.ForeignKeyField(
        "records.ReconciliationDay", related_name="differences", on_delete=fields.RESTRICT
    )
    day_id: int
    kind = fields.CharField(max_length=12)  # theirs_only | ours_only | amount | charge | balance
    what = fields.CharField(max_length=10)  # payment | refund | day | flow | withdrawal | other
    number = fields.CharField(max_length=64)
    wechat_number = fields.CharField(max_length=64)
    theirs_fen = fields.BigIntField(null=True)
    ours_fen = fields.BigIntField(null=True)
    found_at = fields.DatetimeField()
    settled_at = fields.DatetimeField(null=True)
    settled_by = fields.BigIntField(null=True)  # empty on a settled one: the next comparison found it no more
    settled_by_name = fields.CharField(max_length=100, default="")
    note = fields.CharField(max_length=200, default="")

    class Meta:
        table = "reconciliation_difference"
