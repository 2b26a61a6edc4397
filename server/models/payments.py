"""What is owed, what is asked for, what was paid and given back, and the books, as rows. Money is whole fen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tortoise import fields

from server.models.record import Model

if TYPE_CHECKING:
    from server.models.exams import Plan, Registration
    from server.models.people import Candidate, School
    from server.models.training import CourseEnrolment


class Price(Model):
    """What an examination costs somebody who registers between two days (S57). Ended by the next; withdrawn while unused."""

    id = fields.BigIntField(primary_key=True)
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "records.Plan", related_name="prices", on_delete=fields.RESTRICT
    )
    plan_id: int
    level = fields.CharField(max_length=12)  # primary | intermediate | advanced
    candidate_kind = fields.CharField(max_length=10)  # school | social
    amount_fen = fields.IntField()
    from_on = fields.DateField()  # the first day of registration to which it applies, in Beijing
    to_on = fields.DateField(null=True)  # the last one; empty: until another is set
    set_by = fields.BigIntField()
    set_by_name = fields.CharField(max_length=100)
    set_at = fields.DatetimeField()

    class Meta:
        table = "price"


class Fee(Model):
    """What one registration or one enrolment in a course owes: made once, and no later price changes it. `state` is written by `payments.fees`."""

    id = fields.BigIntField(primary_key=True)
    registration: fields.ForeignKeyNullableRelation[Registration] = fields.ForeignKeyField(
        "records.Registration", related_name="fees", null=True, on_delete=fields.RESTRICT
    )
    registration_id: int | None
    price: fields.ForeignKeyNullableRelation[Price] = fields.ForeignKeyField(
        "records.Price", related_name="fees", null=True, on_delete=fields.RESTRICT
    )
    price_id: int | None
    candidate: fields.ForeignKeyNullableRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="fees", null=True, on_delete=fields.RESTRICT
    )
    candidate_id: int | None
    enrolment: fields.ForeignKeyNullableRelation[CourseEnrolment] = fields.ForeignKeyField(
        "records.CourseEnrolment", related_name="fees", null=True, on_delete=fields.RESTRICT
    )
    enrolment_id: int | None
    school: fields.ForeignKeyNullableRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="fees", null=True, on_delete=fields.RESTRICT
    )
    school_id: int | None  # who pays for 本校考生 and courses; empty: the candidate pays (S57)
    amount_fen = fields.IntField()
    state = fields.CharField(max_length=10, default="owed")  # owed settled refunded waived
    settled_by: fields.ForeignKeyNullableRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="settled", null=True, on_delete=fields.RESTRICT
    )
    settled_by_id: int | None
    created_at = fields.DatetimeField()

    class Meta:
        table = "fee"


class FeeWaiver(Model):
    """A wish that a fee need not be paid, and what became of it. `state` is written by `payments.waiver_transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    fee: fields.ForeignKeyRelation[Fee] = fields.ForeignKeyField(
        "records.Fee", related_name="waivers", on_delete=fields.RESTRICT
    )
    fee_id: int
    reason = fields.CharField(max_length=200)
    state = fields.CharField(max_length=10, default="asked")
    asked_by = fields.BigIntField()
    asked_by_name = fields.CharField(max_length=100)
    asked_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)  # who approved, declined or withdrew
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)

    class Meta:
        table = "fee_waiver"


class FeeOrder(Model):
    """One request for payment of one or more fees. `state` is written by `payments.order_transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    number = fields.CharField(max_length=32, unique=True)  # out_trade_no
    candidate: fields.ForeignKeyNullableRelation[Candidate] = fields.ForeignKeyField(
        "records.Candidate", related_name="orders", null=True, on_delete=fields.RESTRICT
    )
    candidate_id: int | None
    school: fields.ForeignKeyNullableRelation[School] = fields.ForeignKeyField(
        "records.School", related_name="orders", null=True, on_delete=fields.RESTRICT
    )
    school_id: int | None
    account = fields.CharField(max_length=2)  # oa | mp: whose appid; empty: paid by bank
    way = fields.CharField(max_length=8)  # jsapi | native | transfer
    openid = fields.CharField(max_length=64, default="")  # who pays, of that account
    description = fields.CharField(max_length=127)
    total_fen = fields.IntField()
    refunded_fen = fields.IntField(default=0)
    state = fields.CharField(max_length=10, default="pending")
    expires_at = fields.DatetimeField()
    next_query_at = fields.DatetimeField(null=True)  # when WeChat Pay is asked next; empty: no need to
    queried_at = fields.DatetimeField(null=True)  # when it was asked last, by whomever
    # prepay_id or code_url: what opens WeChat's cashier
    handle = fields.CharField(max_length=128, default="", db_default="")
    handle_until = fields.DatetimeField(null=True)
    opening_until = fields.DatetimeField(null=True)  # somebody orders at WeChat Pay; after that he has died
    transaction_id = fields.CharField(max_length=32, null=True, unique=True)
    paid_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "fee_order"


