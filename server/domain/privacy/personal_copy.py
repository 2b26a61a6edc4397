"""A copy of everything that is held of one person, for the person (PIPL Art. 45), asked for in writing.

It is put together for one answer and kept nowhere. Who took it, when and why is on record before anything is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people.free_text import clean_reason
from server.domain.ports import Services
from server.domain.privacy import held_rows, other_people, subjects
from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.privacy.held_rows import Section
from server.domain.privacy.subjects import Subject
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, TooMany

EXPORT, EXPORT_OTHERS = "candidate.export", "person.export"
SHORTEST_REASON, LONGEST_REASON = 5, 300
MOST_AN_HOUR = 20  # a person asks for their own; whoever asks for hundreds copies the register
HOUR = 3600


@dataclass(frozen=True, slots=True)
class PersonalCopy:
    """What the person is given. `files`: name and content of each; one that is missing is named in the rows alone."""

    of: Subject
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


async def take(s: Services, who: int | Subject, asked: Asked, *, actor: Actor) -> PersonalCopy:
    """Everything that is held of this person and that they may be told of now.

    Args:
        who: a number alone is a candidate's.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /asked_on, /reason · TooMany("copies_often") ·
        NotFound: the kind's · OutsideFailure: the file store does not answer.
    """
    now, of = s.clock.now(), subjects.candidate(who)
    subjects.require(actor, of, Verb.EXPORT_PERSON)
    asked = clean(asked, beijing.day(now))
    await subjects.look(of)
    if await s.rate_limiter.hit(f"personal_copy:{actor.id}", window=HOUR) > MOST_AN_HOUR:
        raise TooMany("copies_often", "一小时内导出的个人信息过多，请稍后再试。", retry_after=HOUR)
    became = {"what": "copy", "asked_on": asked.on.isoformat(), "reason": asked.reason}
    action = EXPORT if of.kind == "candidate" else EXPORT_OTHERS
    async with in_transaction():
        await audit_log.record(s.clock, actor, action, of.of.table, of.id, became=became)
    sections, files = [], []
    for holding in CANDIDATE_TABLES if of.kind == "candidate" else other_people.TABLES[of.kind]:
        found, named = await held_rows.section(s, holding, of.id, now)
        sections.append(found)
        files += named
    return PersonalCopy(of, now, tuple(sections), tuple(files))
