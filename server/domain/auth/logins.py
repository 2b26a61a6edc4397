"""How staff come in and go out: password, second factor, sessions that can be ended at once.

A session is a signed token (`domain.entry.sessions`) that names the account, its session epoch, a number of its own and the
secret that a page sends back against forged requests. One more on the account's epoch ends all of its sessions.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from tortoise.expressions import F
from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.auth import (
    api_tokens,
    login_limits,
    passkeys,
    scan_login,
    second_factor,
    session_list,
    sessions,
)
from server.domain.auth.login_limits import From
from server.domain.auth.passkeys import Assertion
from server.domain.auth.session_list import Proof
from server.domain.auth.signed_in import SignedIn
from server.domain.people import attempts, passwords, staff
from server.domain.ports import Clock, Services
from server.errors import Gone, TooMany, Unverified
from server.models import ConsoleSession, EndedSession, Staff

SESSION_SECONDS = 10 * 3600  # a working day


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in, and with which session."""

    staff: SignedIn
    actor: Actor
    id: str
    csrf: str
    expires_at: datetime


async def log_in(
    s: Services,
    username: str,
    password: str,
    otp: str,
    came: From,
    passkey: Assertion | None = None,
) -> tuple[str, Session]:
    """Check who it is and begin a session. Unknown name, wrong password and closed account look and take the same.

    Args:
        otp: the six digits of the second factor, or a recovery code; empty if the person was not asked yet.
        came: from where, with the device cookie that a former log-in left, and with what was read in the picture
            where `captcha_required` asked for it.
        passkey: in place of `otp`, the answer of one of the account's passkeys.

    Returns: the session's token and what it says.

    Raises:
        TooMany: login_too_often, login_codes_too_often, busy. Refused: captcha_required, captcha_wrong, once too many have tried.
        Unverified: login_wrong, otp_required, passkey_required, otp_wrong, passkey_wrong. Gone: passkey_offer_over.
    """
    await login_limits.refuse_flood(s, came)
    account = await Staff.get_or_none(username=username.strip().lower())
    is_open = account is not None and account.is_active
    has_code = bool(otp or passkey) and account is not None and staff.has_second_factor(account)
    counted = await login_limits.count(s, username, account, came, has_code=has_code)
    async with attempts.judged(s.rate_limiter, counted.keys):
        password_hash = account.password_hash if account and is_open else s.password_hasher.nobodys()
        if (
            not await passwords.matches(s.password_hasher, password_hash, password)
            or account is None
            or not is_open
        ):
            await _refused(s, account, came)
        assert account is not None
        guarded = counted.is_guarded
        second = await _second_factor(s, account, passkey or otp, came, guarded)
    await login_limits.forgive(s, username, account, came)
    if s.password_hasher.is_outdated(account.password_hash):
        fresh = await passwords.hashed(s.password_hasher, password)
        await Staff.filter(id=account.id, password_hash=account.password_hash).update(password_hash=fresh)
    return await _enter(s, account, (Proof.PASSWORD, *second), came)


async def _refused(s: Services, account: Staff | None, came: From) -> NoReturn:
    """In the trail stands which account somebody tried, if there is one; never what was typed."""
    actor = incidents.stranger(came.address, came.request_id)
    await incidents.note(s, actor, "session.refused", "staff", account.id if account else "-")
    raise Unverified("login_wrong", "用户名或密码不正确，请核对后重试。")


async def _enter(s: Services, account: Staff, proofs: tuple[Proof, ...], came: From) -> tuple[str, Session]:
    """A session for somebody who has shown who they are, in the trail and in the list of log-ins."""
    token, session = begin(s, account)
    actor = session.actor.at(came.address, came.request_id)
    action = "session.recovery" if Proof.RECOVERY in proofs else "session.begin"
    async with in_transaction():
        await session_list.keep(s.clock, session.id, account, proofs, came, session.expires_at)
        became = {"proofs": [proof.label for proof in proofs]}
        await audit_log.record(s.clock, actor, action, "staff", account.id, became=became)
    return token, session


async def log_in_with_passkey(s: Services, answer: Assertion, came: From) -> tuple[str, Session]:
    """A whole log-in by a passkey: the device has asked for finger, face or PIN, so it is two factors at once.

    Raises: TooMany("login_too_often"), Gone("passkey_offer_over"), Unverified("passkey_wrong").
    """
    await login_limits.refuse_flood(s, came)
    account = await passkeys.owner_of(s, answer, came)
    return await _enter(s, account, (Proof.PASSKEY,), came)


async def log_in_by_scan(s: Services, ticket: str, browser: str, otp: str, came: From) -> tuple[str, Session]:
    """A log-in that the owner has confirmed in WeChat, in place of the password; a second factor is asked for besides.

    Args:
        browser: the cookie of the browser that showed the code; no other is let in.

    Raises: Gone("scan_login_over"), TooMany("login_too_often"), Unverified: otp_required, passkey_required, otp_wrong.
    """
    await login_limits.refuse_flood(s, came)
    account = await scan_login.answered(s, ticket, browser)
    if otp:
        await login_limits.count_password(s.rate_limiter, account.id, "scan-otp", 5)
    second = await _second_factor(s, account, otp, came, is_guarded=False)
    await scan_login.spend(s, ticket)
    return await _enter(s, account, (Proof.WECHAT, *second), came)


