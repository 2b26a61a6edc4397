"""通行密钥: keys that stay in a phone, a computer or a stick and answer for the person in front of it (WebAuthn).

As the whole log-in, or in place of the one-time code after the password. The device asks for finger, face or PIN each
time, so that one of them is two factors. Every challenge is random, kept for five minutes and taken once.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.addresses import counted
from server.domain.audit import audit_log, incidents
from server.domain.auth import login_limits, second_factor
from server.domain.people import staff
from server.domain.ports import Services
from server.errors import Conflict, FieldError, Gone, Invalid, NotFound, Refused, Unverified
from server.models import Passkey, Staff
from server.models.database import breaks

SECONDS = 300
MOST = 10  # keys of one account
ASKED_MOST = 240  # challenges for one address in `login_limits.WINDOW`


@dataclass(frozen=True, slots=True)
class Offer:
    """What a browser is to answer: `ticket` names the challenge; `options` is JSON for navigator.credentials."""

    ticket: str
    options: str


@dataclass(frozen=True, slots=True)
class Assertion:
    """A browser's answer to an `Offer`: the ticket, and the credential as JSON text."""

    ticket: str
    credential: str


@dataclass(frozen=True, slots=True)
class PasskeyView:
    """A key as its owner sees it."""

    id: int
    label: str
    is_backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


def _key(ticket: str) -> str:
    return f"passkey:{ticket[:60]}"


async def _keep(s: Services, purpose: str, challenge: bytes) -> str:
    ticket = secrets.token_urlsafe(18)
    entry = json.dumps([purpose, challenge.hex()]).encode()
    await s.cache.set(_key(ticket), entry, seconds=SECONDS)
    return ticket


async def _challenge(s: Services, purpose: str, ticket: str) -> bytes:
    """The challenge, this once. Raises Gone("passkey_offer_over")."""
    [entry] = await s.cache.take(_key(ticket))
    found = json.loads(entry) if entry else None
    if found is None or found[0] != purpose:
        raise Gone("passkey_offer_over", "验证已超时或已用过，请重新开始。")
    return bytes.fromhex(found[1])


async def offer(s: Services, staff_id: int, password: str, *, actor: Actor) -> Offer:
    """Begin with a new key; one's own password is asked for again.

    Raises: Invalid with pointer /password; Invalid: passkeys_too_many; TooMany.
    """
    account = await Staff.get(id=staff_id)
    await second_factor.require_password(s, account, password, actor=actor)
    known = await Passkey.filter(staff_id=staff_id)
    _refuse_more(len(known))
    challenge = secrets.token_bytes(32)
    options = s.passkeys.creation(
        challenge,
        user=f"xcert-staff-{staff_id}".encode(),
        names=(account.username, account.name),
        known=[bytes(one.credential_id) for one in known],
    )
    return Offer(await _keep(s, f"new {staff_id}", challenge), options)


def _refuse_more(kept: int) -> None:
    if kept >= MOST:
        raise Invalid(errors=[FieldError("", "passkeys_too_many", f"最多{MOST}把通行密钥，请先移除不用的。")])


async def register(s: Services, staff_id: int, answer: Assertion, label: str, *, actor: Actor) -> list[str]:
    """Keep a key that the browser has made.

    Args:
        label: what the owner calls it.

    Returns: recovery codes, shown this one time, where it is the account's first second factor; else none.

    Raises:
        Invalid: /label, passkeys_too_many · Gone("passkey_offer_over") · Refused("passkey_invalid") ·
        Conflict("passkey_known").
    """
    label = label.strip()
    if not label or len(label) > 60 or not label.isprintable():
        raise Invalid(errors=[FieldError("/label", "label_form", "请给通行密钥起个名字，最多60个字。")])
    made = s.passkeys.made(answer.credential, await _challenge(s, f"new {staff_id}", answer.ticket))
    try:
        async with in_transaction():
            account = await staff.locked(staff_id)
            _refuse_more(await Passkey.filter(staff_id=staff_id).count())  # offers are many at once
            await Passkey.create(
                staff_id=staff_id,
                label=label,
                credential_id=made.credential_id,
                public_key=made.public_key,
                sign_count=made.sign_count,
                is_backed_up=made.is_backed_up,
                created_at=s.clock.now(),
            )
            codes = await second_factor.first_codes(s.keys, account)
            await Staff.filter(id=staff_id).update(has_passkey=True)
            became = {"label": label}
            await audit_log.record(s.clock, actor, "staff.add_passkey", "staff", staff_id, became=became)
    except IntegrityError as error:
        if not breaks(error, "passkey_credential"):
            raise
        raise Conflict("passkey_known", "这把通行密钥已经登记过，不需要再添加。") from None
    return codes


