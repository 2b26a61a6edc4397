"""A number of a candidate shown in full, once, to one person who says why; the trail keeps who, which and why."""

from __future__ import annotations

from enum import Enum

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.dossiers import queries
from server.domain.dossiers.candidate_dossier import unknown
from server.domain.people import phones
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE
from server.domain.people.free_text import clean_reason
from server.domain.people.school_scope import school_of
from server.domain.ports import Keys, Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, NotFound, TooMany

REASON_LENGTH = 200
HOUR = 3600
MOST_AN_HOUR = 60  # a person on the telephone needs fewer; a copy of the register needs more


class Covered(Enum):
    """value: what is asked for; label: how it is written."""

    ID_NUMBER = "id_number"
    MOBILE = "mobile"
    GIVEN_PHONE = "given_phone"

    @property
    def label(self) -> str:
        return {"id_number": "证件号码", "mobile": "登记手机号", "given_phone": "本人提供的手机号"}[
            self.value
        ]


_COLUMNS = {
    Covered.ID_NUMBER: ("id_sealed", ABOUT_ID),
    Covered.MOBILE: ("mobile_sealed", ABOUT_MOBILE),
    Covered.GIVEN_PHONE: ("given_phone_sealed", phones.ABOUT),
}


async def uncover(s: Services, candidate_id: int, what: Covered, reason: str, *, actor: Actor) -> str:
    """The number in full. It is on record before it is given out.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /reason reason_form · TooMany("uncover_often") ·
        NotFound("candidate_not_found", "number_missing").
    """
    roles.require(actor, Verb.UNCOVER)
    reason = clean_reason(reason)
    if not 2 <= len(reason) <= REASON_LENGTH:
        detail = f"请写明查看的原因（如“来电核对本人身份”），最多{REASON_LENGTH}个字。"
        raise Invalid(errors=[FieldError("/reason", "reason_form", detail)])
    if not await queries.seen_of([candidate_id], school_of(actor)):
        raise unknown()
    if await s.rate_limiter.hit(f"uncover:{actor.id}", window=HOUR) > MOST_AN_HOUR:
        raise TooMany(
            "uncover_often", "一小时内查看的号码过多，请稍后再试；批量核对请用签发名单。", retry_after=HOUR
        )
    number = await _read(s.keys, candidate_id, what)
    async with in_transaction():
        became = {"what": what.value, "reason": reason}
        await audit_log.record(s.clock, actor, "candidate.uncover", "candidate", candidate_id, became=became)
    return number


async def _read(keys: Keys, candidate_id: int, what: Covered) -> str:
    column, about = _COLUMNS[what]
    row = await queries.person(candidate_id)
    sealed = row[column]
    if sealed is None or row["erased_at"] is not None:
        raise NotFound("number_missing", f"没有登记这位考生的{what.label}。")
    return keys.decrypt(bytes(sealed), about=about)
