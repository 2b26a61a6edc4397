"""What the console API answers about batches."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import RootModel

from server.domain.issuance.preparation_query import PreparationView
from server.domain.issuance.roster_query import Listed
from server.web.console import wording
from server.web.console.answers import Named, Page
from server.web.schema import Answer, Written, WrittenDay


class IssuanceSummary(Answer):
    """One batch as a row of the list."""

    id: int
    state: str
    state_label: str
    plan: Named
    site: Named
    school: Named
    level: str
    level_label: str
    count: int
    results_released: bool
    revision: int
    list_sha256: str
    digest: str
    return_reason: str
    created_at: Written
    org_signed_at: Written | None
    school_signed_at: Written | None
    handed_over_at: Written | None
    issued_on: WrittenDay | None
    issued_at: Written | None


class Issuances(Page[IssuanceSummary]):
    before: str | None
    batches: int
    people: int


class NextStep(Answer):
    name: str
    label: str
    refusal: str | None


class Progress(Answer):
    total: int
    sealed: int
    failed: int


class DrawingError(Answer):
    number: str
    name: str | None
    attempts: int
    last_error: str


class HeldBack(Answer):
    name: str | None
    name_masked: str
    code: str
    reason: str


class HistoryEntry(Answer):
    at: Written
    who: str
    kind: str
    action: str
    action_label: str
    revision: int | None
    reason: str | None


class ReceiptEntry(Answer):
    id: int
    action: str
    action_label: str
    revision: int
    officer: str
    at: Written


class Issuance(IssuanceSummary):
    steps: list[NextStep]
    can_show_ticket: bool
    progress: Progress
    errors: list[DrawingError]
    held_back: list[HeldBack]
    held_back_count: int
    not_listed_count: int
    history: list[HistoryEntry]
    receipts: list[ReceiptEntry]
    has_receipt: bool


class SiteLeftOut(Answer):
    code: str
    site: str
    message: str
    site_id: int


class Preparation(Answer):
    id: int
    plan_id: int
    state: str
    sites_total: int
    sites_done: int
    made: int
    updated: int
    refusals: list[SiteLeftOut]
    summary: str
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, one: PreparationView) -> Self:
        return cls(
            id=one.id,
            plan_id=one.plan_id,
            state="running" if one.finished_at is None else "done",
            sites_total=one.sites_total,
            sites_done=one.sites_done,
            made=one.made,
            updated=one.updated,
            refusals=[SiteLeftOut.model_validate(site) for site in one.refusals],
            summary=wording.prepared(one),
            created_at=one.created_at,
            finished_at=one.finished_at,
        )


class Prepared(Answer):
    ids: list[int] | None
    preparation: Preparation


class Moved(Answer):
    id: int
    state: str
    state_label: str


class MovedInBulk(Answer):
    """What came of one batch: its new state, or why it was refused."""

    id: int
    ok: bool
    state: str | None
    state_label: str | None
    code: str | None
    detail: str | None


class Bulk(Answer):
    items: list[MovedInBulk]
    done: int
    refused: int


class Mark(Answer):
    subject: str
    score: int | float | None
    status: str


class ListedPerson(Answer):
    row: int
    number: str
    admission_number: str
    name: str | None
    name_masked: str
    id_masked: str
    scores: list[Mark]
    state: str
    state_label: str

    @classmethod
    def of(cls, one: Listed) -> Self:
        return cls(
            row=one.row,
            number=one.number,
            admission_number=one.admission_number,
            name=one.name or None,
            name_masked=one.name_masked,
            id_masked=one.id_masked,
            scores=[Mark.model_validate(score) for score in one.scores],
            state=one.state.value,
            state_label=one.state.label,
        )


class Ticket(Answer):
    ticket: str
    url: str
    scene: str
    png: str
    expires_at: datetime
    expires_in: int
    revision: int


class Receipt(RootModel[dict[str, Any]]):
    """The signed bytes themselves."""


class CanonicalList(RootModel[list[dict[str, Any]]]):
    """The very bytes whose SHA-256 is the list's digest."""
