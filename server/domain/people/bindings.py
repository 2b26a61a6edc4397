"""身份绑定: which candidate stands behind a WeChat identity.

A hit, a miss, a wrong name and a record that is somebody else's already do the same work: the same statements, the
same hashes. All that are not a hit get the same refusal, so nobody learns who is on record.

Who is bound in one account is not taken over in the other by name and number alone, which are traded: the same unionid
lets the same person through; anybody else shows the phone on record, by its last four digits or through WeChat.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from tortoise import connections
from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.actor import Actor, Caller
from server.domain.addresses import counted
from server.domain.audit import audit_log
from server.domain.freshness import changed, scope_of
from server.domain.people import attempts, captcha, ended_sessions, phones
from server.domain.people.candidates import (
    ABOUT_ID,
    ABOUT_MOBILE,
    IdentityNumber,
    Masked,
    mask_id,
    mask_name,
    masked,
)
from server.domain.people.names import clean_name, same_name, tidy
from server.domain.ports import Clock, Keys, LookupWatch, RateLimiter, Services, WeChatIdentity
from server.errors import Conflict, FieldError, Forbidden, Invalid, Refused, TooMany
from server.models import Binding, Candidate
from server.settings import Settings

DAY = 24 * 3600
CONSENT = "2026-11"  # which words about personal data were agreed to; a new date with new words
CHECK_AFTER, PAUSE_AFTER = 5, 20  # misses of one person, or on one identity number
# A school's students share an address, so an address may miss more often.
ADDRESS_CHECK_AFTER, ADDRESS_PAUSE_AFTER = 50, 200


@dataclass(frozen=True, slots=True)
class Bound:
    """Who is bound now, masked."""

    candidate_id: int
    name_masked: str
    id_masked: str
    phone: str | None = None  # the number that WeChat gave for `phone_code`, where it was the proof


@dataclass(frozen=True, slots=True)
class Proof:
    """What is asked for beside name and number, as far as it was sent.

    Args:
        image_answer: what was read in the picture, where `captcha_required` asked for it.
        phone_last4: of the phone on record; needed where the candidate is bound in the other account already, and by
            setting XCERT_BINDING_PHONE wherever there is one.
        phone_code: of the mini-program's phone button; taken to WeChat here only where that proof is needed.
    """

    image_answer: str = ""
    phone_last4: str = ""
    phone_code: str = ""


NO_PROOF = Proof()


async def candidate_of(identity: WeChatIdentity) -> Candidate | None:
    """The candidate bound to this identity in its own account, or None."""
    return await Candidate.filter(
        bindings__account=identity.account,
        bindings__openid=identity.openid,
        bindings__unbound_at=None,
    ).first()


async def person_of(keys: Keys, identity: WeChatIdentity) -> Masked | None:
    """Who is bound to this identity in its own account, masked; None when nobody is."""
    candidate = await candidate_of(identity)
    return None if candidate is None else masked(keys, candidate.name, candidate.id_sealed)


async def elsewhere(who: WeChatIdentity) -> list[Binding]:
    """Living bindings of this person's candidate to other identities: nobody else reads along unseen."""
    mine = await Binding.filter(account=who.account, openid=who.openid, unbound_at=None).first()
    if mine is None:
        return []
    return await Binding.filter(candidate_id=mine.candidate_id, unbound_at=None).exclude(id=mine.id)


async def bind(
    s: Services,
    who: WeChatIdentity,
    name: str,
    id_number: str,
    proof: Proof = NO_PROOF,
    *,
    caller: Caller,
) -> Bound:
    """Bind this WeChat identity to the candidate with this name and identity number. Repeating it changes nothing.

    Args:
        who: a genuine identity; the same candidate may be bound once in each account.
        proof: what else was asked for.

    Raises:
        Forbidden: snapshot_user. Invalid: fields that cannot be a name or an identity number.
        TooMany: binding_paused. Refused: captcha_required, captcha_wrong, binding_not_matched.
        Conflict: already_bound, when this identity is bound to somebody else.
    """
    if who.is_snapshot:
        raise Forbidden(
            "snapshot_user",
            "您正在用“快照页”浏览，微信没有给出您的真实身份。请点页面上的“使用完整服务”后重试。",
        )
    clean, number = _read_fields(s.clock, name, id_number)
    gate = _Gate(s, who, number, caller)
    await gate.open(proof.image_answer)
    async with attempts.judged(s.rate_limiter, gate.own):
        try:
            return await _bind(s, who, (clean, number), gate, proof)
        except _Overtaken:
            return await _bind(s, who, (clean, number), gate, proof, is_again=True)


