"""院校签发负责人: confirmed by a second person, bound to a WeChat identity, suspended at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor, Caller
from server.domain.audit import audit_log
from server.domain.events import publish
from server.domain.people import conflicts, officer_terms, rights_notices
from server.domain.people.conflicts import blocks_staff
from server.domain.people.invitation_acceptance import (
    TRIES,
    accept,
    free,
    invitation_of,
    limit,
)
from server.domain.people.invitations import Invitation, invite, locked, resend, reset_pin
from server.domain.people.officer_states import LIVING, OfficerState
from server.domain.people.officer_transitions import actor_of, advance
from server.domain.people.open_tickets import replace_tickets
from server.domain.people.pins import check as check_pin
from server.domain.people.school_scope import is_school
from server.domain.ports import Cache, Clock, EventBus, Queue, Services, WeChatIdentity
from server.domain.roles import Verb
from server.errors import Conflict, Forbidden, Unverified
from server.models import Officer

__all__ = [
    "TRIES",
    "Invitation",
    "SigningOfficer",
    "accept",
    "actor_of",
    "bind_mp",
    "blocks_staff",
    "check_pin",
    "colleagues",
    "confirm",
    "forget_identity",
    "invitation_of",
    "invite",
    "officer_for",
    "pairing_code",
    "resend",
    "reset_pin",
    "resume",
    "suspend",
    "withdraw",
]

PAIRING_SECONDS = 600


@dataclass(frozen=True, slots=True)
class SigningOfficer:
    """An officer, as the officer and the school's other officers see it; `school` is a name, `until` a deputy's last day."""

    id: int
    name: str
    school_id: int
    school: str
    state: OfficerState
    has_pin: bool
    until: date | None


def _signing_officer(officer: Officer) -> SigningOfficer:
    return SigningOfficer(
        officer.id,
        officer.name,
        officer.school_id,
        officer.school.name,
        OfficerState(officer.state),
        bool(officer.pin_hash),
        officer.until,
    )


async def officer_for(identity: WeChatIdentity) -> SigningOfficer | None:
    """The officer with this WeChat identity, suspended or not; None if nobody."""
    row = await _row_for(identity)
    return None if row is None else _signing_officer(row)


async def _row_for(identity: WeChatIdentity) -> Officer | None:
    if identity.account not in ("oa", "mp") or not identity.openid:
        return None
    officers = await Officer.filter(**{f"{identity.account}_openid": identity.openid}).select_related(
        "school"
    )
    return officers[0] if officers else None


async def colleagues(officer: SigningOfficer) -> list[SigningOfficer]:
    """The school's other officers that sign or wait for confirmation, newest first: nobody joins unseen."""
    query = Officer.filter(
        school_id=officer.school_id, state__in=(OfficerState.PENDING.value, OfficerState.ACTIVE.value)
    )
    others = query.exclude(id=officer.id).order_by("-id").limit(20)
    return [_signing_officer(one) for one in await others.prefetch_related("school")]


async def confirm(clock: Clock, queue: Queue, officer_id: int, *, actor: Actor) -> None:
    """Say that this person is the school's officer; only then may they sign. Repeating it changes nothing.

    Raises:
        Forbidden: role_not_allowed, own_invitation, same_role · NotFound("officer_not_found") ·
        Conflict("not_pending").
    """
    roles.require(actor, Verb.CONFIRM)
    async with in_transaction():
        officer = await locked(officer_id, actor=actor)
        if officer.state == OfficerState.ACTIVE.value:
            return
        if officer.state != OfficerState.PENDING.value:
            raise Conflict("not_pending", "这位负责人还没有接受邀请或已停用，不能确认；请刷新列表。")
        if (refusal := await conflicts.refusal_to_confirm(officer, actor=actor)) is not None:
            raise refusal
        await advance(clock, officer, "confirm", actor=actor)
        await conflicts.stand_behind(clock, officer, "confirmed", actor=actor)
        await rights_notices.put_officers(queue, officer)


async def withdraw(clock: Clock, officer_id: int, *, actor: Actor) -> None:
    """Take an invitation back that nobody has taken up: its link is dead. Repeating it changes nothing.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found") · Conflict("not_invited").
    """
    roles.require(actor, Verb.SUSPEND)
    async with in_transaction():
        officer = await locked(officer_id, actor=actor)
        if officer.state == OfficerState.WITHDRAWN.value:
            return
        if not await advance(clock, officer, "withdraw", actor=actor):
            raise Conflict("not_invited", "这份邀请已被接受，不能撤回；如需取消权限，请停用这位负责人。")


async def resume(clock: Clock, queue: Queue, officer_id: int, *, actor: Actor) -> None:
    """Give a suspended officer the right back, with the same WeChat and PIN; it has to be confirmed again.

    Where the school's own account does it, that is the confirmation.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found") ·
        Conflict: not_suspended, officer_term_over, officer_replaced (the WeChat or the phone is another officer's now).
    """
    roles.require(actor, Verb.INVITE)
    async with in_transaction():
        officer = await locked(officer_id, actor=actor)
        if officer.state != OfficerState.SUSPENDED.value:
            raise Conflict("not_suspended", "这位负责人没有被停用，不需要恢复；请刷新列表。")
        if officer_terms.is_over(officer.until, clock.now()):
            raise Conflict(
                "officer_term_over", "他的代理期限已过，不能恢复；请重新邀请，并填写新的最后一天。"
            )
        same_phone = Officer.filter(mobile_index=officer.mobile_index, state__in=LIVING)
        is_taken = officer.mobile_index is not None and await same_phone.exists()
        if is_taken or not (officer.oa_openid or officer.mp_openid):
            raise Conflict("officer_replaced", "他的微信或手机号已属于另一位负责人，不能恢复；请重新邀请。")
        await advance(clock, officer, "resume", actor=actor, changes={"suspended_at": None})
        await conflicts.stand_behind(clock, officer, "resumed", actor=actor)
        if is_school(actor):
            await advance(clock, officer, "confirm", actor=actor)
        await rights_notices.put_officers(queue, officer)


