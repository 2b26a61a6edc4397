"""How staff come in and go out: password, second factor, sessions that can be ended at once.

A session is a signed token (`domain.entry.sessions`) that names the account, its session epoch, a number of its own and the
secret that a page sends back against forged requests. One more on the account's epoch ends all of its sessions.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyotp
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from server.domain import audit
from server.domain.addresses import counted
from server.domain.audit import Actor
from server.domain.entry import attempts, passwords, sessions
from server.domain.people import staff
from server.domain.ports import Services
from server.errors import Conflict, FieldError, Gone, Invalid, TooMany, Unverified
from server.records import EndedSession, Staff

SESSION_SECONDS = 10 * 3600  # a working day
WINDOW = 900  # seconds in which tries are counted
TRIES_OF_ONE_AT_ADDRESS, TRIES_OF_ONE, TRIES_AT_ADDRESS = 5, 30, 120
OTP_STEP = 30  # seconds, RFC 6238
ENROL_SECONDS = 600
ISSUER = "证书签发后台"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in, and with which session."""

    staff: Staff
    actor: Actor
    id: str
    csrf: str
    expires_at: datetime


def _limit_keys(username: str, address: str) -> list[tuple[str, int]]:
    who = username.strip().lower()[:60].encode().hex()
    return [
        (f"login:{who}:{counted(address)}", TRIES_OF_ONE_AT_ADDRESS),
        (f"login:{who}", TRIES_OF_ONE),
        (f"login-from:{counted(address)}", TRIES_AT_ADDRESS),
    ]


async def _count_try(s: Services, keys: list[tuple[str, int]]) -> None:
    """Count before looking, so that a thousand tries at once get no further than one after another."""
    for key, most in keys:
        if await s.limits.hit(key, window=WINDOW) > most:
            raise TooMany(
                "login_too_often", "尝试次数过多，请15分钟后再试；忘记密码请联系管理员。", retry_after=WINDOW
            )


async def log_in(
    s: Services, username: str, password: str, otp: str, *, address: str, request_id: str
) -> tuple[str, Session]:
    """Check who it is and begin a session. Unknown name, wrong password and closed account look and take the same.

    Args:
        otp: the six digits of the second factor; empty if the person was not asked yet.

    Returns: the session's token and what it says.

    Raises:
        TooMany("login_too_often"), Unverified: login_wrong, otp_required, otp_wrong.
    """
    keys = _limit_keys(username, address)
    await _count_try(s, keys)
    async with attempts.judged(s, [key for key, _ in keys]):
        found = await _recognised(s, username, password, otp)
    await s.limits.clear(keys[0][0], keys[1][0])
    actor = staff.actor_of(found).at(address, request_id)
    async with in_transaction():
        await audit.record(s.clock, actor, "session.begin", "staff", found.id)
    return begin(s, found)


async def _recognised(s: Services, username: str, password: str, otp: str) -> Staff:
    """Whose name, password and code these are. Raises Unverified: login_wrong, otp_required, otp_wrong."""
    found = await Staff.get_or_none(username=username.strip().lower())
    known = found is not None and found.is_active
    right = await passwords.matches(found.password_hash if found and known else passwords.NOBODY, password)
    if found is None or not known or not right:
        raise Unverified("login_wrong", "用户名或密码不正确，请核对后重试。")
    if found.otp_sealed is not None:
        if not otp:
            raise Unverified("otp_required", "请输入身份验证器上显示的6位动态码。")
        await _take_code(s, found, otp)
    if passwords.is_outdated(found.password_hash):
        fresh = await passwords.hashed(password)
        await Staff.filter(id=found.id, password_hash=found.password_hash).update(password_hash=fresh)
    return found


def begin(s: Services, account: Staff) -> tuple[str, Session]:
    """A new session of its own number, whatever the browser brought along (no fixation)."""
    number, csrf = secrets.token_hex(16), secrets.token_urlsafe(24)
    token = sessions.mint(
        s, "console", str(account.id), SESSION_SECONDS, sid=number, csrf=csrf, epoch=account.session_epoch
    )
    ends = s.clock.now() + timedelta(seconds=SESSION_SECONDS)
    return token, Session(account, staff.actor_of(account), number, csrf, ends)


async def open_session(s: Services, token: str) -> Session:
    """Who a session's token speaks of, now.

    Raises: Unverified: session_invalid, session_expired, session_kind, session_ended.
    """
    claims = sessions.open(s, "console", token)
    account = await Staff.get_or_none(id=int(claims["subject"]))
    if account is None or not account.is_active or account.session_epoch != claims["epoch"]:
        raise Unverified("session_ended", "登录已失效，请重新登录。")
    if await EndedSession.filter(id=claims["sid"]).exists():
        raise Unverified("session_ended", "您已退出登录，请重新登录。")
    ends = datetime.fromtimestamp(claims["expires_at"], UTC)
    return Session(account, staff.actor_of(account), claims["sid"], claims["csrf"], ends)


