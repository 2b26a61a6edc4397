"""What the console API answers about money. Amounts are whole fen."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from server.domain.levels import Level
from server.domain.payments.bank_proofs import CONTENT_TYPES
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.prices import KINDS
from server.domain.payments.refund_states import RefundState
from server.domain.payments.transfer_states import TransferState
from server.domain.payments.waiver_states import WaiverState
from server.web.schema import Answer, OneOf


class Price(Answer):
    id: int
    plan_id: int
    plan: str
    level: Annotated[str, OneOf(Level)]
    level_label: str
    candidate_kind: Annotated[str, OneOf(KINDS)]
    candidate_kind_label: str
    amount_fen: int
    from_on: date
    to_on: date | None
    set_by_name: str
    set_at: datetime
    is_unused: bool = Field(description="还没有按它生成费用，可以撤回")


class Fee(Answer):
    id: int
    plan: str | None = Field(description="考试费的考试计划；培训费没有，等级、考试日期和准考证号也没有")
    exam_date: date | None
    level: Annotated[str | None, OneOf(Level)]
    level_label: str | None
    amount_fen: int
    state: Annotated[str, OneOf(FeeState)]
    state_label: str
    admission_number: str | None
    candidate: str = Field(description="考生或学员的姓名，已遮住")
    course: str | None = Field(description="培训费的培训名称")
    course_from_on: date | None
    school: str | None
    created_at: datetime


class Order(Answer):
    id: int
    number: str
    description: str
    total_fen: int
    refunded_fen: int
    state: Annotated[str, OneOf(OrderState)]
    state_label: str
    fees: int
    school: str | None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None
    transaction_id: str | None


class NativeOrder(Answer):
    order: Order
    code_url: str


class Refund(Answer):
    id: int
    number: str
    order_number: str
    amount_fen: int
    reason: str
    state: Annotated[str, OneOf(RefundState)]
    state_label: str
    is_automatic: bool
    asked_by_name: str
    asked_at: datetime
    decided_by_name: str
    decided_at: datetime | None
    settled_at: datetime | None
    trouble: str
    wish: str  # give_up | redirect: asked for by one, to be confirmed by another; else empty
    wished_by_name: str


class Alarm(Answer):
    id: int
    kind: str
    kind_label: str
    order_number: str | None
    content: dict[str, Any]
    raised_at: datetime


class Waiver(Answer):
    id: int
    fee_id: int
    amount_fen: int
    plan: str | None
    level: Annotated[str | None, OneOf(Level)]
    level_label: str | None
    admission_number: str | None
    candidate: str = Field(description="考生或学员的姓名，已遮住")
    course: str | None
    school: str | None
    reason: str
    state: Annotated[str, OneOf(WaiverState)]
    state_label: str
    asked_by_name: str
    asked_at: datetime
    decided_by_name: str
    decided_at: datetime | None


class Transfer(Answer):
    id: int
    school: str
    amount_fen: int
    received_on: date
    bank_reference: str
    fees: list[int]
    proof_kind: Annotated[str, OneOf(CONTENT_TYPES)]
    state: Annotated[str, OneOf(TransferState)]
    state_label: str
    order_number: str | None
    recorded_by_name: str
    recorded_at: datetime
    decided_by_name: str
    decided_at: datetime | None


class BankRefund(Answer):
    id: int
    order_id: int
    order_number: str
    school: str
    amount_fen: int
    paid_on: date
    bank_reference: str
    reason: str
    proof_kind: Annotated[str, OneOf(CONTENT_TYPES)]
    state: Annotated[str, OneOf(BankRefundState)]
    state_label: str
    recorded_by_name: str
    recorded_at: datetime
    decided_by_name: str
    decided_at: datetime | None
