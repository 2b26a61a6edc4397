"""What look-ups tell a candidate, as objects: the mini-program, the pages and the chat each word them for themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import inf

from server.domain.certificates.states import CertificateState
from server.domain.exams.results import Result, Status
from server.domain.levels import Level
from server.domain.people.candidates import Masked
from server.domain.ports.lookups import READY_SECONDS


@dataclass(frozen=True, slots=True)
class Standing:
    """From when to when (Unix seconds) an answer is true if nobody changes anything: the releases that it lies between."""

    since: float = -inf
    until: float = inf

    @classmethod
    def between(
        cls, moments: list[datetime | None], now: datetime, *, seconds: float = READY_SECONDS
    ) -> Standing:
        """Of an answer made at `now` from plans with these release times.

        Args:
            seconds: how long it may stand at most, whatever it says; 0: true now, and not to be kept.
        """
        present = now.timestamp()
        releases = [moment.timestamp() for moment in moments if moment is not None]
        return cls(
            max((release for release in releases if release <= present), default=-inf),
            min([present + seconds, *(release for release in releases if release > present)]),
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Which examination it is about."""

    plan: str
    exam_date: date
    certificate: str
    level: Level
    school: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Why something is not there, and what to do next. `code` is stable.

    `until`: of `not_released`, when it is expected. `outcome`: of `not_passed`.
    """

    code: str
    title: str
    detail: str
    place: Place | None = None
    until: datetime | None = None
    outcome: Result | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    score: Decimal | None
    status: Status


@dataclass(frozen=True, slots=True)
class ResultItem:
    """One examination's released result."""

    place: Place
    admission_number: str
    subjects: tuple[Subject, ...]
    outcome: Result
    advice: str
    released_at: datetime
    corrected_at: datetime | None


@dataclass(frozen=True, slots=True)
class CertificateItem:
    """One certificate: what it says itself, from its claims, and what has become of it since."""

    number: str
    state: CertificateState
    certificate: str
    level: Level
    standard: str
    certifies: str
    plan: str
    exam_date: date
    issued_on: date
    issued_at: datetime | None
    school: str
    issuer: str
    portal_number: str | None
    expires_on: date | None
    revoked_at: datetime | None
    revoke_reason: str | None
    superseded_by: str | None
    superseded_at: datetime | None
    advice: str
    verification_url: str


@dataclass(frozen=True, slots=True)
class Missing:
    """Hours that are still to be put on record before a certificate (S13); 0: nothing is missing."""

    supervision: Decimal = Decimal(0)
    practice: Decimal = Decimal(0)

    def __bool__(self) -> bool:
        return bool(self.supervision or self.practice)


@dataclass(frozen=True, slots=True)
class Withheld:
    """A certificate that is earned and not there yet, and why."""

    code: str
    title: str
    detail: str
    place: Place
    missing: Missing


@dataclass(frozen=True, slots=True)
class ResultsView:
    """`person` is None when nobody is bound. `items` are released results alone; `notices` say why there is not more."""

    person: Masked | None
    items: tuple[ResultItem, ...]
    notices: tuple[Notice, ...]
    standing: Standing


@dataclass(frozen=True, slots=True)
class CertificatesView:
    """`person` is None when nobody is bound. `notices` say why there is nothing else."""

    person: Masked | None
    items: tuple[CertificateItem, ...]
    withheld: tuple[Withheld, ...]
    notices: tuple[Notice, ...]
    standing: Standing
