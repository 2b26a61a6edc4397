"""How a person becomes a signing officer: an invitation for one phone number, taken up in WeChat with a PIN."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import SYSTEM, Actor, Caller
from server.domain.addresses import counted
from server.domain.audit import audit_log
from server.domain.people import conflicts, pins, rights_notices
from server.domain.people.candidates import clean_mobile
from server.domain.people.names import clean_name, tidy
from server.domain.people.officer_states import LIVING, OfficerState
from server.domain.people.officer_transitions import actor_of, advance
from server.domain.people.school_scope import may_see
from server.domain.ports import Clock, Keys, Queue, RateLimiter, Services, WeChatIdentity
from server.domain.roles import Verb
from server.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Refused,
    TooMany,
)
from server.models import Officer, School
from server.settings import Settings

ABOUT_MOBILE = "officer.mobile"
INVITATION = timedelta(days=7)
TRIES, TRIES_WINDOW = 20, 3600  # invitations or pairing codes tried from one address
WRONG_DIGITS = 5  # wrong last digits of the phone after which an invitation is dead


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the invited person opens in WeChat. The token is shown once; only its hash is kept."""

    officer_id: int
    token: str
    url: str
    expires_at: datetime


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _field(pointer: str, refused: Refused) -> Invalid:
    return Invalid(errors=[FieldError(pointer, refused.code, refused.message)])


def _tidy(name: str, mobile: str) -> tuple[str, str]:
    try:
        name = clean_name(name)
    except Refused as refused:
        raise _field("/name", refused) from None
    if not mobile.strip():
        detail = "请填写负责人本人的手机号：接受邀请时要用它的后四位核对身份。"
        raise Invalid(errors=[FieldError("/mobile", "mobile_missing", detail)])
    try:
        return name, clean_mobile(mobile)
    except Refused as refused:
        raise _field("/mobile", refused) from None


def refuse_other_school(actor: Actor, school_id: int) -> None:
    """A school's account has its own school. Raises NotFound("school_not_found")."""
    if not may_see(actor, school_id):
        raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")


async def locked(officer_id: int, *, actor: Actor) -> Officer:
    """The officer's row, locked; a school's account has its own officers only. Raises NotFound("officer_not_found")."""
    officer = await Officer.filter(id=officer_id).select_for_update().get_or_none()
    if officer is None or not may_see(actor, officer.school_id):
        raise NotFound("officer_not_found", "没有找到这位负责人，请刷新列表后重试。")
    return officer


async def invite(s: Services, school_id: int, name: str, mobile: str, *, actor: Actor) -> Invitation:
    """Invite a person to sign for a school. The invitation holds for 7 days, for whoever has this phone number.

    Args:
        mobile: the person's own mainland number; its last four digits are asked for when the invitation is taken up.

    Raises:
        Forbidden("role_not_allowed") · NotFound("school_not_found") · Invalid: name or mobile ·
        Conflict("officer_known"): this number is an officer's already, or was invited.
    """
    roles.require(actor, Verb.INVITE)
    refuse_other_school(actor, school_id)
    name, number = _tidy(name, mobile)
    token, expires_at = secrets.token_urlsafe(24), s.clock.now() + INVITATION
    known = Conflict(
        "officer_known", "这个手机号已有签发负责人或未接受的邀请；可在列表中重发邀请、重置签发密码或恢复。"
    )
    try:
        async with in_transaction():
            if not await School.filter(id=school_id).exists():
                raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")
            blinds = s.keys.blinds(number, about=ABOUT_MOBILE)
            if await Officer.filter(mobile_index__in=blinds, state__in=LIVING).exists():
                raise known
            officer = await Officer.create(
                school_id=school_id,
                name=name,
                mobile_sealed=s.keys.encrypt(number, about=ABOUT_MOBILE),
                mobile_index=blinds[0],
                invitation_hash=_hash(token),
                invitation_expires_at=expires_at,
                created_at=s.clock.now(),
            )
            await conflicts.stand_behind(s.clock, officer, "invited", actor=actor)
            became = {"state": "invited", "school_id": school_id, "name": name}
            await audit_log.record(s.clock, actor, "officer.invite", "officer", officer.id, became=became)
    except IntegrityError:  # two at once: the database lets one in
        raise known from None
    return Invitation(officer.id, token, _address(s.settings, token), expires_at)


