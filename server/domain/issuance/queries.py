"""What staff and schools see of batches: one in full, and many in pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.claims import Line
from server.domain.certificates.states import UNSEALED
from server.domain.certificates.visibility import seen_by
from server.domain.exams.results import is_released
from server.domain.issuance import certificate_query, facts, history, roster
from server.domain.issuance.certificate_query import Progress
from server.domain.issuance.history import HistoryEntry
from server.domain.issuance.states import BatchState, Step, Who, list_is_current, list_is_signed, steps_from
from server.domain.issuance.transitions import VERBS
from server.domain.levels import Level
from server.domain.people import conflicts
from server.domain.people.names import mask_name
from server.domain.ports import Clock, Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound, Refused
from server.models import Certificate, Issuance, Receipt
from server.settings import Settings

HELD_BACK_SHOWN = 500
RECEIPTS_SHOWN = 50
FAILED_SHOWN = 20
_NEVER_ALONE = frozenset({"org_sign", "hand_over"})  # as `desk` asks before it takes them


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """One batch as a row of a list. `list_sha256` is hexadecimal, empty before there is a list."""

    id: int
    state: BatchState
    plan_id: int
    plan: str
    exam_date: date
    site_id: int
    site: str
    school_id: int
    school: str
    level: Level
    count: int
    results_released: bool
    revision: int
    list_sha256: str
    return_reason: str
    created_at: datetime
    org_signed_at: datetime | None
    school_signed_at: datetime | None
    handed_over_at: datetime | None
    issued_on: date | None  # the Beijing day of 发放
    issued_at: datetime | None
    corrects: str | None  # the certificate in whose place this batch of one issues another (S68)
    correction_word: str

    @property
    def digest(self) -> str:
        """The first 8 characters, to compare with the phone."""
        return self.list_sha256[:8]


@dataclass(frozen=True, slots=True)
class NextStep:
    """A step that somebody may take; `refusal` says why it has to wait, as far as can be said without asking."""

    step: Step
    refusal: str | None


@dataclass(frozen=True, slots=True)
class FailedDrawing:
    """A certificate that could not be made yet; `name` for those who answer for the list."""

    number: str
    name: str | None
    attempts: int
    last_error: str


@dataclass(frozen=True, slots=True)
class HeldBackPerson:
    """One who passed but cannot be certified yet (S13); `name` for those who answer for the list."""

    name: str | None
    name_masked: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReceiptSummary:
    """An officer's decision that has a receipt. `action` is confirm_scan or school_return."""

    id: int
    action: str
    revision: int
    officer: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch in full. `not_listed_count` are people of this site who could have a certificate and are in no batch yet."""

    batch: BatchSummary
    steps: tuple[NextStep, ...]
    can_show_ticket: bool
    progress: Progress
    failed: tuple[FailedDrawing, ...]
    held_back: tuple[HeldBackPerson, ...]  # the first of them
    held_back_count: int
    not_listed_count: int
    history: tuple[HistoryEntry, ...]
    receipts: tuple[ReceiptSummary, ...]  # the newest first


async def _steps(settings: Settings, clock: Clock, issuance: Issuance, actor: Actor) -> tuple[NextStep, ...]:
    """What this member of staff may do next."""
    known = await facts.of_staff(settings, clock, issuance, actor=actor)
    involved = await _involved(issuance, actor)
    steps = []
    for step in steps_from(BatchState(issuance.state)):
        if step.who is Who.ORGANISATION and roles.may(actor, VERBS[step.name]):
            reason = step.refusal(known, but=(list_is_current, list_is_signed))
            message = reason.message if reason else involved if step.name in _NEVER_ALONE else None
            steps.append(NextStep(step, message))
    return tuple(steps)


async def _involved(issuance: Issuance, actor: Actor) -> str | None:
    """Why this person may take no step towards a certificate of this school, if so."""
    try:
        await conflicts.require_uninvolved(issuance.site.school_id, actor=actor)
    except Refused as refused:
        return refused.message
    return None


def state_of(text: str) -> str:
    """A batch's state by its stored name. Raises Invalid."""
    try:
        return BatchState(text).value
    except ValueError:
        choices = "、".join(f"{state.value}（{state.label}）" for state in BatchState)
        raise Invalid(
            errors=[FieldError("/state", "state_unknown", f"没有这个状态，请从这些里选：{choices}。")]
        ) from None


