"""身份绑定: which candidate stands behind a WeChat identity.

A hit, a miss, a wrong name and a record that is somebody else's already do the same work: the same statements, the
same hashes. All that are not a hit get the same refusal, so nobody learns who is on record.

Who is bound in one account is not taken over in the other by name and number alone, which are traded: the same unionid
lets the same person through; anybody else shows the phone on record, by its last four digits or through WeChat.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

from tortoise.transactions import in_transaction

from server.domain import beijing
from server.domain.actor import Actor, Caller
from server.domain.audit import audit_log
from server.domain.freshness import changed, scope_of
from server.domain.people import attempts, ended_sessions, phones, queries
from server.domain.people.binding_limits import Gate
from server.domain.people.candidates import (
    ABOUT_ID,
    ABOUT_MOBILE,
    IdentityNumber,
    mask_id,
    mask_name,
)
from server.domain.people.names import clean_name, same_name, tidy
from server.domain.people.queries import OnRecord
from server.domain.ports import Clock, Keys, LookupWatch, Services, WeChatIdentity
from server.errors import Conflict, FieldError, Forbidden, Invalid, Refused
from server.settings import Settings

CONSENT = "2026-11"  # which words about personal data were agreed to; a new date with new words


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
    gate = Gate(s, who, number, caller)
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
    claim: tuple[str, IdentityNumber],
    gate: Gate,
    proof: Proof,
    *,
    is_again: bool = False,
) -> Bound:
    """The attempt itself, once it is counted. Raises as `bind`."""
    clean, number = claim
    blinds = s.keys.blinds(number.text, about=ABOUT_ID)
    before = await queries.on_record(who, blinds)
    is_proved, phone = await _proved(s, who, before, clean, proof)
    async with in_transaction():
        await queries.hold(blinds)
        record = await queries.on_record(who, blinds)
        # Bound in the other account in this very moment: what then has to be proved is judged from the start.
        is_overtaken = record.is_elsewhere and not before.is_elsewhere
        if is_overtaken and not is_again:
            raise _Overtaken
        is_proved = is_proved and not is_overtaken
        is_named = same_name(clean, record.name)
        same = is_named and is_proved
        again = is_named and record.mine is not None and record.mine == record.id
        if record.mine is not None and not again:
            raise Conflict("already_bound", "您的微信已绑定其他考生信息。如需更换，请先解除绑定。")
        if not again:
            bound = await queries.bind(who, record.id if same else None, s.clock.now())
            if bound and record.is_elsewhere:
                await s.queue.put("people.tell_bound", binding_id=bound, what="bound")
            await _note(s.clock, who, record.id if bound else None, gate.caller)
            await changed(scope_of(who.account, who.openid))
    if again:  # a second try for the sake of the phone is no miss
        await gate.passed()
        return _bound(record, number)
    forget(s.lookup_watch, who)
    if not bound:
        await gate.missed()
        raise _not_matched(s.settings)
    await gate.passed()
    return replace(_bound(record, number), phone=phone)


async def unbind(s: Services, who: WeChatIdentity, *, caller: Caller) -> bool:
    """Undo the binding of this identity in its account, and end its sessions everywhere. False when there was none."""
    async with in_transaction():
        candidate = await queries.unbind(who, s.clock.now())
        if candidate is None:
            return False
        actor = Actor("candidate", candidate, "考生").called_by(caller)
        await audit_log.record(
            s.clock, actor, "binding.unbound", "candidate", candidate, was={"account": who.account}
        )
        moment = await ended_sessions.write(s.clock, s.keys, who)
        await changed(scope_of(who.account, who.openid))
    ended_sessions.remember(s.keys, s.session_memory, who, moment)
    forget(s.lookup_watch, who)
    return True


def _not_matched(settings: Settings) -> Refused:
    """One answer for every miss; it says what may be needed, the same to everybody."""
    phone = (
        "报考时登记了手机号的，请填写它的后四位"
        if settings.requires_binding_phone
        else "已在公众号或小程序绑定过的，请再填写报考时登记的手机号后四位"
    )
    return Refused(
        "binding_not_matched",
        "没有绑定成功：姓名与证件号码不相符、尚无您的考生信息，或该考生已绑定其他微信。请逐字核对；"
        f"{phone}；仍不成功，请联系报考的院校解除原来的绑定。",
        title="信息不相符",
    )


def forget(lookup_watch: LookupWatch | None, who: WeChatIdentity) -> None:
    """The page that follows at once must not show what was before."""
    if lookup_watch is not None:
        lookup_watch.invalidate(scope_of(who.account, who.openid))


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


async def _proved(
    s: Services, who: WeChatIdentity, record: OnRecord, name: str, proof: Proof
) -> tuple[bool, str | None]:
    """Whether this person may bind as far as the phone decides it, and the number that WeChat gave as the proof."""
    if not _needs_phone(s.settings, record) or _has_last4(s.keys, record, proof.phone_last4):
        return True, None
    if not proof.phone_code or not same_name(name, record.name):
        return False, None
    phone = await phones.exchanged(s.rate_limiter, s.wechat_logins, who, proof.phone_code)
    return phone is not None and phone in _numbers(s.keys, record), phone


def _needs_phone(settings: Settings, record: OnRecord) -> bool:
    """Always where the candidate is bound elsewhere; by setting XCERT_BINDING_PHONE also where a phone is on record."""
    has_phone = record.mobile_sealed is not None or record.given_phone_sealed is not None
    return record.is_elsewhere or (settings.requires_binding_phone and has_phone)


def _numbers(keys: Keys, record: OnRecord) -> list[str]:
    """The candidate's phones on record: the school's, and the one given in the mini-program."""
    sealed_phones = ((record.mobile_sealed, ABOUT_MOBILE), (record.given_phone_sealed, phones.ABOUT))
    return [keys.decrypt(bytes(sealed), about=about) for sealed, about in sealed_phones if sealed is not None]


def _has_last4(keys: Keys, record: OnRecord, text: str) -> bool:
    digits = "".join(tidy(text).split())
    if len(digits) != 4 or not (digits.isascii() and digits.isdigit()):
        return False
    return any(hmac.compare_digest(one[-4:].encode(), digits.encode()) for one in _numbers(keys, record))


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


def _bound(record: OnRecord, number: IdentityNumber) -> Bound:
    assert record.id is not None and record.name is not None  # nobody else is bound
    return Bound(record.id, mask_name(record.name), mask_id(number.text))
