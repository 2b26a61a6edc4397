"""The officer's scan (S86, S87): a QR is shown, looked at on a phone, and spent once with a PIN.

Scanning alone never signs. Ticket, state, audit row and receipt are one transaction.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from server.domain import audit, officers, roles
from server.domain.audit import Actor
from server.domain.candidates import ABOUT_ID, mask_id
from server.domain.claims import Line
from server.domain.issuance import lists, receipts, scans
from server.domain.issuance.life import advance, locked, seen_by, tell, tell_state
from server.domain.issuance.states import BY_NAME, Facts, State, moved_on, refusal
from server.domain.levels import Level
from server.domain.names import mask_name
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Forbidden, Gone, Invalid, Unverified
from server.records import Issuance, Officer, Receipt, ScanTicket, Site
from server.records.database import rows

REASON_LENGTH = 300
_PEOPLE = """
SELECT x.number, x.line, c.id_sealed FROM certificate x JOIN candidate c ON c.id = x.candidate_id
WHERE x.issuance_id = $1 AND x.state <> 'void' ORDER BY x.number
"""


@dataclass(frozen=True, slots=True)
class ShownTicket:
    """A QR to show: the link for ordinary scanners, and the same token as a mini-program code's scene."""

    id: int
    token: str
    url: str
    scene: str
    expires_at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the list, masked."""

    number: str
    name_masked: str
    id_masked: str


@dataclass(frozen=True, slots=True)
class ScanView:
    """What the phone shows before anything is signed. `state` is the batch's; `receipt` is there once it is spent."""

    issuance_id: int
    plan: str
    exam_date: str
    certificate: str
    site: str
    school: str
    level: str
    level_label: str
    count: int
    revision: int
    list_sha256: str
    expires_at: datetime
    officer_name: str
    people: tuple[Person, ...]
    state: str
    state_label: str
    spent_as: str = ""
    receipt: bytes | None = None

    @property
    def digest(self) -> str:
        """The first 8 characters, to compare with the desktop page."""
        return self.list_sha256[:8]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a confirmation or a return came to; the same again for a double tap."""

    state: str
    state_label: str
    receipt: bytes


def ticket_of(row: ScanTicket) -> scans.Ticket:
    """The row's unchanging fields."""
    return scans.Ticket(
        id=row.id,
        issuance_id=row.issuance_id,
        revision=row.revision,
        list_sha256=bytes(row.list_sha256),
        school_id=row.school_id,
        key_epoch=row.key_epoch,
        created_at=row.created_at,
        expires_at=row.expires_at,
    )


async def show(s: Services, issuance_id: int, *, actor: Actor) -> ShownTicket:
    """A new QR for a batch in 考核站点待签发; older ones of the batch die.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found") · Conflict("not_site_pending") ·
        Conflict("list_changed"): today's data is no longer what the organisation signed.
    """
    roles.require(actor, Verb.SHOW_TICKET)
    async with in_transaction():
        issuance = await locked(issuance_id)
        await seen_by(issuance, actor)
        step = BY_NAME["confirm_scan"]
        if State(issuance.state) is not step.source:
            raise moved_on(step, State(issuance.state))
        digest = await lists.digest_now(s, issuance)
        if digest is None or digest != bytes(issuance.list_sha256 or b""):
            raise Conflict("list_changed", "名单在签发之后有变化，请先撤回这个批次，核对后重新签发。")
        now = s.clock.now()
        site = await Site.get(id=issuance.site_id)
        epoch = s.keys.epoch("scan")
        ticket = scans.Ticket(
            scans.new_id(),
            issuance.id,
            issuance.revision,
            digest,
            site.school_id,
            epoch,
            now,
            now + scans.LIFETIME,
        )
        await ScanTicket.filter(issuance_id=issuance.id, spent_at=None, replaced_at=None).update(
            replaced_at=now
        )
        await ScanTicket.create(**{f: getattr(ticket, f) for f in scans.Ticket.__dataclass_fields__})
        await s.faults.reach("tickets.show: before the commit")
        became = {"revision": issuance.revision, "ticket": receipts.ticket_name(ticket)}
        await audit.record(s.clock, actor, "ticket.show", "issuance", issuance.id, became=became)
    token = scans.mint(functools.partial(s.keys.mac, "scan", epoch=epoch), ticket)
    return ShownTicket(
        ticket.id,
        token,
        f"{s.settings.public_url}/s/{token}",
        token,
        ticket.expires_at,
        ticket.revision,
    )