async def log_out(s: Services, session: Session, *, actor: Actor) -> None:
    """End this one session. Twice is as good as once."""
    now = s.clock.now()
    async with in_transaction():
        await EndedSession.filter(expires_at__lt=now).delete()
        _, is_new = await EndedSession.get_or_create(
            id=session.id, defaults={"expires_at": session.expires_at}
        )
        if is_new:
            await audit.record(s.clock, actor, "session.end", "staff", session.staff.id)


async def log_out_everywhere(s: Services, staff_id: int, *, actor: Actor) -> None:
    """End every session of an account."""
    async with in_transaction():
        await Staff.filter(id=staff_id).update(session_epoch=F("session_epoch") + 1)
        await audit.record(s.clock, actor, "session.end_all", "staff", staff_id)


async def change_password(s: Services, session: Session, old: str, new: str, *, actor: Actor) -> str:
    """Change one's own password; all sessions end, and a new one begins here. Returns its token.

    Raises: TooMany("login_too_often"), Invalid, Conflict("password_moved_on").
    """
    key = f"password:{session.staff.id}"
    await _count_try(s, [(key, 10)])
    async with attempts.judged(s, [key]):
        await staff.change_password(s, session.staff.id, old, new, actor=actor)
    await s.limits.clear(key)
    return begin(s, await Staff.get(id=session.staff.id))[0]


async def _take_code(s: Services, account: Staff, code: str) -> None:
    """Check a one-time code, one step early or late, and remember it: no code is taken twice."""
    assert account.otp_sealed is not None
    totp = pyotp.TOTP(s.keys.decrypt(bytes(account.otp_sealed), about="staff.otp"), interval=OTP_STEP)
    step = _step_of(totp, code, s.clock.now())
    if step is None or not await Staff.filter(id=account.id, otp_last_step__lt=step).update(
        otp_last_step=step
    ):
        raise Unverified("otp_wrong", "动态码不正确或已经用过，请等待下一个动态码后重试。")


def _step_of(totp: pyotp.TOTP, code: str, now: datetime) -> int | None:
    digits = code.strip().replace(" ", "")
    if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    middle = int(now.timestamp()) // OTP_STEP
    fits = [n for n in (middle + 1, middle, middle - 1) if hmac.compare_digest(totp.generate_otp(n), digits)]
    return fits[0] if fits else None


async def enrol(s: Services, account: Staff) -> tuple[str, str]:
    """Offer a new second factor: its secret and the otpauth address for an authenticator app.

    Raises: Conflict("otp_enrolled") when there is one already.
    """
    if account.otp_sealed is not None:
        raise Conflict("otp_enrolled", "已经启用动态码；如需更换，请先停用现在的动态码。")
    secret = pyotp.random_base32()
    sealed = s.keys.encrypt(secret, about="staff.otp")
    await s.cache.set(f"otp-enrol:{account.id}", sealed, seconds=ENROL_SECONDS)
    return secret, pyotp.TOTP(secret).provisioning_uri(name=account.username, issuer_name=ISSUER)


async def confirm_enrolment(s: Services, account: Staff, code: str, *, actor: Actor) -> None:
    """Switch the offered second factor on, after the person has shown a code of it.

    Raises: Gone("otp_offer_over"), Invalid with pointer /code, TooMany.
    """
    await _count_try(s, [(f"otp:{account.id}", 20)])
    sealed = await s.cache.get(f"otp-enrol:{account.id}")
    if sealed is None:
        raise Gone("otp_offer_over", "二维码已过期，请重新开始设置动态码。")
    totp = pyotp.TOTP(s.keys.decrypt(sealed, about="staff.otp"), interval=OTP_STEP)
    step = _step_of(totp, code, s.clock.now())
    if step is None:
        raise Invalid(
            errors=[FieldError("/code", "otp_wrong", "动态码不正确，请检查手机时间后输入新的动态码。")]
        )
    async with in_transaction():
        if await Staff.filter(id=account.id, otp_sealed=None).update(otp_sealed=sealed, otp_last_step=step):
            await audit.record(s.clock, actor, "staff.enrol_second_factor", "staff", account.id)
    await s.cache.delete(f"otp-enrol:{account.id}")


async def drop_second_factor(s: Services, account: Staff, password: str, *, actor: Actor) -> None:
    """Switch the second factor off. Raises Invalid with pointer /password, TooMany."""
    await _count_try(s, [(f"password:{account.id}", 10)])
    if not await passwords.matches(account.password_hash, password):
        raise Invalid(errors=[FieldError("/password", "password_wrong", "密码不正确，请重新输入。")])
    async with in_transaction():
        if await Staff.filter(id=account.id, otp_sealed__not_isnull=True).update(otp_sealed=None):
            await audit.record(s.clock, actor, "staff.drop_second_factor", "staff", account.id)