def summary_of(issuance: Issuance, now: datetime) -> BatchSummary:
    """A batch's row at `now`; plan, site and school have been fetched."""
    return BatchSummary(
        id=issuance.id,
        state=BatchState(issuance.state),
        plan_id=issuance.plan_id,
        plan=issuance.plan.name,
        exam_date=issuance.plan.exam_date,
        site_id=issuance.site_id,
        site=issuance.site.name,
        school_id=issuance.site.school_id,
        school=issuance.site.school.name,
        level=Level(issuance.site.level),
        count=issuance.count,
        results_released=is_released(issuance.plan, now),
        revision=issuance.revision,
        list_sha256=bytes(issuance.list_sha256 or b"").hex(),
        return_reason=issuance.return_reason,
        created_at=issuance.created_at,
        org_signed_at=issuance.org_signed_at,
        school_signed_at=issuance.school_signed_at,
        handed_over_at=issuance.handed_over_at,
        issued_on=issuance.issued_on,
        issued_at=issuance.issued_at,
        corrects=issuance.corrects.number if issuance.corrects else None,
        correction_word=issuance.correction_word,
    )


async def view(s: Services, issuance_id: int, *, actor: Actor) -> BatchView:
    """One batch in full: its facts, what this actor may do next, progress, who is held back, the last errors.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found"), also for another school's batch.
    """
    roles.require(actor, Verb.SEE_ISSUANCES)
    issuance = await Issuance.get_or_none(id=issuance_id).prefetch_related("plan", "site__school", "corrects")
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(s.clock, issuance, actor)
    batch, in_full = summary_of(issuance, s.clock.now()), roles.may(actor, Verb.CHECK_LIST)
    _, waiting, held_back = await roster.drawn_up(
        s.settings, s.keys, s.pdf_renderer, Issuance(id=0, plan_id=issuance.plan_id, site_id=issuance.site_id)
    )
    return BatchView(
        batch=batch,
        steps=await _steps(s.settings, s.clock, issuance, actor),
        can_show_ticket=batch.state is BatchState.SITE_PENDING
        and batch.results_released
        and roles.may(actor, Verb.SHOW_TICKET),
        progress=await certificate_query.progress(issuance_id),
        failed=await _failed(issuance_id, in_full=in_full),
        held_back=tuple(
            HeldBackPerson(one.name if in_full else None, mask_name(one.name), one.code, one.reason)
            for one in held_back[:HELD_BACK_SHOWN]
        ),
        held_back_count=len(held_back),
        not_listed_count=len(waiting),
        history=await history.of(issuance_id),
        receipts=await _receipts(issuance_id),
    )


async def _receipts(issuance_id: int) -> tuple[ReceiptSummary, ...]:
    """What officers have decided: the receipts of returns stay beside that of the confirmation."""
    query = Receipt.filter(issuance_id=issuance_id).order_by("-id").prefetch_related("officer", "ticket")
    return tuple(
        ReceiptSummary(one.id, one.ticket.spent_as, one.ticket.revision, one.officer.name, one.created_at)
        for one in await query.limit(RECEIPTS_SHOWN)
    )


async def _failed(issuance_id: int, *, in_full: bool) -> tuple[FailedDrawing, ...]:
    failed = Certificate.filter(issuance_id=issuance_id, attempts__gt=0, state__in=UNSEALED)
    return tuple(
        FailedDrawing(
            c.number, Line.from_bytes(bytes(c.line)).name if in_full else None, c.attempts, c.last_error
        )
        for c in await failed.order_by("number").limit(FAILED_SHOWN)
    )


async def receipt(clock: Clock, issuance_id: int, *, receipt_id: int | None = None, actor: Actor) -> bytes:
    """A signed receipt of the batch: of the latest confirmation or return, or the one that is named.

    Raises:
        Forbidden("role_not_allowed") · NotFound("receipt_not_found").
    """
    roles.require(actor, Verb.SEE_RECEIPT)
    issuance = await Issuance.get_or_none(id=issuance_id)
    if issuance is None:
        raise NotFound("issuance_not_found", "没有找到这个签发批次，请刷新列表后重试。")
    await seen_by(clock, issuance, actor)
    query = Receipt.filter(issuance_id=issuance_id)
    if receipt_id is not None:
        query = query.filter(id=receipt_id)
    row = await query.order_by("-id").first()
    if row is None:
        raise NotFound("receipt_not_found", "院校还没有签发这个批次，签发后才有凭据。")
    return bytes(row.document)
