"""API tokens: a machine's way into the console, with those rights of the account that its scopes name.

Only the hash is kept. A token ends with its days, with the account's password and with logging out everywhere.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.auth import login_limits, passkeys, second_factor
from server.domain.auth.passkeys import Assertion
from server.domain.auth.signed_in import SignedIn
from server.domain.beijing import rfc3339
from server.domain.people import staff
from server.domain.ports import Clock, Services
from server.domain.roles import SCOPES
from server.errors import FieldError, Gone, Invalid, NotFound, Unverified
from server.models import ApiToken, Staff

PREFIX = "xct_"
USUAL_DAYS, LONGEST_DAYS = 90, 366
MOST = 20  # living tokens of one account


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True)
class Proof:
    """An account's own password, and its second factor if it has one, by code or by passkey: asked for again."""

    password: str
    otp: str = ""
    passkey: Assertion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenView:
    """A token as its account sees it afterwards."""

    id: int
    label: str
    scopes: Sequence[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made: the only place where `token` itself ever stands."""

    view: TokenView
    token: str = field(repr=False)


async def create(
    s: Services,
    staff_id: int,
    label: str,
    days: int = USUAL_DAYS,
    *,
    proof: Proof,
    scopes: Iterable[str] = ("read",),
    actor: Actor,
) -> NewToken:
    """A new token for an account.

    Args:
        days: how long it lives.
        proof: who took over a session makes no token.
        scopes: of `roles.SCOPES`; the token may do what they name and the account's role allows.

    Raises:
        Invalid: /label, /days, /scopes, /password, /otp, or too many tokens · TooMany.
    """
    label, wanted = label.strip(), sorted(set(scopes))
    if not label or len(label) > 60:
        raise Invalid(errors=[FieldError("/label", "label_form", "请写明令牌的用途，最多60个字。")])
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(errors=[FieldError("/days", "days_range", f"有效天数应在1到{LONGEST_DAYS}之间。")])
    if not wanted or not set(wanted) <= set(SCOPES):
        raise Invalid(errors=[FieldError("/scopes", "scopes_form", "请选择令牌的权限，至少一项。")])
    await _prove(s, await Staff.get(id=staff_id), proof, actor)
    token, now = PREFIX + secrets.token_urlsafe(32), s.clock.now()
    async with in_transaction():
        await Staff.filter(id=staff_id).select_for_update().first()
        if await ApiToken.filter(staff_id=staff_id, revoked_at=None, expires_at__gt=now).count() >= MOST:
            raise Invalid(
                errors=[FieldError("", "tokens_too_many", f"最多同时有{MOST}个令牌，请先停用不用的令牌。")]
            )
        row = await ApiToken.create(
            staff_id=staff_id,
            label=label,
            scopes=" ".join(wanted),
            token_hash=_hash(token),
            created_at=now,
            expires_at=now + timedelta(days=days),
        )
        became = {"label": label, "scopes": wanted, "expires_at": rfc3339(row.expires_at)}
        await audit_log.record(s.clock, actor, "token.create", "api_token", row.id, became=became)
    return NewToken(_view(row), token)


async def _prove(s: Services, account: Staff, proof: Proof, actor: Actor) -> None:
    await second_factor.require_password(s, account, proof.password, actor=actor)
    if staff.has_second_factor(account):
        try:
            if proof.passkey is None:
                await second_factor.take_code(s, account, proof.otp)
                return
            came = login_limits.From(actor.address, actor.request_id)
            if (await passkeys.owner_of(s, proof.passkey, came)).id != account.id:
                raise Unverified("passkey_wrong", "这把通行密钥不是您这个账号的，请换一把。")
        except (Unverified, Gone) as refused:
            raise Invalid(errors=[FieldError("/otp", refused.code, refused.message)]) from None


def _view(row: ApiToken) -> TokenView:
    return TokenView(
        id=row.id,
        label=row.label,
        scopes=row.scopes.split(),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
    )


async def listing(staff_id: int) -> list[TokenView]:
    """The account's tokens, newest first, without the tokens themselves."""
    return [_view(row) for row in await ApiToken.filter(staff_id=staff_id).order_by("-id").limit(100)]


async def revoke(clock: Clock, staff_id: int, token_id: int, *, actor: Actor) -> None:
    """End one of the account's tokens. Raises NotFound("token_not_found")."""
    async with in_transaction():
        if not await ApiToken.filter(id=token_id, staff_id=staff_id).exists():
            raise NotFound("token_not_found", "没有找到这个令牌，请刷新列表后重试。")
        if await ApiToken.filter(id=token_id, revoked_at=None).update(revoked_at=clock.now()):
            await audit_log.record(clock, actor, "token.revoke", "api_token", token_id)


async def end_all(clock: Clock, staff_id: int) -> None:
    """End every token of an account, in the caller's transaction: its password changed, or it logs out everywhere."""
    await ApiToken.filter(staff_id=staff_id, revoked_at=None).update(revoked_at=clock.now())


async def account_of(clock: Clock, token: str) -> tuple[SignedIn, Actor]:
    """Whose token this is. Raises Unverified("token_invalid")."""
    refusal = Unverified("token_invalid", "API 令牌无效、已停用或已过期，请换一个令牌。")
    if not token.startswith(PREFIX) or len(token) > 100:
        raise refusal
    row = (
        await ApiToken.filter(token_hash=_hash(token), revoked_at=None, expires_at__gt=clock.now())
        .prefetch_related("staff")
        .first()
    )
    if row is None or not row.staff.is_active or row.staff.must_change_password:
        raise refusal
    actor = staff.actor_of(row.staff)
    return SignedIn.of(row.staff), replace(actor, scopes=frozenset(row.scopes.split()))