class _Overtaken(Exception):
    """The same candidate was bound in the other account between the reading and the transaction."""


async def _bind(
    s: Services,
    who: WeChatIdentity,
    said: tuple[str, IdentityNumber],
    gate: _Gate,
    proof: Proof,
    *,
    is_again: bool = False,
) -> Bound:
    """The attempt itself, once it is counted. Raises as `bind`."""
    clean, number = said
    known = await _find(s, who, number)
    is_proved, phone = await _proved(s, who, known, clean, proof)
    async with in_transaction():
        await _hold(s.keys, number)
        found = await _find(s, who, number)
        # Bound in the other account in this very moment: what then has to be proved is judged from the start.
        is_overtaken = bool(found["is_elsewhere"]) and not known["is_elsewhere"]
        if is_overtaken and not is_again:
            raise _Overtaken
        is_proved = is_proved and not is_overtaken
        is_named = same_name(clean, found["name"])
        same = is_named and is_proved
        again = is_named and found["mine"] is not None and found["mine"] == found["id"]
        if found["mine"] is not None and not again:
            raise Conflict("already_bound", "您的微信已绑定其他考生信息。如需更换，请先解除绑定。")
        if not again:
            bound = await _insert(s.clock, who, found["id"] if same else None)
            if bound and found["is_elsewhere"]:
                await s.queue.put("people.tell_bound", binding_id=bound, what="bound")
            await _note(s.clock, who, found["id"] if bound else None, gate.caller)
            await changed(s, scope_of(who.account, who.openid))
    if again:  # a second try for the sake of the phone is no miss
        await gate.passed()
        return _told(found, number)
    forget(s.lookup_watch, who)
    if not bound:
        await gate.missed()
        raise _not_matched(s.settings)
    await gate.passed()
    return replace(_told(found, number), phone=phone)


async def unbind(s: Services, who: WeChatIdentity, *, caller: Caller) -> bool:
    """Undo the binding of this identity in its account, and end its sessions everywhere. False when there was none."""
    async with in_transaction():
        rows = await connections.get("default").execute_query_dict(
            "UPDATE binding SET unbound_at = $3 WHERE account = $1 AND openid = $2 AND unbound_at IS NULL"
            " RETURNING candidate_id",
            [who.account, who.openid, s.clock.now()],
        )
        if not rows:
            return False
        candidate = rows[0]["candidate_id"]
        actor = Actor("candidate", candidate, "考生").called_by(caller)
        await audit_log.record(
            s.clock, actor, "binding.unbound", "candidate", candidate, was={"account": who.account}
        )
        moment = await ended_sessions.write(s.clock, s.keys, who)
        await changed(s, scope_of(who.account, who.openid))
    ended_sessions.remember(s.keys, s.session_memory, who, moment)
    forget(s.lookup_watch, who)
    return True


def _not_matched(settings: Settings) -> Refused:
    """One answer for every miss; it says what may be needed, the same to everybody."""
    phone = (
        "报名时登记了手机号的，请填写它的后四位"
        if settings.requires_binding_phone
        else "已在公众号或小程序绑定过的，请再填写报名时登记的手机号后四位"
    )
    return Refused(
        "binding_not_matched",
        "没有绑定成功：姓名与证件号码不相符、尚无您的考生信息，或该考生已绑定其他微信。请逐字核对；"
        f"{phone}；仍不成功，请联系所在院校解除原来的绑定。",
        title="信息不相符",
    )


