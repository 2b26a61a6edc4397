"""What the console API answers about batches."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Self

from pydantic import RootModel

from server.domain.issuance import history, queries
from server.domain.issuance.bulk import Taken
from server.domain.issuance.preparation_query import PreparationView
from server.domain.issuance.queries import BatchSummary, BatchView, ReceiptSummary
from server.domain.issuance.roster_query import Listed
from server.web.console import wording
from server.web.console.answers import Named, Page
from server.web.schema import Answer


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
    created_at: datetime
    org_signed_at: datetime | None
    school_signed_at: datetime | None
    handed_over_at: datetime | None
    issued_on: date | None
    issued_at: datetime | None
    corrects: str | None
    correction_word: str

    @classmethod
    def of(cls, one: BatchSummary) -> IssuanceSummary:
        return IssuanceSummary(
            id=one.id,
            state=one.state.value,
            state_label=one.state.label,
            plan=Named(id=one.plan_id, name=one.plan),
            site=Named(id=one.site_id, name=one.site),
            school=Named(id=one.school_id, name=one.school),
            level=one.level.value,
            level_label=one.level.label,
            count=one.count,
            results_released=one.results_released,
            revision=one.revision,
            list_sha256=one.list_sha256,
            digest=one.digest,
            return_reason=one.return_reason,
            created_at=one.created_at,
            org_signed_at=one.org_signed_at,
            school_signed_at=one.school_signed_at,
            handed_over_at=one.handed_over_at,
            issued_on=one.issued_on,
            issued_at=one.issued_at,
            corrects=one.corrects,
            correction_word=one.correction_word,
        )


class Issuances(Page[IssuanceSummary]):
    batches: int
    people: int


class NextStep(Answer):
    name: str
    label: str
    refusal: str | None

    @classmethod
    def of(cls, one: queries.NextStep) -> Self:
        return cls(name=one.step.name, label=one.step.label, refusal=one.refusal)


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
    at: datetime
    who: str
    kind: str
    action: str
    action_label: str
    revision: int | None
    reason: str | None

    @classmethod
    def of(cls, one: history.HistoryEntry) -> Self:
        return cls(
            at=one.at,
            who=one.who,
            kind=one.kind,
            action=one.action,
            action_label=wording.history_label(one.action),
            revision=one.revision,
            reason=one.reason,
        )


class ReceiptEntry(Answer):
    id: int
    action: str
    action_label: str
    revision: int
    officer: str
    at: datetime

    @classmethod
    def of(cls, one: ReceiptSummary) -> Self:
        return cls(
            id=one.id,
            action=one.action,
            action_label=wording.DECIDED[one.action],
            revision=one.revision,
            officer=one.officer,
            at=one.at,
        )


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

    @classmethod
    def in_full(cls, one: BatchView) -> Self:
        return cls(
            **dict(IssuanceSummary.of(one.batch)),
            steps=[NextStep.of(step) for step in one.steps],
            can_show_ticket=one.can_show_ticket,
            progress=Progress.model_validate(one.progress),
            errors=[DrawingError.model_validate(failed) for failed in one.failed],
            held_back=[HeldBack.model_validate(person) for person in one.held_back],
            held_back_count=one.held_back_count,
            not_listed_count=one.not_listed_count,
            history=[HistoryEntry.of(entry) for entry in one.history],
            receipts=[ReceiptEntry.of(receipt) for receipt in one.receipts],
            has_receipt=bool(one.receipts),
        )


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

    @classmethod
    def of(cls, one: Taken) -> Self:
        return cls(
            id=one.id,
            ok=one.refused is None,
            state=one.state.value if one.state else None,
            state_label=one.state.label if one.state else None,
            code=one.refused.code if one.refused else None,
            detail=one.refused.message if one.refused else None,
        )


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
