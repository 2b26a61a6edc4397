"""The second factor: codes of an authenticator app (RFC 6238), recovery codes on paper, and who must have one.

Passkeys are one as well (`passkeys`). Recovery codes are the account's: made with its first second factor, whichever
that is, and gone with the last.
"""

from __future__ import annotations

import hmac
import secrets

from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.auth.login_limits import count_password
from server.domain.auth.signed_in import SignedIn
from server.domain.people import passwords, staff
from server.domain.ports import Keys, Services
from server.domain.roles import Role
from server.errors import Conflict, FieldError, Gone, Invalid, Unverified
from server.models import Staff
from server.models.database import rows
from server.settings import Settings

OTP_STEP = 30  # seconds, RFC 6238
ENROL_SECONDS = 600
ISSUER = "证书签发工作台"
REQUIRED = frozenset({Role.OPERATOR, Role.ISSUER, Role.FINANCE, Role.NOTIFIER, Role.ADMIN})
RECOVERY_CODES = 10
FEW_CODES = 3  # so many left, and it is said
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like another; 10 of them are 49 bits

_SPEND = """
UPDATE staff SET recovery_codes = recovery_codes - $2::text WHERE id = $1 AND recovery_codes ? $2::text RETURNING id
"""


def is_due(settings: Settings, account: SignedIn) -> bool:
    """Whether this account must set up a second factor before it may do anything else."""
    is_needed = settings.requires_second_factor and account.role in REQUIRED
    return is_needed and not account.has_second_factor


async def codes_left(staff_id: int) -> int:
    """How many recovery codes are unspent."""
    return len((await Staff.get(id=staff_id)).recovery_codes or [])


async def has_otp(staff_id: int) -> bool:
    """Whether one-time codes are switched on; a passkey may be there besides, or instead."""
    return (await Staff.get(id=staff_id)).otp_sealed is not None


async def few_codes(account: SignedIn) -> int | None:
    """How many recovery codes are left, where they are few and it is time for new ones; None otherwise."""
    if not account.has_second_factor:
        return None
    left = await codes_left(account.id)
    return left if left <= FEW_CODES else None


async def require_password(s: Services, account: Staff, password: str, *, actor: Actor) -> None:
    """Ask for one's own password again. Raises Invalid with pointer /password, TooMany."""
    await count_password(s.rate_limiter, account.id, "password", 10)
    if not await passwords.matches(s.password_hasher, account.password_hash, password):
        await incidents.note(s, actor, "staff.password_refused", "staff", account.id)
        raise Invalid(errors=[FieldError("/password", "password_wrong", "密码不正确，请重新输入。")])
    await s.rate_limiter.clear(f"password:{account.id}")


async def take_code(s: Services, account: Staff, code: str) -> bool:
    """Check a one-time code, one step early or late, or a recovery code; neither is taken twice.

    Returns: True when it was a recovery code.

    Raises: Unverified("otp_wrong").
    """
    step = _step_of(s, bytes(account.otp_sealed), code) if account.otp_sealed is not None else None
    if step is not None and await Staff.filter(id=account.id, otp_last_step__lt=step).update(
        otp_last_step=step
    ):
        return False
    if step is None and await _spent(s.keys, account.id, code):
        return True
    raise Unverified("otp_wrong", "动态码不正确或已经用过，请等待下一个动态码后重试。")


def _step_of(s: Services, sealed: bytes, code: str) -> int | None:
    """The step of this moment, one early or late, whose code it is."""
    digits = code.strip().replace(" ", "")
    if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    secret = s.keys.decrypt(sealed, about="staff.otp")
    now = int(s.clock.now().timestamp()) // OTP_STEP
    steps = (now + 1, now, now - 1)
    fits = [n for n in steps if hmac.compare_digest(s.one_time_codes.code(secret, n), digits)]
    return fits[0] if fits else None


def _about(staff_id: int) -> str:
    return f"staff.recovery.{staff_id}"


async def _spent(keys: Keys, staff_id: int, code: str) -> bool:
    letters = "".join(code.lower().split()).replace("-", "")
    if len(letters) != 10 or not set(letters) <= set(_LETTERS):
        return False
    for blind in keys.blinds(letters, about=_about(staff_id)):
        if await rows(_SPEND, staff_id, blind.hex()):
            return True
    return False