def _address(settings: Settings, token: str) -> str:
    return f"{settings.public_url}/h5/officer?invitation={token}"


async def resend(settings: Settings, clock: Clock, officer_id: int, *, actor: Actor) -> Invitation:
    """A new link for an invitation that nobody has taken up; the one before it is dead.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found") · Conflict("not_invited").
    """
    roles.require(actor, Verb.INVITE)
    async with in_transaction():
        officer = await locked(officer_id, actor=actor)
        if officer.state != OfficerState.INVITED.value:
            raise Conflict("not_invited", "这份邀请已被接受或撤回，不能重发；请刷新列表。")
        made = await _renewed(settings, clock, officer)
        await conflicts.stand_behind(clock, officer, "invited", actor=actor)
        await audit_log.record(clock, actor, "officer.resend", "officer", officer.id)
    return made


async def reset_pin(settings: Settings, clock: Clock, officer_id: int, *, actor: Actor) -> Invitation:
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
        made = await _renewed(settings, clock, officer)
        await audit_log.record(clock, actor, "officer.reset_pin", "officer", officer.id)
    return made


async def _renewed(settings: Settings, clock: Clock, officer: Officer) -> Invitation:
    token, expires_at = secrets.token_urlsafe(24), clock.now() + INVITATION
    await Officer.filter(id=officer.id).update(
        invitation_hash=_hash(token), invitation_expires_at=expires_at, invitation_failures=0
    )
    return Invitation(officer.id, token, _address(settings, token), expires_at)


async def limit(rate_limiter: RateLimiter, what: str, address: str) -> None:
    """Raises TooMany("too_many_tries")."""
    if await rate_limiter.hit(f"officer:{what}:{counted(address)}", window=TRIES_WINDOW) > TRIES:
        raise TooMany("too_many_tries", "尝试次数过多，请一小时后再试。", retry_after=TRIES_WINDOW)


def sets_new_pin(officer: Officer) -> bool:
    """Whether the officer's link is one for a new PIN, not an invitation."""
    return officer.state in (OfficerState.PENDING.value, OfficerState.ACTIVE.value) and not officer.pin_hash


async def invitation_of(clock: Clock, token: str) -> Officer:
    """The invited person, with the school fetched; for the page that asks for a PIN.

    Raises:
        NotFound("invitation_unknown") · Gone: invitation_expired, invitation_withdrawn, invitation_locked.
    """
    officer = await Officer.get_or_none(invitation_hash=_hash(token)).prefetch_related("school")
    if officer is None:
        raise NotFound("invitation_unknown", "邀请链接无效，请核对链接，或请邀请人重新发送。")
    if officer.state in (OfficerState.SUSPENDED.value, OfficerState.WITHDRAWN.value):
        raise Gone("invitation_withdrawn", "这份邀请已取消，请联系邀请人。")
    if officer.state != OfficerState.INVITED.value and not sets_new_pin(officer):
        return officer  # taken up already: whoever did may come again
    expires = officer.invitation_expires_at
    if expires is None or expires < clock.now():
        raise Gone("invitation_expired", "邀请已过期（7天内有效），请邀请人重新发送。")
    if officer.invitation_failures >= WRONG_DIGITS:
        raise _dead()
    return officer


def _dead() -> Gone:
    return Gone("invitation_locked", "手机号后四位输错次数过多，这份邀请已失效；请联系邀请人重新发送。")


