"""Invitations to sign for a school, each for one phone number: made, sent anew, or made for a new PIN."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people import conflicts, officer_terms
from server.domain.people.candidates import clean_mobile
from server.domain.people.names import clean_name
from server.domain.people.officer_states import LIVING, OfficerState
from server.domain.people.school_scope import may_see
from server.domain.ports import Clock, Keys
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid, NotFound, Refused
from server.models import Officer, School
from server.models.database import breaks

ABOUT_MOBILE = "officer.mobile"
INVITATION = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the invited person's link holds. The token is shown once; only its hash is kept."""

    officer_id: int
    token: str
    expires_at: datetime


def token_hash(token: str) -> bytes:
    """All that is kept of an invitation's token."""
    return hashlib.sha256(token.encode()).digest()


def _field(pointer: str, refused: Refused) -> Invalid:
    return Invalid(errors=[FieldError(pointer, refused.code, refused.message)])


def tidy_name(name: str) -> str:
    """Raises Invalid: /name."""
    try:
        return clean_name(name)
    except Refused as refused:
        raise _field("/name", refused) from None


def tidy_mobile(mobile: str) -> str:
    """Raises Invalid: /mobile."""
    if not mobile.strip():
        detail = "请填写负责人本人的手机号：接受邀请时要用它的后四位核对身份。"
        raise Invalid(errors=[FieldError("/mobile", "mobile_missing", detail)])
    try:
        return clean_mobile(mobile)
    except Refused as refused:
        raise _field("/mobile", refused) from None


def refuse_other_school(actor: Actor, school_id: int) -> None:
    """A school's account has its own school. Raises NotFound("school_not_found")."""
    if not may_see(actor, school_id):
        raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")


async def locked(officer_id: int, *, actor: Actor) -> Officer:
    """The officer's row, locked; a school's account has its own officers only. Raises NotFound("officer_not_found"), Conflict."""
    officer = await Officer.filter(id=officer_id).select_for_update().get_or_none()
    if officer is None or not may_see(actor, officer.school_id):
        raise NotFound("officer_not_found", "没有找到这位负责人，请刷新列表后重试。")
    if officer.erased_at is not None:
        raise Conflict("officer_erased", "这位负责人的个人信息已经删除，不能再改；需要时请重新邀请。")
    return officer


async def invite(
    clock: Clock,
    keys: Keys,
    school_id: int,
    name: str,
    mobile: str,
    *,
    until: date | None = None,
    actor: Actor,
) -> Invitation:
    """Invite a person to sign for a school. The invitation holds for 7 days, for whoever has this phone number.

    Args:
        mobile: the person's own mainland number; its last four digits are asked for when the invitation is taken up.
        until: of a deputy, the last day on which they sign.

    Raises:
        Forbidden("role_not_allowed") · NotFound("school_not_found") · Invalid: name, mobile or until ·
        Conflict("officer_known"): this number is an officer's already, or was invited.
    """
    roles.require(actor, Verb.INVITE)
    refuse_other_school(actor, school_id)
    name, number = tidy_name(name), tidy_mobile(mobile)
    officer_terms.check(clock, until)
    token, expires_at = secrets.token_urlsafe(24), clock.now() + INVITATION
    try:
        async with in_transaction():
            if not await School.filter(id=school_id).exists():
                raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")
            blinds = keys.blinds(number, about=ABOUT_MOBILE)
            if await Officer.filter(mobile_index__in=blinds, state__in=LIVING).exists():
                raise _known()
            officer = await Officer.create(
                school_id=school_id,
                name=name,
                mobile_sealed=keys.encrypt(number, about=ABOUT_MOBILE),
                mobile_index=blinds[0],
                invitation_hash=token_hash(token),
                invitation_expires_at=expires_at,
                created_at=clock.now(),
                until=until,
            )
            await conflicts.stand_behind(clock, officer, "invited", actor=actor)
            became = {"state": "invited", "school_id": school_id, "name": name} | _term(until)
            await audit_log.record(clock, actor, "officer.invite", "officer", officer.id, became=became)
    except IntegrityError as error:  # two at once: the database lets one in
        if not breaks(error, "officer_mobile"):
            raise
        raise _known() from None
    return Invitation(officer.id, token, expires_at)


def _term(until: date | None) -> dict[str, str]:
    return {"until": until.isoformat()} if until is not None else {}


def _known() -> Conflict:
    return Conflict(
        "officer_known", "这个手机号已有签发负责人或未接受的邀请；可在列表中重发邀请、重置签发密码或恢复。"
    )


async def resend(clock: Clock, officer_id: int, *, actor: Actor) -> Invitation:
    """A new link for an invitation that nobody has taken up; the one before it is dead.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found") · Conflict("not_invited").
    """
    roles.require(actor, Verb.INVITE)
    async with in_transaction():
        officer = await locked(officer_id, actor=actor)
        if officer.state != OfficerState.INVITED.value:
            raise Conflict("not_invited", "这份邀请已被接受或撤回，不能重发；请刷新列表。")
        invitation = await _renewed(clock, officer)
        await conflicts.stand_behind(clock, officer, "invited", actor=actor)
        await audit_log.record(clock, actor, "officer.resend", "officer", officer.id)
    return invitation


async def reset_pin(clock: Clock, officer_id: int, *, actor: Actor) -> Invitation:
    """For an officer who forgot the signing PIN: the old one is void, and a link lets the same WeChat set another.

    No other person can use the link: it asks for the WeChat that is bound already, and the phone's last digits.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found") · Conflict("not_an_officer_now").
    """
    roles.require(actor, Verb.INVITE)
    async with in_transaction():
        officer = await locked(officer_id, actor=actor)
        if officer.state not in (OfficerState.PENDING.value, OfficerState.ACTIVE.value):
            raise Conflict("not_an_officer_now", "这位负责人没有接受邀请或已停用，不能重置签发密码。")
        await Officer.filter(id=officer.id).update(pin_hash="", pin_failures=0, pin_locked_until=None)
        invitation = await _renewed(clock, officer)
        await audit_log.record(clock, actor, "officer.reset_pin", "officer", officer.id)
    return invitation


async def _renewed(clock: Clock, officer: Officer) -> Invitation:
    token, expires_at = secrets.token_urlsafe(24), clock.now() + INVITATION
    await Officer.filter(id=officer.id).update(
        invitation_hash=token_hash(token), invitation_expires_at=expires_at, invitation_failures=0
    )
    return Invitation(officer.id, token, expires_at)
