"""院校签发负责人: invited by the organisation or the school, bound to a WeChat identity, suspended at once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from server.domain import audit
from server.domain.addresses import counted
from server.domain.audit import Actor
from server.domain.issuance.life import tell
from server.domain.people import pins, roles
from server.domain.people.candidates import clean_mobile
from server.domain.people.names import clean_name
from server.domain.people.officer_list import ABOUT_MOBILE, listing
from server.domain.people.pins import check as check_pin
from server.domain.people.roles import Role, Verb
from server.domain.ports import Services, WeChatIdentity
from server.errors import (
    Conflict,
    FieldError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    Refused,
    TooMany,
    Unverified,
)
from server.records import Officer, ScanTicket, School

__all__ = [
    "Invitation",
    "accept",
    "bind_mp",
    "check_pin",
    "invitation_of",
    "invite",
    "listing",
    "officer_for",
    "pairing_code",
    "suspend",
]

INVITATION = timedelta(days=7)
PAIRING_SECONDS = 600
TRIES, TRIES_WINDOW = 20, 3600  # invitations or pairing codes tried from one address


@dataclass(frozen=True, slots=True)
class Invitation:
    """What the invited person opens in WeChat. The token is shown once; only its hash is kept."""

    officer_id: int
    token: str
    url: str
    expires_at: datetime


def _own_school(actor: Actor, school_id: int) -> None:
    if actor.role == Role.SCHOOL.value and actor.school_id != school_id:
        raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _field(pointer: str, refused: Refused) -> Invalid:
    return Invalid(errors=[FieldError(pointer, refused.code, refused.message)])


def _tidy(s: Services, name: str, mobile: str) -> tuple[str, bytes | None]:
    try:
        name = clean_name(name)
    except Refused as refused:
        raise _field("/name", refused) from None
    try:
        sealed = s.keys.encrypt(clean_mobile(mobile), about=ABOUT_MOBILE) if mobile.strip() else None
    except Refused as refused:
        raise _field("/mobile", refused) from None
    return name, sealed


async def invite(s: Services, school_id: int, name: str, mobile: str, *, actor: Actor) -> Invitation:
    """Invite a person to sign for a school. The invitation holds for 7 days.

    Args:
        mobile: a mainland number, or empty.

    Raises:
        Forbidden("role_not_allowed") · NotFound("school_not_found") · Invalid: name or mobile.
    """
    roles.require(actor, Verb.INVITE)
    _own_school(actor, school_id)
    name, sealed = _tidy(s, name, mobile)
    token = secrets.token_urlsafe(24)
    expires_at = s.clock.now() + INVITATION
    async with in_transaction():
        if not await School.filter(id=school_id).exists():
            raise NotFound("school_not_found", "没有找到这所院校，请刷新列表后重试。")
        officer = await Officer.create(
            school_id=school_id,
            name=name,
            mobile_sealed=sealed,
            invitation_hash=_hash(token),
            invitation_expires_at=expires_at,
            created_at=s.clock.now(),
        )
        became = {"state": "invited", "school_id": school_id, "name": name}
        await audit.record(s.clock, actor, "officer.invite", "officer", officer.id, became=became)
    return Invitation(officer.id, token, _address(s, token), expires_at)


def _address(s: Services, token: str) -> str:
    return f"{s.settings.public_url}/h5/officer?invitation={token}"


async def _limit(s: Services, what: str, address: str) -> None:
    if await s.limits.hit(f"officer:{what}:{counted(address)}", window=TRIES_WINDOW) > TRIES:
        raise TooMany("too_many_tries", "尝试次数过多，请一小时后再试。", retry_after=TRIES_WINDOW)


async def invitation_of(s: Services, token: str) -> Officer:
    """The invited person, with the school fetched; for the page that asks for a PIN.

    Raises:
        NotFound("invitation_unknown") · Gone("invitation_expired") · Gone("invitation_withdrawn").
    """
    officer = await Officer.get_or_none(invitation_hash=_hash(token)).prefetch_related("school")
    if officer is None:
        raise NotFound("invitation_unknown", "邀请链接无效，请核对链接，或请邀请人重新发送。")
    if officer.state == "suspended":
        raise Gone("invitation_withdrawn", "这份邀请已取消，请联系邀请人。")
    expires = officer.invitation_expires_at
    if officer.state == "invited" and (expires is None or expires < s.clock.now()):
        raise Gone("invitation_expired", "邀请已过期（7天内有效），请邀请人重新发送。")
    return officer


async def accept(
    s: Services, token: str, pin: str, *, identity: WeChatIdentity, address: str, request_id: str = ""
) -> Officer:
    """Take up an invitation: bind this WeChat identity and set the signing PIN.

    The same person again with the same invitation gets the same answer and changes nothing.

    Raises:
        Forbidden("snapshot_user") · as `invitation_of` · Conflict("invitation_used") ·
        Conflict("already_officer"): this WeChat identity signs already · Invalid: pin_form, pin_weak · TooMany.
    """
    if identity.is_snapshot:
        raise Forbidden("snapshot_user", "微信当前是快照模式，无法确认您的身份，请点击“使用完整服务”后再试。")
    await _limit(s, "accept", address)
    column = f"{identity.account}_openid"
    officer = await invitation_of(s, token)
    if officer.state == "active":
        if getattr(officer, column) == identity.openid:
            return officer
        raise Conflict("invitation_used", "这份邀请已被使用；如需更换微信，请邀请人重新发送邀请。")
    pins.check_new(pin)
    kept = await pins.hashed(s.keys, officer.id, pin)
    async with in_transaction():
        await _free(identity, column)
        taken = await Officer.filter(id=officer.id, state="invited", invitation_hash=_hash(token)).update(
            state="active", pin_hash=kept, pin_failures=0, pin_locked_until=None, **{column: identity.openid}
        )
        if not taken:
            raise Conflict("invitation_used", "这份邀请已被使用或已取消，请联系邀请人。")
        actor = actor_of(officer).at(address, request_id)
        became = {"state": "active", "account": identity.account}
        await audit.record(
            s.clock, actor, "officer.accept", "officer", officer.id, was={"state": "invited"}, became=became
        )
    return await Officer.get(id=officer.id).prefetch_related("school")


async def _free(identity: WeChatIdentity, column: str) -> None:
    """Take this identity off officers that were suspended; one who signs already keeps it."""
    held = await Officer.filter(**{column: identity.openid}).select_for_update()
    if any(officer.state == "active" for officer in held):
        raise Conflict(
            "already_officer", "您的微信已是签发负责人；如需更换院校，请先联系管理员停用原来的权限。"
        )
    await Officer.filter(id__in=[officer.id for officer in held]).update(**{column: ""})


def actor_of(officer: Officer) -> Actor:
    """The officer as one who acts."""
    return Actor("officer", officer.id, officer.name, "officer", officer.school_id)


async def officer_for(identity: WeChatIdentity) -> Officer | None:
    """The officer with this WeChat identity, suspended or not, the school fetched; None if nobody."""
    if identity.account not in ("oa", "mp") or not identity.openid:
        return None
    found = await Officer.filter(**{f"{identity.account}_openid": identity.openid}).select_related("school")
    return found[0] if found else None


async def suspend(s: Services, officer_id: int, *, actor: Actor) -> None:
    """Take the right to sign away, at once; every open QR of the school dies, and a new one is shown instead.

    Suspending again changes nothing.

    Raises:
        Forbidden("role_not_allowed") · NotFound("officer_not_found"), also for another school's officer.
    """
    roles.require(actor, Verb.SUSPEND)
    async with in_transaction():
        officer = await Officer.filter(id=officer_id).select_for_update().get_or_none()
        if officer is None or (actor.role == Role.SCHOOL.value and actor.school_id != officer.school_id):
            raise NotFound("officer_not_found", "没有找到这位负责人，请刷新列表后重试。")
        now = s.clock.now()
        if (
            not await Officer.filter(id=officer_id)
            .exclude(state="suspended")
            .update(state="suspended", suspended_at=now)
        ):
            return
        open_tickets = ScanTicket.filter(
            school_id=officer.school_id, spent_at=None, replaced_at=None, expires_at__gte=now
        )
        batches = {ticket.issuance_id for ticket in await open_tickets}
        await open_tickets.update(replaced_at=now)
        was, became = {"state": officer.state}, {"state": "suspended"}
        await audit.record(s.clock, actor, "officer.suspend", "officer", officer_id, was=was, became=became)
    for issuance_id in sorted(batches):
        await tell(s, issuance_id, "replaced")


async def pairing_code(s: Services, identity: WeChatIdentity) -> str:
    """Eight digits that let this officer bind the other account within 10 minutes.

    Raises: Forbidden("not_an_officer").
    """
    officer = await officer_for(identity)
    if officer is None or officer.state != "active":
        raise Forbidden("not_an_officer", "您还不是院校签发负责人，请联系本校管理员发送邀请。")
    code = f"{secrets.randbelow(10**8):08d}"
    await s.cache.set(f"officer-pairing:{code}", str(officer.id).encode(), seconds=PAIRING_SECONDS)
    return code


async def bind_mp(
    s: Services, code: str, pin: str, *, identity: WeChatIdentity, address: str, request_id: str = ""
) -> Officer:
    """Bind the second account (the mini-program's) to the same officer, by a pairing code and the PIN.

    Raises:
        Unverified("pairing_unknown") · Forbidden("officer_suspended") · Conflict("already_officer") · as `check_pin`.
    """
    await _limit(s, "pair", address)
    key = f"officer-pairing:{code}"
    known = await s.cache.get(key) if len(code) == 8 and code.isascii() and code.isdigit() else None
    officer = await Officer.get_or_none(id=int(known)) if known else None
    if officer is None:
        raise Unverified("pairing_unknown", "配对码不正确或已过期，请在公众号的负责人页面重新获取。")
    if officer.state != "active":
        raise Forbidden("officer_suspended", "您的签发权限已停用，请联系本校管理员或评价组织。")
    await check_pin(s, officer, pin)
    column = f"{identity.account}_openid"
    async with in_transaction():
        held = await officer_for(identity)
        if held is None or held.id != officer.id:
            await _free(identity, column)
            await Officer.filter(id=officer.id, state="active").update(**{column: identity.openid})
            await audit.record(
                s.clock,
                actor_of(officer).at(address, request_id),
                "officer.bind",
                "officer",
                officer.id,
                became={"account": identity.account},
            )
    await s.cache.delete(key)
    return await Officer.get(id=officer.id).prefetch_related("school")