async def listing(staff_id: int) -> list[PasskeyView]:
    """The account's keys, the oldest first."""
    return [
        PasskeyView(one.id, one.label, one.is_backed_up, one.created_at, one.last_used_at)
        for one in await Passkey.filter(staff_id=staff_id).order_by("id")
    ]


async def remove(s: Services, staff_id: int, passkey_id: int, password: str, *, actor: Actor) -> None:
    """Forget one of one's own keys; recovery codes go with the last second factor.

    Raises: NotFound("passkey_not_found"), Invalid with pointer /password, TooMany.
    """
    account = await Staff.get(id=staff_id)
    missing = NotFound("passkey_not_found", "没有找到这把通行密钥，请刷新页面。")
    if not await Passkey.filter(id=passkey_id, staff_id=staff_id).exists():
        raise missing
    await second_factor.require_password(s, account, password, actor=actor)
    async with in_transaction():
        account = await staff.locked(staff_id)
        row = await Passkey.filter(id=passkey_id, staff_id=staff_id).first()
        if row is None:
            raise missing
        await row.delete()
        left = await Passkey.filter(staff_id=staff_id).exists()
        codes = account.recovery_codes if left or account.otp_sealed is not None else None
        await Staff.filter(id=staff_id).update(has_passkey=left, recovery_codes=codes)
        was = {"label": row.label}
        await audit_log.record(s.clock, actor, "staff.remove_passkey", "staff", staff_id, was=was)


async def ask(s: Services, address: str) -> Offer:
    """A challenge for whoever is not logged in. Raises TooMany("login_too_often")."""
    if await s.rate_limiter.hit(f"passkey-from:{counted(address)}", window=login_limits.WINDOW) > ASKED_MOST:
        raise login_limits.too_often()
    challenge = secrets.token_bytes(32)
    return Offer(await _keep(s, "log-in", challenge), s.passkeys.request(challenge))


async def owner_of(s: Services, answer: Assertion, came: login_limits.From) -> Staff:
    """Whose key has answered, if the account is open. An unknown key, a wrong answer and a closed account look the same.

    Raises: Gone("passkey_offer_over"), Unverified("passkey_wrong").
    """
    challenge = await _challenge(s, "log-in", answer.ticket)
    row = None
    try:
        credential_id = s.passkeys.named(answer.credential)
        row = await Passkey.get_or_none(credential_id=credential_id).prefetch_related("staff")
        if row is None or not row.staff.is_active:
            raise Refused("passkey_invalid", "")
        key, count = bytes(row.public_key), row.sign_count
        new = s.passkeys.used(answer.credential, challenge, public_key=key, sign_count=count)
        # two answers of one count at once: the second is a copy
        if not await Passkey.filter(id=row.id, sign_count=count).update(
            sign_count=new, last_used_at=s.clock.now()
        ):
            raise Refused("passkey_invalid", "")
    except Refused:
        actor = incidents.stranger(came.address, came.request_id)
        subject = row.staff_id if row is not None else "-"
        became = {"code": "passkey_wrong"}
        await incidents.note(s, actor, "session.refused", "staff", subject, became=became)
        raise Unverified(
            "passkey_wrong", "没有认出这把通行密钥，它可能已被移除；请换一种方式登录。"
        ) from None
    account: Staff = row.staff
    return account