async def _opened(s: Services, token: str) -> ScanTicket:
    """The ticket that a genuine token stands for. Raises Unverified: scan_malformed, scan_forged."""
    row = await ScanTicket.get_or_none(id=scans.ticket_id_of(token))
    if row is None:
        raise scans.forged()
    ticket = ticket_of(row)
    try:
        scans.prove(functools.partial(s.keys.mac, "scan", epoch=ticket.key_epoch), ticket, token)
    except Unverified:
        raise scans.forged() from None
    return row


async def _officer(identity: WeChatIdentity, ticket: ScanTicket) -> Officer:
    """Who scans, if they may sign for the ticket's school."""
    if identity.is_snapshot:
        raise Forbidden("snapshot_user", "微信当前是快照模式，无法确认您的身份，请点击“使用完整服务”后再试。")
    officer = await officers.officer_for(identity)
    if officer is None:
        raise Forbidden(
            "not_an_officer", "您还不是院校签发负责人，不能查看或签发；请联系本校管理员发送邀请。"
        )
    facts = Facts(
        officer_is_active=officer.state == "active",
        officer_is_of_school=officer.school_id == ticket.school_id,
        revision_is_shown=True,
        list_is_current=True,
    )
    if (reason := refusal(BY_NAME["confirm_scan"], facts)) is not None:
        raise Forbidden(reason.code, reason.message)
    return officer


def _in_time(ticket: ScanTicket, now: datetime) -> None:
    """Raises Gone: scan_expired, scan_replaced; Conflict("scan_clock") when made in the future."""
    if now < ticket.created_at - scans.SKEW:
        raise Conflict("scan_clock", "二维码的出示时间晚于当前时间，请联系管理员校准服务器时钟后重新出示。")
    if now > ticket.expires_at:
        raise Gone("scan_expired", "二维码已过期（5分钟内有效），请扫描屏幕上新的二维码。")
    if ticket.replaced_at is not None:
        raise Gone("scan_replaced", "屏幕上已换成新的二维码，请扫描最新的一个。")


def _spent_by_other() -> Conflict:
    return Conflict("scan_spent", "这张二维码已被使用，请在电脑页面查看批次的最新状态。")


async def _facts(s: Services, ticket: ScanTicket, issuance: Issuance, officer: Officer) -> Facts:
    """What the guards of an officer's step look at, from today's data."""
    return Facts(
        count=issuance.count,
        revision_is_shown=issuance.revision == ticket.revision,
        list_is_current=issuance.revision == ticket.revision
        and await lists.digest_now(s, issuance) == bytes(ticket.list_sha256),
        officer_is_active=officer.state == "active",
        officer_is_of_school=officer.school_id == ticket.school_id,
    )


async def _refuse_dead(
    s: Services, ticket: ScanTicket, issuance: Issuance, officer: Officer, name: str
) -> Facts:
    """Every reason why this ticket cannot be spent now, the most telling first. Returns the facts otherwise."""
    step = BY_NAME[name]
    now = s.clock.now()
    if issuance.revision != ticket.revision:
        raise Conflict("revision_moved", "这个批次已更新到新的版次，请扫描屏幕上最新的二维码。")
    _in_time(ticket, now)
    if State(issuance.state) is not step.source:
        raise moved_on(step, State(issuance.state))
    return await _facts(s, ticket, issuance, officer)