def forget(lookup_watch: LookupWatch | None, who: WeChatIdentity) -> None:
    """The page that follows at once must not show what was before."""
    if lookup_watch is not None:
        lookup_watch.invalidate(scope_of(who.account, who.openid))


async def image_needed(rate_limiter: RateLimiter, who: WeChatIdentity, *, address: str) -> bool:
    """Whether the next attempt of this person will be asked for an image check, as far as is known before it."""
    return (
        await rate_limiter.count(_person_key(who)) >= CHECK_AFTER
        or await rate_limiter.count(_address_key(address)) >= ADDRESS_CHECK_AFTER
    )


def _read_fields(clock: Clock, name: str, id_number: str) -> tuple[str, IdentityNumber]:
    errors: list[FieldError] = []
    clean, number = "", None
    try:
        clean = clean_name(name)
    except Refused as refusal:
        errors.append(FieldError("/name", refusal.code, refusal.message))
    try:
        number = IdentityNumber.parse(id_number, today=beijing.day(clock.now()))
    except Refused as refusal:
        errors.append(FieldError("/id_number", refusal.code, refusal.message))
    if errors or number is None:
        raise Invalid(errors=errors)
    return clean, number


async def _find(s: Services, who: WeChatIdentity, number: IdentityNumber) -> dict[str, Any]:
    """One row always: the candidate with this number, if any, and whom this identity is bound to, if anybody.

    `is_elsewhere`: the candidate is bound in the other account to what is not known to be the same person.
    """
    rows: list[dict[str, Any]] = await connections.get("default").execute_query_dict(
        "SELECT (SELECT candidate_id FROM binding WHERE account = $2 AND openid = $3 AND unbound_at IS NULL) AS mine,"
        " c.id, c.name, c.mobile_sealed, c.given_phone_sealed,"
        " EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = c.id AND b.account <> $2 AND b.unbound_at IS NULL"
        " AND (b.unionid = '' OR b.unionid <> $4)) AS is_elsewhere"
        " FROM (SELECT 1) AS one LEFT JOIN candidate c ON c.id_index = ANY($1::bytea[])",
        [s.keys.blinds(number.text, about=ABOUT_ID), who.account, who.openid, who.unionid or ""],
    )
    return rows[0]


async def _hold(keys: Keys, number: IdentityNumber) -> None:
    """Two who bind one candidate at one moment, in two accounts, come one after the other: the second sees the first."""
    await connections.get("default").execute_query_dict(
        "SELECT 1 FROM candidate WHERE id_index = ANY($1::bytea[]) FOR NO KEY UPDATE",
        [keys.blinds(number.text, about=ABOUT_ID)],
    )


async def _proved(
    s: Services, who: WeChatIdentity, found: dict[str, Any], name: str, given: Proof
) -> tuple[bool, str | None]:
    """Whether this person may bind as far as the phone decides it, and the number that WeChat gave as the proof."""
    if not _needs_phone(s.settings, found) or _has_last4(s.keys, found, given.phone_last4):
        return True, None
    if not given.phone_code or not same_name(name, found["name"]):
        return False, None
    phone = await phones.exchanged(s.rate_limiter, s.wechat_logins, who, given.phone_code)
    return phone is not None and phone in _numbers(s.keys, found), phone


def _needs_phone(settings: Settings, found: dict[str, Any]) -> bool:
    """Always where the candidate is bound elsewhere; by setting XCERT_BINDING_PHONE also where a phone is on record."""
    has_phone = found["mobile_sealed"] is not None or found["given_phone_sealed"] is not None
    return bool(found["is_elsewhere"] or (settings.requires_binding_phone and has_phone))


def _numbers(keys: Keys, found: dict[str, Any]) -> list[str]:
    """The candidate's phones on record: the school's, and the one given in the mini-program."""
    kept = ((found["mobile_sealed"], ABOUT_MOBILE), (found["given_phone_sealed"], phones.ABOUT))
    return [keys.decrypt(bytes(sealed), about=about) for sealed, about in kept if sealed is not None]


def _has_last4(keys: Keys, found: dict[str, Any], given: str) -> bool:
    digits = "".join(tidy(given).split())
    if len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        return False
    return any(hmac.compare_digest(one[-4:].encode(), digits.encode()) for one in _numbers(keys, found))