async def accept(
    s: Services,
    token: str,
    pin: str,
    *,
    phone_last4: str,
    identity: WeChatIdentity,
    caller: Caller,
) -> Officer:
    """Take up an invitation: prove the phone number, bind this WeChat identity and set the signing PIN.

    The officer is `pending` until somebody else confirms it, or active at once where the school's own account invited.
    The same person again with the same invitation gets the same answer and changes nothing. With a link for a new
    PIN (`reset_pin`) nothing but the PIN changes.

    Args:
        phone_last4: the last four digits of the number that the invitation was made for; five wrong ones end it.

    Raises:
        Forbidden("snapshot_user") · as `invitation_of` · Conflict: invitation_used, other_wechat,
        already_officer: this WeChat identity signs already · Invalid: pin_form, pin_weak, phone_wrong · TooMany.
    """
    if identity.is_snapshot:
        raise Forbidden("snapshot_user", "微信当前是快照模式，无法确认您的身份，请点击“使用完整服务”后再试。")
    await limit(s.rate_limiter, "accept", caller.address)
    column = f"{identity.account}_openid"
    officer = await invitation_of(s.clock, token)
    is_own = bool(identity.openid) and getattr(officer, column) == identity.openid
    if officer.state != OfficerState.INVITED.value:
        if is_own and not sets_new_pin(officer):
            return officer
        if not is_own:
            code = "other_wechat" if sets_new_pin(officer) else "invitation_used"
            raise Conflict(code, _NOT_YOURS[code])
    pins.check_new(pin)
    await _prove_phone(s.clock, s.keys, officer, token, phone_last4, caller)
    kept = await pins.hashed(s.keys, s.pin_hasher, officer.id, pin)
    fresh = {"pin_hash": kept, "pin_failures": 0, "pin_locked_until": None}
    actor = actor_of(officer).called_by(caller)
    async with in_transaction():
        if officer.state == OfficerState.INVITED.value:
            await _join(
                s.clock, s.queue, officer, token, identity, {**fresh, column: identity.openid}, actor=actor
            )
        else:
            if not await Officer.filter(id=officer.id, pin_hash="", invitation_hash=_hash(token)).update(
                **fresh
            ):
                raise Conflict("invitation_used", _NOT_YOURS["invitation_used"])
            await audit_log.record(s.clock, actor, "officer.new_pin", "officer", officer.id)
    return await Officer.get(id=officer.id).prefetch_related("school")


_NOT_YOURS = {
    "invitation_used": "这份邀请已被使用；如需更换微信，请邀请人停用原来的负责人后重新邀请。",
    "other_wechat": "请用原来绑定的微信打开这个链接；如已更换微信，请邀请人停用后重新邀请。",
}


async def _join(
    clock: Clock,
    queue: Queue,
    officer: Officer,
    token: str,
    identity: WeChatIdentity,
    changes: dict[str, object],
    *,
    actor: Actor,
) -> None:
    await free(identity, f"{identity.account}_openid")
    told = {"account": identity.account}
    where = {"invitation_hash": _hash(token)}
    if not await advance(clock, officer, "accept", actor=actor, changes=changes, where=where, became=told):
        raise Conflict("invitation_used", "这份邀请已被使用或已取消，请联系邀请人。")
    if await conflicts.is_confirmed_by_school(officer):
        await advance(clock, officer, "confirm", actor=SYSTEM, became={"by": "school_invitation"})
    await rights_notices.put_officers(queue, officer)


async def _prove_phone(
    clock: Clock, keys: Keys, officer: Officer, token: str, given: str, caller: Caller
) -> None:
    """The last four digits, judged one after the other under the row's lock: many at once get no more tries."""
    digits = "".join(tidy(given).split())
    if len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        detail = "请输入邀请您时登记的手机号的后四位数字。"
        raise Invalid(errors=[FieldError("/phone_last4", "phone_form", detail)])
    async with in_transaction():
        row = await Officer.filter(id=officer.id, invitation_hash=_hash(token)).select_for_update().first()
        if row is None or row.invitation_failures >= WRONG_DIGITS:
            raise _dead()
        number = keys.decrypt(bytes(row.mobile_sealed), about=ABOUT_MOBILE) if row.mobile_sealed else ""
        if number and hmac.compare_digest(number[-4:].encode(), digits.encode()):
            return
        failures = row.invitation_failures + 1
        await Officer.filter(id=officer.id).update(invitation_failures=failures)
        actor = actor_of(officer).called_by(caller)
        became = {"tries": failures}
        await audit_log.record(clock, actor, "officer.phone_wrong", "officer", officer.id, became=became)
    if failures >= WRONG_DIGITS:
        raise _dead()
    detail = f"手机号后四位与邀请时登记的不符，还可以再试{WRONG_DIGITS - failures}次。"
    raise Invalid(errors=[FieldError("/phone_last4", "phone_wrong", detail)])


async def free(identity: WeChatIdentity, column: str) -> None:
    """Take this identity off officers that were suspended; one who signs or waits for confirmation keeps it."""
    held = await Officer.filter(**{column: identity.openid}).select_for_update()
    if any(officer.state in LIVING for officer in held):
        raise Conflict(
            "already_officer", "您的微信已是签发负责人；如需更换院校，请先联系管理员停用原来的权限。"
        )
    await Officer.filter(id__in=[officer.id for officer in held]).update(**{column: ""})