async def look(s: Services, token: str, *, identity: WeChatIdentity) -> ScanView:
    """What is asked of the officer who scanned. Signs nothing; the desktop page is told that it was opened.

    Nobody but an active officer of the ticket's school learns anything of the list. Whoever spent the ticket sees
    its receipt again.

    Raises:
        Unverified: scan_malformed, scan_forged · Forbidden: snapshot_user, not_an_officer, other_school,
        officer_suspended · Gone: scan_expired, scan_replaced · Conflict: scan_spent, revision_moved,
        not_site_pending, list_changed, scan_clock.
    """
    ticket = await _opened(s, token)
    officer = await _officer(identity, ticket)
    issuance = await Issuance.get(id=ticket.issuance_id)
    if ticket.spent_at is not None:
        if ticket.spent_by_id != officer.id:
            raise _spent_by_other()
        kept = await Receipt.get(ticket_id=ticket.id)
        return await _view(s, ticket, issuance, officer, receipt=bytes(kept.document))
    facts = await _refuse_dead(s, ticket, issuance, officer, "confirm_scan")
    if (reason := refusal(BY_NAME["confirm_scan"], facts)) is not None:
        raise Conflict(reason.code, reason.message)
    if await ScanTicket.filter(id=ticket.id, opened_at=None).update(opened_at=s.clock.now()):
        await tell(s, issuance.id, "opened", officer=officer.name, at=receipts.moment(s.clock.now()))
    return await _view(s, ticket, issuance, officer)


