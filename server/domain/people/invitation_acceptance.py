"""An invitation taken up in WeChat: the phone proved, the WeChat identity bound, the signing PIN set."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from tortoise.transactions import in_transaction

from server.domain.actor import SYSTEM, Actor, Caller
from server.domain.addresses import counted
from server.domain.audit import audit_log
from server.domain.people import conflicts, pins, rights_notices
from server.domain.people.invitations import ABOUT_MOBILE, token_hash
from server.domain.people.names import tidy
from server.domain.people.officer_states import LIVING, OfficerState
from server.domain.people.officer_transitions import actor_of, advance
from server.domain.ports import Clock, Keys, Queue, RateLimiter, Services, WeChatIdentity
from server.errors import Conflict, FieldError, Forbidden, Gone, Invalid, NotFound, TooMany
from server.models import Officer

TRIES, TRIES_WINDOW = 20, 3600  # invitations or pairing codes tried from one address
WRONG_DIGITS = 5  # wrong last digits of the phone after which an invitation is dead


async def limit(rate_limiter: RateLimiter, what: str, address: str) -> None:
    """Raises TooMany("too_many_tries")."""
    if await rate_limiter.hit(f"officer:{what}:{counted(address)}", window=TRIES_WINDOW) > TRIES:
        raise TooMany("too_many_tries", "尝试次数过多，请一小时后再试。", retry_after=TRIES_WINDOW)


@dataclass(frozen=True, slots=True)
class Invited:
    """Whose link it is, for the page that asks for a PIN; `school` is a name.

    Args:
        is_taken_up: nothing is asked any more; whoever took it up may come again.
        sets_new_pin: the link is one for a new PIN, not an invitation.
    """

    officer_id: int
    name: str
    school: str
    is_taken_up: bool
    sets_new_pin: bool


def _sets_new_pin(officer: Officer) -> bool:
    return officer.state in (OfficerState.PENDING.value, OfficerState.ACTIVE.value) and not officer.pin_hash


async def invitation_of(clock: Clock, token: str) -> Invited:
    """The invited person.

    Raises:
        NotFound("invitation_unknown") · Gone: invitation_expired, invitation_withdrawn, invitation_locked.
    """
    officer = await _invited(clock, token)
    is_new_pin = _sets_new_pin(officer)
    is_open = officer.state == OfficerState.INVITED.value or is_new_pin
    return Invited(officer.id, officer.name, officer.school.name, not is_open, is_new_pin)


async def _invited(clock: Clock, token: str) -> Officer:
    """The invited person's row, with the school fetched. Raises as `invitation_of`."""
    officer = await Officer.get_or_none(invitation_hash=token_hash(token)).prefetch_related("school")
    if officer is None:
        raise NotFound("invitation_unknown", "邀请链接无效，请核对链接，或请邀请人重新发送。")
    if officer.state in (OfficerState.SUSPENDED.value, OfficerState.WITHDRAWN.value):
        raise Gone("invitation_withdrawn", "这份邀请已取消，请联系邀请人。")
    if officer.state != OfficerState.INVITED.value and not _sets_new_pin(officer):
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
    officer = await _invited(s.clock, token)
    is_own = bool(identity.openid) and getattr(officer, column) == identity.openid
    if officer.state != OfficerState.INVITED.value:
        if is_own and not _sets_new_pin(officer):
            return officer
        if not is_own:
            code = "other_wechat" if _sets_new_pin(officer) else "invitation_used"
            raise Conflict(code, _NOT_YOURS[code])
    pins.check_new(pin)
    await _prove_phone(s.clock, s.keys, officer, token, phone_last4, caller)
    pin_hash = await pins.hashed(s.keys, s.pin_hasher, officer.id, pin)
    fresh = {"pin_hash": pin_hash, "pin_failures": 0, "pin_locked_until": None}
    actor = actor_of(officer).called_by(caller)
    async with in_transaction():
        if officer.state == OfficerState.INVITED.value:
            await _join(
                s.clock, s.queue, officer, token, identity, {**fresh, column: identity.openid}, actor=actor
            )
        else:
            waiting = Officer.filter(id=officer.id, pin_hash="", invitation_hash=token_hash(token))
            if not await waiting.update(**fresh):
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
    became = {"account": identity.account}
    where = {"invitation_hash": token_hash(token)}
    if not await advance(clock, officer, "accept", actor=actor, changes=changes, where=where, became=became):
        raise Conflict("invitation_used", "这份邀请已被使用或已取消，请联系邀请人。")
    if await conflicts.is_confirmed_by_school(officer):
        await advance(clock, officer, "confirm", actor=SYSTEM, became={"by": "school_invitation"})
    await rights_notices.put_officers(queue, officer)


async def _prove_phone(
    clock: Clock, keys: Keys, officer: Officer, token: str, text: str, caller: Caller
) -> None:
    """The last four digits, judged one after the other under the row's lock: many at once get no more tries."""
    digits = "".join(tidy(text).split())
    if len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        detail = "请输入邀请您时登记的手机号的后四位数字。"
        raise Invalid(errors=[FieldError("/phone_last4", "phone_form", detail)])
    async with in_transaction():
        row = (
            await Officer.filter(id=officer.id, invitation_hash=token_hash(token)).select_for_update().first()
        )
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
    officers = await Officer.filter(**{column: identity.openid}).select_for_update()
    if any(officer.state in LIVING for officer in officers):
        raise Conflict(
            "already_officer", "您的微信已是签发负责人；如需更换院校，请先联系管理员停用原来的权限。"
        )
    await Officer.filter(id__in=[officer.id for officer in officers]).update(**{column: ""})