async def suspend(clock: Clock, event_bus: EventBus, officer_id: int, *, actor: Actor) -> None:
    """Take the right to sign away, at once; every open QR of the school dies, and a new one is shown instead.

    Of somebody who has not taken up the invitation yet, that is taken back. Suspending again changes nothing.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found"), also for another school's officer.
    """
    roles.require(actor, Verb.SUSPEND)
    async with in_transaction():
        batches = await close(clock, officer_id, actor=actor)
    for issuance_id in batches:
        await publish(event_bus, issuance_id, "replaced")


async def close(clock: Clock, officer_id: int, *, actor: Actor) -> list[int]:
    """`suspend` in the caller's transaction, of somebody who may. The batches whose QR is dead now. Raises NotFound."""
    officer = await locked(officer_id, actor=actor)
    if await advance(clock, officer, "withdraw", actor=actor):
        return []
    if not await advance(clock, officer, "suspend", actor=actor, changes={"suspended_at": clock.now()}):
        return []
    return await replace_tickets(clock, officer.school_id)


async def forget_identity(clock: Clock, queue: Queue, identity: WeChatIdentity) -> list[int]:
    """Take this WeChat identity off whoever signs with it, in the caller's transaction; nobody is no error.

    Who has the other account still signs with that one. Who has none is suspended, and has to be invited anew: a right
    that nobody can use, and that nobody is behind, does not stand open (decision 0305).

    Returns:
        the batches whose QR is dead now; the caller tells them once it has committed.
    """
    column = f"{identity.account}_openid"
    officer = await Officer.filter(**{column: identity.openid}).select_for_update().first()
    if officer is None:
        return []
    await Officer.filter(id=officer.id).update(**{column: ""})
    setattr(officer, column, "")
    actor = actor_of(officer)
    was = {"account": identity.account}
    await audit_log.record(clock, actor, "officer.unbind", "officer", officer.id, was=was)
    if officer.oa_openid or officer.mp_openid:
        return []
    if not await advance(clock, officer, "suspend", actor=actor, changes={"suspended_at": clock.now()}):
        return []
    await rights_notices.put_officers(queue, officer)
    return await replace_tickets(clock, officer.school_id)


async def pairing_code(cache: Cache, identity: WeChatIdentity) -> str:
    """Eight digits that let this officer bind the other account within 10 minutes.

    Raises: Forbidden("not_an_officer").
    """
    officer = await officer_for(identity)
    if officer is not None and officer.state is OfficerState.PENDING:
        raise Forbidden(
            "officer_pending", "您的签发权限还在等待确认，确认后即可配对；请联系本校管理员或评价组织。"
        )
    if officer is None or officer.state is not OfficerState.ACTIVE:
        raise Forbidden("not_an_officer", "您还不是院校签发负责人，请联系本校管理员发送邀请。")
    code = f"{secrets.randbelow(10**8):08d}"
    await cache.set(f"officer-pairing:{code}", str(officer.id).encode(), seconds=PAIRING_SECONDS)
    return code


async def bind_mp(
    s: Services, code: str, pin: str, *, identity: WeChatIdentity, caller: Caller
) -> SigningOfficer:
    """Bind the second account (the mini-program's) to the same officer, by a pairing code and the PIN.

    Raises:
        Unverified("pairing_unknown") · Forbidden("officer_suspended") · Conflict("already_officer") · as `check_pin`.
    """
    await limit(s.rate_limiter, "pair", caller.address)
    key = f"officer-pairing:{code}"
    officer_id = await s.cache.get(key) if len(code) == 8 and code.isascii() and code.isdigit() else None
    officer = await Officer.get_or_none(id=int(officer_id)) if officer_id else None
    if officer is None:
        raise Unverified("pairing_unknown", "配对码不正确或已过期，请在公众号的负责人页面重新获取。")
    if officer.state == OfficerState.PENDING.value:
        raise Forbidden(
            "officer_pending", "您的签发权限还在等待确认，确认后即可配对；请联系本校管理员或评价组织。"
        )
    if officer.state != OfficerState.ACTIVE.value:
        raise Forbidden("officer_suspended", "您的签发权限已停用，请联系本校管理员或评价组织。")
    await check_pin(s, officer, pin, caller=caller)
    column = f"{identity.account}_openid"
    async with in_transaction():
        current = await _row_for(identity)
        if current is None or current.id != officer.id:
            await free(identity, column)
            await Officer.filter(id=officer.id, state=OfficerState.ACTIVE.value).update(
                **{column: identity.openid}
            )
            await audit_log.record(
                s.clock,
                actor_of(officer).called_by(caller),
                "officer.bind",
                "officer",
                officer.id,
                became={"account": identity.account},
            )
    await s.cache.delete(key)
    return _signing_officer(await Officer.get(id=officer.id).prefetch_related("school"))