async def enrol(s: Services, staff_id: int, password: str, *, actor: Actor) -> tuple[str, str]:
    """Offer a new second factor: its secret and the otpauth address for an authenticator app.

    Raises: Conflict("otp_enrolled") when there is one already; Invalid with pointer /password, TooMany.
    """
    account = await Staff.get(id=staff_id)
    if account.otp_sealed is not None:
        raise Conflict("otp_enrolled", "已经启用动态码；如需更换，请先停用现在的动态码。")
    await require_password(s, account, password, actor=actor)
    secret = s.one_time_codes.new_secret()
    sealed = s.keys.encrypt(secret, about="staff.otp")
    await s.cache.set(f"otp-enrol:{account.id}", sealed, seconds=ENROL_SECONDS)
    return secret, s.one_time_codes.address(secret, account=account.username, issuer=ISSUER)


async def confirm_enrolment(s: Services, staff_id: int, code: str, *, actor: Actor) -> list[str]:
    """Switch the offered second factor on, after the person has shown a code of it.

    Returns: recovery codes, each good once, for the day when the phone is lost; shown this one time. None for an
        account that has its codes already, with a passkey.

    Raises: Gone("otp_offer_over"), Invalid with pointer /code, TooMany.
    """
    await count_password(s.rate_limiter, staff_id, "otp", 20)
    sealed = await s.cache.get(f"otp-enrol:{staff_id}")
    if sealed is None:
        raise Gone("otp_offer_over", "二维码已过期，请重新开始设置动态码。")
    step = _step_of(s, sealed, code)
    if step is None:
        raise Invalid(
            errors=[FieldError("/code", "otp_wrong", "动态码不正确，请检查手机时间后输入新的动态码。")]
        )
    async with in_transaction():
        codes = await first_codes(s.keys, await staff.locked(staff_id))
        if not await Staff.filter(id=staff_id, otp_sealed=None).update(otp_sealed=sealed, otp_last_step=step):
            raise Conflict("otp_enrolled", "已经启用动态码；如需更换，请先停用现在的动态码。")
        await audit_log.record(s.clock, actor, "staff.enrol_second_factor", "staff", staff_id)
    await s.cache.delete(f"otp-enrol:{staff_id}")
    return codes


def _new_codes(keys: Keys, staff_id: int) -> tuple[list[str], list[str]]:
    """Codes as they are shown, and what is kept of them: a keyed hash each."""
    plain = ["".join(secrets.choice(_LETTERS) for _ in range(10)) for _ in range(RECOVERY_CODES)]
    hashes = [keys.blind(one, about=_about(staff_id)).hex() for one in plain]
    return [f"{one[:5]}-{one[5:]}" for one in plain], hashes


async def first_codes(keys: Keys, account: Staff) -> list[str]:
    """Recovery codes for an account that gets its first second factor, in the caller's transaction; else none."""
    if staff.has_second_factor(account):
        return []
    codes, hashes = _new_codes(keys, account.id)
    await Staff.filter(id=account.id).update(recovery_codes=hashes)
    return codes


async def renew_recovery_codes(s: Services, staff_id: int, password: str, *, actor: Actor) -> list[str]:
    """New recovery codes in place of the old ones. Raises Conflict("otp_not_enrolled"), Invalid, TooMany."""
    account = await Staff.get(id=staff_id)
    if not staff.has_second_factor(account):
        raise Conflict("otp_not_enrolled", "还没有启用第二重验证，请先设置动态码或添加通行密钥。")
    await require_password(s, account, password, actor=actor)
    codes, hashes = _new_codes(s.keys, staff_id)
    async with in_transaction():
        await Staff.filter(id=staff_id).update(recovery_codes=hashes)
        await audit_log.record(s.clock, actor, "staff.renew_recovery_codes", "staff", staff_id)
    return codes


async def drop(s: Services, staff_id: int, password: str, *, actor: Actor) -> None:
    """Switch one-time codes off; recovery codes stay with a passkey. Raises Invalid with pointer /password, TooMany."""
    await require_password(s, await Staff.get(id=staff_id), password, actor=actor)
    async with in_transaction():
        account = await staff.locked(staff_id)
        codes = account.recovery_codes if account.has_passkey else None
        if await Staff.filter(id=staff_id, otp_sealed__not_isnull=True).update(
            otp_sealed=None, recovery_codes=codes
        ):
            await audit_log.record(s.clock, actor, "staff.drop_second_factor", "staff", staff_id)
