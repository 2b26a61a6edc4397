"""A copy of everything that is held of one candidate, for the candidate (PIPL Art. 45), asked for in writing.

It is put together for one answer and kept nowhere. Who took it, when and why is on record before anything is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.dossiers.candidate_dossier import unknown
from server.domain.people.free_text import clean_reason
from server.domain.ports import Services
from server.domain.privacy import held_rows
from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.privacy.held_rows import Section
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, TooMany
from server.models import Candidate

EXPORT = "candidate.export"
SHORTEST_REASON, LONGEST_REASON = 5, 300
MOST_AN_HOUR = 20  # a person asks for their own; whoever asks for hundreds copies the register
HOUR = 3600


@dataclass(frozen=True, slots=True)
class PersonalCopy:
    """What the person is given. `files`: name and content of each; one that is missing is named in the rows alone."""

    candidate_id: int
    made_at: datetime
    sections: tuple[Section, ...]
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """How the person asked.

    Attributes:
        on: the day of the written request. reason: by which paper, and how the person was identified.
    """

    on: date
    reason: str


def clean(asked: Asked, today: date) -> Asked:
    """Raises Invalid: /asked_on asked_on_future; /reason reason_length."""
    wrong, reason = [], clean_reason(asked.reason)
    if asked.on > today:
        wrong.append(FieldError("/asked_on", "asked_on_future", "申请日期不能晚于今天，请核对书面申请。"))
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON:
        sentence = (
            f"请写明依据，{SHORTEST_REASON} 到 {LONGEST_REASON} 个字，例如“本人持身份证当面提交申请书”。"
        )
        wrong.append(FieldError("/reason", "reason_length", sentence))
    if wrong:
        raise Invalid(errors=wrong)
    return Asked(asked.on, reason)


async def take(s: Services, candidate_id: int, asked: Asked, *, actor: Actor) -> PersonalCopy:
    """Everything that is held of this candidate and that they may be told of now.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /asked_on, /reason · TooMany("copies_often") ·
        NotFound("candidate_not_found") · OutsideFailure: the file store does not answer.
    """
    roles.require(actor, Verb.EXPORT_PERSON)
    now = s.clock.now()
    asked = clean(asked, beijing.day(now))
    if not await Candidate.filter(id=candidate_id).exists():
        raise unknown()
    if await s.rate_limiter.hit(f"personal_copy:{actor.id}", window=HOUR) > MOST_AN_HOUR:
        raise TooMany("copies_often", "一小时内导出的个人信息过多，请稍后再试。", retry_after=HOUR)
    became = {"what": "copy", "asked_on": asked.on.isoformat(), "reason": asked.reason}
    async with in_transaction():
        await audit_log.record(s.clock, actor, EXPORT, "candidate", candidate_id, became=became)
    sections, files = [], []
    for holding in CANDIDATE_TABLES:
        found, named = await held_rows.section(s, holding, candidate_id, now)
        sections.append(found)
        files += named
    return PersonalCopy(candidate_id, now, tuple(sections), tuple(files))