async def _second_factor(
    s: Services, account: Staff, shown: str | Assertion, came: From, is_guarded: bool
) -> tuple[Proof, ...]:
    """What of the second factor was shown; none for an account without.

    Raises:
        Unverified: otp_required, passkey_required, otp_wrong, passkey_wrong, login_wrong · Gone("passkey_offer_over") ·
        TooMany("login_codes_too_often").
    """
    if not staff.has_second_factor(account):
        return ()
    if not shown and account.otp_sealed is None:
        raise Unverified("passkey_required", "请用您的通行密钥验证；设备不在身边时，可输入一个恢复码。")
    if not shown:
        raise Unverified("otp_required", "请输入身份验证器上显示的6位动态码。")
    try:
        if isinstance(shown, Assertion):
            if (await passkeys.owner_of(s, shown, came)).id != account.id:
                raise Unverified("passkey_wrong", "这把通行密钥不是这个账号的，请换一把。")
            return (Proof.PASSKEY,)
        await login_limits.count_code(s, account, came)
        return (Proof.RECOVERY,) if await second_factor.take_code(s, account, shown) else (Proof.OTP,)
    except (Unverified, Gone, TooMany) as refused:
        # Over the account's limit nothing that comes along may tell that the password was right.
        if is_guarded:
            await _refused(s, account, came)
        if isinstance(refused, Unverified):
            actor = incidents.stranger(came.address, came.request_id)
            became = {"code": refused.code}
            await incidents.note(s, actor, "session.refused", "staff", account.id, became=became)
        raise


def begin(s: Services, account: Staff) -> tuple[str, Session]:
    """A new session of its own number, whatever the browser brought along (no fixation)."""
    number, csrf = secrets.token_hex(16), secrets.token_urlsafe(24)
    token = sessions.mint(
        s, "console", str(account.id), SESSION_SECONDS, sid=number, csrf=csrf, epoch=account.session_epoch
    )
    ends = s.clock.now() + timedelta(seconds=SESSION_SECONDS)
    return token, Session(SignedIn.of(account), staff.actor_of(account), number, csrf, ends)


async def open_session(s: Services, token: str) -> Session:
    """Who a session's token speaks of, now.

    Raises: Unverified: session_invalid, session_expired, session_kind, session_ended.
    """
    claims = sessions.open(s, "console", token)
    account = await Staff.get_or_none(id=int(claims.subject))
    if account is None or not account.is_active or account.session_epoch != claims.more["epoch"]:
        raise Unverified("session_ended", "登录已失效，请重新登录。")
    if await session_list.is_over(s.clock, claims.more["sid"]):
        raise Unverified("session_ended", "您已退出登录，请重新登录。")
    ends = datetime.fromtimestamp(claims.expires_at, UTC)
    return Session(
        SignedIn.of(account), staff.actor_of(account), claims.more["sid"], claims.more["csrf"], ends
    )


async def log_out(clock: Clock, session: Session, *, actor: Actor) -> None:
    """End this one session. Twice is as good as once."""
    now = clock.now()
    async with in_transaction():
        await EndedSession.filter(expires_at__lt=now).delete()
        _, is_new = await EndedSession.get_or_create(
            id=session.id, defaults={"expires_at": session.expires_at}
        )
        if is_new:
            await audit_log.record(clock, actor, "session.end", "staff", session.staff.id)


async def log_out_everywhere(clock: Clock, staff_id: int, *, actor: Actor) -> None:
    """End every session and every API token of an account."""
    async with in_transaction():
        await api_tokens.end_all(clock, staff_id)
        await Staff.filter(id=staff_id).update(session_epoch=F("session_epoch") + 1)
        await audit_log.record(clock, actor, "session.end_all", "staff", staff_id)


async def change_password(s: Services, session: Session, old: str, new: str, *, actor: Actor) -> str:
    """Change one's own password; all sessions and API tokens end, and a new session begins here. Returns its token.

    Raises: TooMany("login_too_often"), Invalid, Conflict("password_moved_on").
    """
    await login_limits.count_password(s.rate_limiter, session.staff.id, "password", 10)
    key = f"password:{session.staff.id}"
    async with attempts.judged(s.rate_limiter, [key]):
        await staff.change_password(s, session.staff.id, old, new, actor=actor)
    await s.rate_limiter.clear(key)
    account = await Staff.get(id=session.staff.id)
    token, fresh = begin(s, account)
    before = await ConsoleSession.get_or_none(id=session.id)
    came = From(address=actor.address, agent=before.device if before else "")
    await session_list.keep(s.clock, fresh.id, account, (Proof.PASSWORD,), came, fresh.expires_at)
    return token
