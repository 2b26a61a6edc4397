"""One candidate on one page, for the person who answers the telephone; opening it is itself on record and shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.campaigns import delivery_queries
from server.domain.campaigns.delivery_list import DeliveryView
from server.domain.certificates.states import CertificateState
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.states import CorrectionState
from server.domain.dossiers import queries
from server.domain.dossiers.queries import Row
from server.domain.exams.results import Result, say
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.people import phones
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE, mask_id, mask_mobile
from server.domain.people.school_scope import school_of
from server.domain.ports import Clock, Keys, Services
from server.domain.roles import Verb
from server.domain.score_changes.states import ScoreChangeState
from server.errors import NotFound

VIEW, UNCOVER = "candidate.view", "candidate.uncover"
LOOKS = (VIEW, UNCOVER, "candidate.export")
SAME_LOOK = timedelta(minutes=10)  # opened again within this: the same look
MESSAGES = 20


@dataclass(frozen=True, slots=True)
class RegistrationLine:
    """One registration; `outcome` and the marks (subject, in words) are None where they are not to be seen yet."""

    id: int
    plan_id: int
    plan: str
    exam_date: date
    release_at: datetime | None
    level: Level
    school: str
    admission_number: str
    outcome: Result | None
    marks: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class CertificateLine:
    number: str
    state: CertificateState
    plan: str
    level: Level
    issuance_id: int
    batch: BatchState
    issued_on: date | None
    portal_number: str
    revoked_at: datetime | None
    revoke_reason: str
    superseded_by: str | None


@dataclass(frozen=True, slots=True)
class PracticeLine:
    """Hours of 实践 and 督导 (S13)."""

    level: Level
    practice_hours: Decimal
    supervision_hours: Decimal


@dataclass(frozen=True, slots=True)
class FeeLine:
    """What was owed, who pays it (None: the candidate), and the order that settled it or the last one that was to."""

    id: int
    plan: str
    level: Level
    amount_fen: int
    state: FeeState
    payer: str | None
    order_id: int | None
    order_number: str | None
    order_state: OrderState | None
    paid_at: datetime | None
    refunded_fen: int


@dataclass(frozen=True, slots=True)
class BindingLine:
    """`openid` shortened; `is_following`: None where WeChat never told us."""

    account: str
    openid: str
    bound_at: datetime
    unbound_at: datetime | None
    is_following: bool | None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A correction or a change of a score: what, and who asked and decided. `state_word` in words."""

    id: int
    what: str
    state: str
    state_word: str
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """Who opened this page, or uncovered a number (`what`) and why."""

    at: datetime
    who: str
    what: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateDossier:
    """Everything on record about one candidate, numbers masked. `messages` is None for a school."""

    id: int
    name: str
    id_kind: str
    id_masked: str
    mobile_masked: str | None
    given_phone_masked: str | None
    given_phone_at: datetime | None
    is_social: bool
    school_id: int | None
    school: str | None
    major: str
    created_at: datetime
    erased_at: datetime | None
    registrations: tuple[RegistrationLine, ...]
    certificates: tuple[CertificateLine, ...]
    practice: tuple[PracticeLine, ...]
    fees: tuple[FeeLine, ...]
    bindings: tuple[BindingLine, ...]
    messages: tuple[DeliveryView, ...] | None
    corrections: tuple[ChangeLine, ...]
    score_changes: tuple[ChangeLine, ...]
    looks: tuple[Look, ...]

    @property
    def is_bound(self) -> bool:
        return any(one.unbound_at is None for one in self.bindings)


def unknown() -> NotFound:
    """One refusal for "there is none" and "not yours": nobody can tell which."""
    return NotFound("candidate_not_found", "没有找到这位考生，请核对后重新查找。")