async def _view(
    s: Services, ticket: ScanTicket, issuance: Issuance, officer: Officer, *, receipt: bytes | None = None
) -> ScanView:
    frame = await lists.frame_of(issuance.plan_id, issuance.site_id)
    site = await Site.get(id=issuance.site_id)
    people = [
        Person(
            row["number"],
            mask_name(Line.from_bytes(bytes(row["line"])).name),
            mask_id(s.keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        )
        for row in await rows(_PEOPLE, issuance.id)
    ]
    state = State(issuance.state)
    return ScanView(
        issuance_id=issuance.id,
        plan=frame.plan,
        exam_date=frame.exam_date.isoformat(),
        certificate=frame.certificate,
        site=site.name,
        school=frame.school,
        level=frame.level.value,
        level_label=Level(frame.level).label,
        count=len(people),
        revision=ticket.revision,
        list_sha256=bytes(ticket.list_sha256).hex(),
        expires_at=ticket.expires_at,
        officer_name=officer.name,
        people=tuple(people),
        state=state.value,
        state_label=state.label,
        spent_as=ticket.spent_as,
        receipt=receipt,
    )


async def confirm(
    s: Services, token: str, pin: str, *, identity: WeChatIdentity, address: str = "", request_id: str = ""
) -> Outcome:
    """Sign for the school: ticket, state, audit row and receipt in one transaction.

    The list is recomputed from today's data inside it. The same officer again gets the first answer again.

    Raises:
        as `look`, and Unverified("pin_wrong") · TooMany("pin_locked").
    """
    return await _spend(s, token, pin, "confirm_scan", "", identity, (address, request_id))


async def return_batch(
    s: Services,
    token: str,
    pin: str,
    reason: str,
    *,
    identity: WeChatIdentity,
    address: str = "",
    request_id: str = "",
) -> Outcome:
    """Send the batch back to the organisation with a reason (1–300 characters).

    Raises:
        as `confirm`, and Invalid: reason_missing, reason_too_long.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise Invalid(
            errors=[
                FieldError("/reason", "reason_missing", "请写明退回的原因，便于评价组织更正。"),
            ]
        )
    if len(reason) > REASON_LENGTH:
        raise Invalid(
            errors=[FieldError("/reason", "reason_too_long", f"退回原因请控制在{REASON_LENGTH}字以内。")]
        )
    return await _spend(s, token, pin, "school_return", reason, identity, (address, request_id))


async def _spend(
    s: Services,
    token: str,
    pin: str,
    name: str,
    reason: str,
    identity: WeChatIdentity,
    place: tuple[str, str],
) -> Outcome:
    ticket = await _opened(s, token)
    officer = await _officer(identity, ticket)
    await officers.check_pin(s, officer, pin)
    await s.faults.reach(f"tickets.{name}: before the transaction")
    async with in_transaction():
        issuance = await locked(ticket.issuance_id)
        ticket = await ScanTicket.get(id=ticket.id)
        officer = await Officer.filter(id=officer.id).select_for_update(no_key=True).get()
        if ticket.spent_at is not None:
            return await _again(ticket, issuance, officer, name)
        facts = await _refuse_dead(s, ticket, issuance, officer, name)
        actor = officers.actor_of(officer).at(*place)
        receipt = await _sign(s, ticket, issuance, officer, name, reason, facts, actor)
        await s.faults.reach(f"tickets.{name}: before the commit")
    await s.faults.reach(f"tickets.{name}: after the commit")
    event = "confirmed" if name == "confirm_scan" else "returned"
    await tell(s, issuance.id, event, officer=officer.name, at=receipts.moment(s.clock.now()))
    await tell_state(s, issuance)
    return Outcome(issuance.state, State(issuance.state).label, receipt)


async def _again(ticket: ScanTicket, issuance: Issuance, officer: Officer, name: str) -> Outcome:
    """The first answer for a double tap; anybody or anything else finds the ticket spent."""
    if ticket.spent_by_id != officer.id or ticket.spent_as != name:
        raise _spent_by_other()
    kept = await Receipt.get(ticket_id=ticket.id)
    target = BY_NAME[name].target
    return Outcome(target.value, target.label, bytes(kept.document))


async def _sign(
    s: Services,
    row: ScanTicket,
    issuance: Issuance,
    officer: Officer,
    name: str,
    reason: str,
    facts: Facts,
    actor: Actor,
) -> bytes:
    """Spend the ticket, take the step, keep the receipt. In the caller's transaction."""
    now = s.clock.now()
    ticket = ticket_of(row)
    is_confirm = name == "confirm_scan"
    await advance(
        s,
        issuance,
        name,
        Facts(
            **{f: getattr(facts, f) for f in Facts.__dataclass_fields__ if f != "has_reason"},
            has_reason=bool(reason),
        ),
        actor=actor,
        changes={"school_signed_at": now} if is_confirm else {"return_reason": reason},
        became={
            "ticket": receipts.ticket_name(ticket),
            "list_sha256": ticket.list_sha256.hex(),
            **({} if is_confirm else {"reason": reason}),
        },
    )
    await s.faults.reach(f"tickets.{name}: the step is taken")
    spent = await ScanTicket.filter(id=row.id, spent_at=None, replaced_at=None).update(
        spent_by_id=officer.id, spent_at=now, spent_as=name
    )
    if not spent:
        raise _spent_by_other()
    await s.faults.reach(f"tickets.{name}: the ticket is spent")
    document = receipts.make(s.keys, await _statement(issuance, ticket, officer, name, reason, now))
    await Receipt.create(
        issuance_id=issuance.id, ticket_id=row.id, officer_id=officer.id, document=document, created_at=now
    )
    return document


async def _statement(
    issuance: Issuance, ticket: scans.Ticket, officer: Officer, name: str, reason: str, now: datetime
) -> receipts.Statement:
    frame = await lists.frame_of(issuance.plan_id, issuance.site_id)
    return receipts.Statement(
        action=name,
        issuance=issuance.id,
        revision=ticket.revision,
        list_sha256=ticket.list_sha256.hex(),
        count=issuance.count,
        plan=frame.plan,
        level=frame.level.label,
        officer=officer.id,
        officer_name=officer.name,
        school=frame.school_id,
        school_name=frame.school,
        ticket=receipts.ticket_name(ticket),
        at=receipts.moment(now),
        reason=reason,
    )