async def _insert(clock: Clock, who: WeChatIdentity, candidate_id: int | None) -> int | None:
    """The binding, if the candidate is this person's now. The database's rule decides: one living binding each way.

    The second statement, not the first, has the answer, so that a double tap finds what the first tap wrote.
    """
    connection = connections.get("default")
    await connection.execute_query(
        "INSERT INTO binding (account, openid, unionid, candidate_id, bound_at)"
        " SELECT $1, $2, $3, c.id, $5 FROM candidate c WHERE c.id = $4 ON CONFLICT DO NOTHING",
        [who.account, who.openid, who.unionid or "", candidate_id or 0, clock.now()],
    )
    found = await connection.execute_query_dict(
        "SELECT id FROM binding WHERE account = $1 AND openid = $2 AND candidate_id = $3 AND unbound_at IS NULL",
        [who.account, who.openid, candidate_id or 0],
    )
    return int(found[0]["id"]) if found else None


async def _note(clock: Clock, who: WeChatIdentity, candidate_id: int | None, caller: Caller) -> None:
    """In the trail stands who was bound; of a miss only that there was one."""
    await audit_log.record(
        clock,
        Actor("candidate", candidate_id, "考生").called_by(caller),
        "binding.refused" if candidate_id is None else "binding.bound",
        "candidate",
        candidate_id or "-",
        became={"account": who.account} | ({"consent": CONSENT} if candidate_id is not None else {}),
    )


def _told(found: dict[str, Any], number: IdentityNumber) -> Bound:
    return Bound(found["id"], mask_name(found["name"]), mask_id(number.text))


def _person_key(who: WeChatIdentity) -> str:
    return f"bind:person:{sha256(f'{who.account}:{who.openid}'.encode()).hexdigest()[:32]}"


def _address_key(address: str) -> str:
    return f"bind:address:{counted(address)}"


class _Gate:
    """The limits of one attempt: of the person, of the identity number (by its blind index), of the address."""

    def __init__(self, s: Services, who: WeChatIdentity, number: IdentityNumber, caller: Caller) -> None:
        self._s, self._who = s, who
        blind = s.keys.blind(number.text, about=ABOUT_ID).hex()
        self.own = (_person_key(who), f"bind:number:{blind}")
        self.caller = caller
        self._address = _address_key(caller.address)

    async def open(self, image_answer: str) -> None:
        """Count the attempt before it is made, so that many at once cannot slip through together."""
        limits = self._s.rate_limiter
        own = [await limits.count(key) for key in self.own]
        paused = [await limits.count(f"{key}:paused") for key in self.own]
        address = await limits.count(self._address)
        if any(paused) or max(own) >= PAUSE_AFTER or address >= ADDRESS_PAUSE_AFTER:
            raise _paused()
        if checked := max(own) >= CHECK_AFTER or address >= ADDRESS_CHECK_AFTER:
            await captcha.check(self._s, self._who, image_answer)
        counts = [await limits.hit(key, window=DAY) for key in self.own]
        if max(counts) > PAUSE_AFTER:
            raise _paused()
        if max(counts) > CHECK_AFTER and not checked:
            await captcha.check(self._s, self._who, image_answer)

    async def missed(self) -> None:
        """The attempt stays counted; the twentieth begins a day's pause."""
        for key in self.own:
            if await self._s.rate_limiter.count(key) >= PAUSE_AFTER:
                await self._s.rate_limiter.hit(f"{key}:paused", window=DAY)
        await self._s.rate_limiter.hit(self._address, window=DAY)

    async def passed(self) -> None:
        """The number is free again; the person's misses stay counted, or binding oneself would forgive them all."""
        person, number = self.own
        await self._s.rate_limiter.clear(number)
        await self._s.rate_limiter.take_back(person)


def _paused() -> TooMany:
    return TooMany(
        "binding_paused",
        "核对不成功的次数过多，为保护考生信息，今天暂停绑定。请明天再试，或联系所在院校协助。",
        retry_after=DAY,
    )
