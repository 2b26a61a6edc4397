"""What the console API answers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Generic, TypeVar

from pydantic import Field

from server.web.schema import Answer, Written, WrittenDay

Item = TypeVar("Item", bound=Answer)


class Page(Answer, Generic[Item]):
    """One page of a listing."""

    items: list[Item]
    next_cursor: str | None
    before: str | None = Field(description="往回翻用；第一页，或不能往回翻的列表，是 null")


class Id(Answer):
    id: int


class Named(Answer):
    id: int
    name: str


# Accounts, audit, people


class Account(Answer):
    id: int
    username: str
    name: str
    role: str
    role_label: str
    school_id: int | None
    school: str | None
    is_active: bool
    is_approved: bool = Field(description="false：已提出建立，等另一位管理员批准，或没有批准")
    must_change_password: bool
    has_second_factor: bool
    is_erased: bool = Field(description="个人信息已按本人要求删除")
    last_login_at: datetime | None
    created_at: datetime


class OneTimePassword(Answer):
    one_time_password: str


class AuditEntry(Answer):
    id: int
    at: datetime
    actor_kind: str
    actor_id: int | None
    actor_name: str
    action: str
    action_label: str
    subject_kind: str
    subject_id: str
    was: dict[str, Any] | None
    became: dict[str, Any] | None
    address: str
    request_id: str


class Bound(Answer):
    account: str
    account_label: str
    bound_at: datetime


class Person(Answer):
    id: int
    name: str
    id_masked: str
    school: str | None
    bindings: list[Bound]


class FoundPerson(Answer):
    id: int
    name: str
    id_masked: str
    school: str | None
    plan: str | None = Field(description="最近一次报考的考试计划")
    is_bound: bool
    how: str = Field(description="是按哪一项找到的")


class Found(Answer):
    items: list[FoundPerson]
    is_more: bool = Field(description="还有别的，请多写几个字")


class Uncovered(Answer):
    label: str
    number: str


class Ended(Answer):
    ended: int


# Officers


class Officer(Answer):
    id: int
    name: str
    mobile_masked: str
    school: Named
    state: str
    state_label: str
    has_official_account: bool
    has_mini_program: bool
    has_pin: bool
    is_pin_locked: bool
    invitation_expires_at: Written | None
    created_at: Written
    suspended_at: Written | None
    until: WrittenDay | None
    is_erased: bool = Field(description="个人信息已按本人要求删除")


class Invitation(Answer):
    id: int
    url: str
    png: str
    expires_at: datetime


class InvitedLine(Answer):
    """One line of a list: the link to send, or why there is none."""

    row: int
    school: str
    name: str
    url: str
    expires_at: datetime | None
    code: str
    detail: str


class InvitedList(Answer):
    items: list[InvitedLine]
    done: int
    refused: int


# Plans, score changes


class Slot(Answer):
    level: str
    level_label: str
    subject: str
    starts_at: datetime | None
    ends_at: datetime | None


class Plan(Answer):
    id: int
    name: str
    exam_date: date
    certificate: str
    release_at: datetime | None
    requires_practice: bool
    registered: int
    passed: int
    pending: int
    sites: int
    state: str
    slots: list[Slot]


class AskedRelease(Answer):
    release_request: int = Field(description="用 POST /releases/{它}/approve 批准，须是另一位同事")


class ChangedPlan(Answer):
    id: int
    release_at: datetime | None
    requires_practice: bool


class ScoreChange(Answer):
    id: int
    state: str
    state_label: str
    name: str
    id_masked: str
    admission_number: str
    plan: str
    level: str
    level_label: str
    school: str
    subject: str
    was: str
    becomes: str
    outcome: str
    outcome_becomes: str | None
    reason: str
    requested_by: str
    requested_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    may_decide: bool
    may_withdraw: bool


class Decided(Answer):
    state: str


# Imports


class ImportRefusal(Answer):
    code: str
    detail: str


class ImportProgress(Answer):
    done: int
    total: int


class ImportSummary(Answer):
    id: int
    kind: str
    kind_label: str
    file_name: str
    dry_run: bool
    all_or_nothing: bool
    state: str
    state_label: str
    refusal: ImportRefusal | None
    progress: ImportProgress
    rows_total: int
    rows_taken: int
    rows_new: int
    rows_changed: int
    rows_unchanged: int
    rows_refused: int
    rows_skipped: int
    notes: list[str]
    created_by: str
    created_at: datetime
    finished_at: datetime | None


class ImportRun(ImportSummary):
    errors: list[dict[str, Any]] = Field(
        description="row、column、code、detail、value（证件号码和手机号已遮掩）"
    )
    differences: list[dict[str, Any]] = Field(
        description="改动的行（至多 2000 行）：row、who、changes: [{what, was, became}]、is_grave（不再通过）"
    )
    asked: dict[str, Any] = Field(
        description="要确认的未知名称，按 plans、schools、sites：[{name, rows, first_row, like}]"
    )
    creating: dict[str, Any]
    check_id: int | None
    can_check_again: bool
    can_take: bool = Field(description="这次检查可以用 POST …/take 写入")
    taken_by: int | None = Field(description="由哪一次导入写入了")
    has_report: bool


# Certificates


class Certificate(Answer):
    number: str
    state: str
    state_label: str
    name_masked: str
    level: str
    level_label: str
    plan: str
    school: str
    issuance_id: int
    issued_on: WrittenDay | None
    sealed_at: Written | None
    pdf_sha256: str
    portal_number: str
    revoked_at: Written | None
    revoke_reason: str
    superseded_by: str | None
    superseded_at: Written | None
    superseded_word: str
    corrects: str | None = Field(description="它更正换发的是哪一份证书")
    attempts: int
    last_error: str


class PortalRefusal(Answer):
    pointer: str
    number: str
    code: str
    detail: str


class PortalTaken(Answer):
    taken: int
    unchanged: int
    refused: list[PortalRefusal]