async def opened(s: Services, candidate_id: int, *, actor: Actor) -> CandidateDossier:
    """The page of one candidate; that it was opened is on record before anything of it is read.

    Raises:
        Forbidden("role_not_allowed") · NotFound("candidate_not_found"), also for another school's.
    """
    roles.require(actor, Verb.SEE_PEOPLE)
    school = school_of(actor)
    if not await queries.seen_of([candidate_id], school):
        raise unknown()
    await _on_record(s.clock, candidate_id, actor)
    now = s.clock.now()
    registered = tuple(_registration(row) for row in await queries.registrations(candidate_id, school, now))
    person = await queries.person(candidate_id)
    messages = None
    if school is None:
        sought = delivery_queries.Wanted(candidate_id=candidate_id)
        messages = tuple(
            DeliveryView.of(row) for row in await delivery_queries.newest(sought, before=0, most=MESSAGES)
        )
    return CandidateDossier(
        **_person(s.keys, person),
        registrations=registered,
        certificates=tuple(
            _certificate(row) for row in await queries.certificates(candidate_id, school, now)
        ),
        practice=tuple(
            PracticeLine(Level(row["level"]), row["practice_hours"], row["supervision_hours"])
            for row in await queries.practice(candidate_id)
        ),
        fees=tuple(_fee(row) for row in await queries.fees(candidate_id, school)),
        bindings=tuple(_binding(row) for row in await queries.bindings(candidate_id)),
        messages=messages,
        corrections=tuple(_correction(row) for row in await queries.corrections(candidate_id, school)),
        score_changes=tuple(
            _score_change(row)
            for row in await queries.score_changes([one.id for one in registered if one.outcome is not None])
        ),
        looks=tuple(
            Look(row["at"], row["actor_name"], row["what"], row["reason"])
            for row in await queries.looks(candidate_id, school, LOOKS)
        ),
    )


async def _on_record(clock: Clock, candidate_id: int, actor: Actor) -> None:
    """Once for each look: a page that is opened again after an act on it is the same look."""
    since = clock.now() - SAME_LOOK
    if not await queries.has_looked(candidate_id, VIEW, actor.id, since):
        await audit_log.record(clock, actor, "candidate.view", "candidate", candidate_id)


def _person(keys: Keys, row: Row) -> Row:
    mobile, given = row["mobile_sealed"], row["given_phone_sealed"]
    kept = {
        name: row[name]
        for name in (
            "id",
            "name",
            "id_kind",
            "given_phone_at",
            "school_id",
            "school",
            "created_at",
            "erased_at",
        )
    }
    return {
        **kept,
        "id_masked": mask_id(keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        "mobile_masked": mask_mobile(keys.decrypt(bytes(mobile), about=ABOUT_MOBILE)) if mobile else None,
        "given_phone_masked": phones.mask(keys.decrypt(bytes(given), about=phones.ABOUT)) if given else None,
        "is_social": row["kind"] == "social",
        "major": " ".join(
            row[name] for name in ("major_code", "major_name", "major_version", "major_tier") if row[name]
        ),
    }


def _registration(row: Row) -> RegistrationLine:
    outcome = Result(row["outcome"]) if row["outcome"] is not None else None
    marks = None
    if outcome is not None:
        marks = tuple((subject, say((status, score))) for subject, score, status in row["scores"] or ())
    return RegistrationLine(
        row["id"],
        row["plan_id"],
        row["plan"],
        row["exam_date"],
        row["release_at"],
        Level(row["level"]),
        row["school"],
        row["admission_number"],
        outcome,
        marks,
    )


def _certificate(row: Row) -> CertificateLine:
    values = {**row, "state": CertificateState(row["state"]), "batch": BatchState(row["batch"])}
    return CertificateLine(**{**values, "level": Level(row["level"])})


def _fee(row: Row) -> FeeLine:
    return FeeLine(
        row["id"],
        row["plan"],
        Level(row["level"]),
        row["amount_fen"],
        FeeState(row["state"]),
        row["payer"],
        row["order_id"],
        row["number"],
        OrderState(row["order_state"]) if row["order_state"] else None,
        row["paid_at"],
        row["refunded_fen"] or 0,
    )


def _binding(row: Row) -> BindingLine:
    shown = f"{row['openid'][:4]}…{row['openid'][-4:]}"
    return BindingLine(row["account"], shown, row["bound_at"], row["unbound_at"], row["is_following"])


def _correction(row: Row) -> ChangeLine:
    state = CorrectionState(row["state"])
    return _change(row, CorrectionKind(row["kind"]).label, state.value, state.label)


def _score_change(row: Row) -> ChangeLine:
    was = say((row["was_status"], row["was_score"])) if row["was_status"] else "没有成绩"
    what = f"{row['subject']}：{was} → {say((row['status'], row['score']))}"
    state = ScoreChangeState(row["state"])
    return _change(row, what, state.value, state.label)


def _change(row: Row, what: str, state: str, word: str) -> ChangeLine:
    return ChangeLine(
        row["id"],
        what,
        state,
        word,
        row["requested_by_name"],
        row["requested_at"],
        row["decided_by_name"],
        row["decided_at"],
    )