class FeeOrderLine(Model):
    """One fee in one order."""

    id = fields.BigIntField(primary_key=True)
    order: fields.ForeignKeyRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="lines", on_delete=fields.RESTRICT
    )
    order_id: int
    fee: fields.ForeignKeyRelation[Fee] = fields.ForeignKeyField(
        "records.Fee", related_name="lines", on_delete=fields.RESTRICT
    )
    fee_id: int
    amount_fen = fields.IntField()

    class Meta:
        table = "fee_order_line"


class FeeRefund(Model):
    """Money to give back of one order. `state` is written by `payments.refund_transitions` alone."""

    id = fields.BigIntField(primary_key=True)
    number = fields.CharField(
        max_length=64, unique=True
    )  # out_refund_no; one of the merchant console may be long
    order: fields.ForeignKeyRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="refunds", on_delete=fields.RESTRICT
    )
    order_id: int
    amount_fen = fields.IntField()
    reason = fields.CharField(max_length=80)
    state = fields.CharField(max_length=10, default="asked")
    is_automatic = fields.BooleanField(default=False)  # of a fee that another order had settled
    asked_by = fields.BigIntField(null=True)
    asked_by_name = fields.CharField(max_length=100)
    asked_at = fields.DatetimeField()
    decided_by = fields.BigIntField(null=True)
    decided_by_name = fields.CharField(max_length=100, default="")
    decided_at = fields.DatetimeField(null=True)
    refund_id = fields.CharField(max_length=40, default="")  # WeChat Pay's
    trouble = fields.CharField(max_length=200, default="")  # for people; nobody decides on it
    next_try_at = fields.DatetimeField(null=True)
    accepted_at = fields.DatetimeField(null=True)  # by WeChat Pay: the day of the bill that shows it
    settled_at = fields.DatetimeField(null=True)
    wish = fields.CharField(
        max_length=10, default="", db_default=""
    )  # give_up | redirect: what a second is to confirm
    wished_by = fields.BigIntField(null=True)
    wished_by_name = fields.CharField(max_length=100, default="", db_default="")
    wished_at = fields.DatetimeField(null=True)
    card_print = fields.BinaryField(
        null=True
    )  # keyed hash of the bank card for `redirect`; the card is kept nowhere

    class Meta:
        table = "fee_refund"


class LedgerPosting(Model):
    """One happening in the books; its entries add up to nothing. Never changed, never deleted."""

    id = fields.BigIntField(primary_key=True)
    source = fields.CharField(
        max_length=80, unique=True
    )  # what it tells of, so that it is told once: paid:xc17…
    order: fields.ForeignKeyNullableRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="postings", null=True, on_delete=fields.RESTRICT
    )
    order_id: int | None  # empty: it is of no one order, as what WeChat Pay charges for a day
    at = fields.DatetimeField()

    class Meta:
        table = "ledger_posting"


class LedgerEntry(Model):
    """One line of a posting: so many fen onto (or, below zero, off) one account."""

    id = fields.BigIntField(primary_key=True)
    posting: fields.ForeignKeyRelation[LedgerPosting] = fields.ForeignKeyField(
        "records.LedgerPosting", related_name="entries", on_delete=fields.RESTRICT
    )
    posting_id: int
    account = fields.CharField(max_length=12)  # wechat | bank | income | owed_back | charges
    amount_fen = fields.BigIntField()

    class Meta:
        table = "ledger_entry"


class PayInboxEntry(Model):
    """A genuine notification of WeChat Pay, kept for good before it is answered; applied by a job."""

    id = fields.CharField(max_length=64, primary_key=True)  # WeChat's own
    event = fields.CharField(max_length=40)
    content: fields.Field[dict[str, object]] = (
        fields.JSONField()
    )  # what is needed of it, nothing of the person
    received_at = fields.DatetimeField()
    applied_at = fields.DatetimeField(null=True)
    failures = fields.IntField(default=0, db_default=0)  # how often it could not be applied
    next_try_at = fields.DatetimeField(null=True)  # empty: at once

    class Meta:
        table = "pay_inbox"


class FinanceAlarm(Model):
    """Something about money that a person of finance has to look at; `dedup` makes it once-only."""

    id = fields.BigIntField(primary_key=True)
    dedup = fields.CharField(max_length=120, unique=True)
    kind = fields.CharField(max_length=30)
    order: fields.ForeignKeyNullableRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="alarms", null=True, on_delete=fields.RESTRICT
    )
    order_id: int | None
    content: fields.Field[dict[str, object]] = fields.JSONField(default=dict)
    raised_at = fields.DatetimeField()
    settled_at = fields.DatetimeField(null=True)
    settled_by_name = fields.CharField(max_length=100, default="")
    note = fields.CharField(max_length=200, default="", db_default="")  # what finance found

    class Meta:
        table = "finance_alarm"


class FeeReceipt(Model):
    """收据: the number of an order's receipt, given once when it is first asked for. Never changed, never deleted."""

    id = fields.BigIntField(primary_key=True)
    order: fields.ForeignKeyRelation[FeeOrder] = fields.ForeignKeyField(
        "records.FeeOrder", related_name="receipts", on_delete=fields.RESTRICT
    )
    order_id: int
    number = fields.CharField(max_length=16, unique=True)  # SJ2026000001
    issued_at = fields.DatetimeField()

    class Meta:
        table = "fee_receipt"
