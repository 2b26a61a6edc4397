"""The officer's scan (S86, S87): a QR is shown, looked at on a phone, and spent once with a PIN.

Scanning alone never signs. Ticket, state, audit row and receipt are one transaction.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from server.domain import roles
from server.domain.actor import UNKNOWN_CALLER, Actor, Caller
from server.domain.audit import audit_log
from server.domain.certificates.visibility import is_out, seen_by
from server.domain.events import publish
from server.domain.fault_points import transaction
from server.domain.issuance import receipts, roster, scan_policy, scan_query, scan_token
from server.domain.issuance.roster_query import Frame
from server.domain.issuance.scan_summary import ScanView, view_of
from server.domain.issuance.states import BY_NAME, BatchState, Facts, moved_on, reason_is_given
from server.domain.issuance.transitions import advance, locked, tell_state
from server.domain.people import conflicts, officers
from server.domain.people.free_text import clean_reason
from server.domain.ports import Clock, Keys, Services, WeChatIdentity
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid
from server.models import Issuance, Officer, Receipt, ScanTicket
from server.settings import Settings

REASON_LENGTH = 300


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
class Outcome:
    """What a confirmation or a return came to; the same again for a double tap."""

    state: BatchState
    receipt: bytes


async def show(s: Services, issuance_id: int, *, actor: Actor) -> ShownTicket:
    """A new QR for a batch in 考核站点待签发; older ones of the batch die.

    Raises:
        Forbidden("role_not_allowed") · NotFound("issuance_not_found") · Conflict("not_site_pending") ·
        Conflict("results_not_released") ·
        Conflict("list_changed"): today's data is no longer what the organisation signed.
    """
    roles.require(actor, Verb.SHOW_TICKET)
    async with transaction(s.faults, "tickets.show"):
        issuance = await locked(issuance_id)
        await seen_by(s.clock, issuance, actor)
        step = BY_NAME["confirm_scan"]
        if BatchState(issuance.state) is not step.source:
            raise moved_on(step, BatchState(issuance.state))
        frame, digest = await roster.today(s.settings, s.keys, s.pdf_renderer, issuance)
        scan_policy.require_released(frame.is_released(s.clock.now()))
        if digest is None or digest != bytes(issuance.list_sha256 or b""):
            raise Conflict("list_changed", "名单在签发之后有变化，请先撤回这个批次，核对后重新签发。")
        ticket = _new_ticket(s.clock, s.keys, issuance, frame.school_id, digest, actor)
        was_open = await ScanTicket.filter(issuance_id=issuance.id, spent_at=None, replaced_at=None).update(
            replaced_at=ticket.created_at
        )
        await s.faults.reach("tickets.show: the older ones are dead")
        await ScanTicket.create(**asdict(ticket))
        await s.faults.reach("tickets.show: the new one is kept")
        became = {"revision": issuance.revision, "ticket": receipts.ticket_name(ticket)}
        await audit_log.record(s.clock, actor, "ticket.show", "issuance", issuance.id, became=became)
    if was_open:  # another desk may be showing the old one
        await publish(s.event_bus, issuance.id, "superseded", ticket=receipts.ticket_name(ticket))
    token = scan_token.mint(functools.partial(s.keys.mac, "scan", epoch=ticket.key_epoch), ticket)
    return ShownTicket(
        ticket.id,
        token,
        f"{s.settings.public_url}/s/{token}",
        token,
        ticket.expires_at,
        ticket.revision,
    )


def _new_ticket(
    clock: Clock, keys: Keys, issuance: Issuance, school_id: int, digest: bytes, actor: Actor
) -> scan_token.Ticket:
    now = clock.now()
    return scan_token.Ticket(
        id=scan_token.new_id(),
        issuance_id=issuance.id,
        revision=issuance.revision,
        list_sha256=digest,
        school_id=school_id,
        key_epoch=keys.epoch("scan"),
        created_at=now,
        expires_at=now + scan_token.LIFETIME,
        shown_by=actor.name[:100],
    )


async def look(s: Services, token: str, *, identity: WeChatIdentity) -> ScanView:
    """What is asked of the officer who scanned. Signs nothing; the desktop page is told that it was opened.

    Nobody but an active officer of the ticket's school learns anything of the list. Whoever spent the ticket sees
    its receipt again.

    Raises:
        Unverified: scan_malformed, scan_forged · Forbidden: snapshot_user, not_an_officer, other_school,
        officer_suspended · Gone: scan_expired, scan_replaced · Conflict: scan_spent, revision_moved,
        not_site_pending, list_changed, scan_clock, results_not_released.
    """
    ticket, officer = await scan_policy.scanned(s.keys, token, identity)
    issuance = await Issuance.get(id=ticket.issuance_id)
    scan_policy.require_released(await is_out(s.clock, issuance))
    if ticket.spent_at is not None:
        if ticket.spent_by_id != officer.id:
            raise scan_policy.spent_by_other()
        receipt = await Receipt.get(ticket_id=ticket.id)
        return await view_of(s.keys, ticket, issuance, officer, receipt=bytes(receipt.document))
    is_backed = await conflicts.stands_behind(issuance.org_signed_by, officer.id)
    facts, _ = await scan_policy.refuse_dead(
        s, ticket, issuance, officer, "confirm_scan", is_backed_by_signer=is_backed
    )
    if (reason := BY_NAME["confirm_scan"].refusal(facts)) is not None:
        raise reason.as_refusal()
    if await ScanTicket.filter(id=ticket.id, opened_at=None).update(opened_at=s.clock.now()):
        await s.faults.reach("tickets.look: it is opened")
        await publish(
            s.event_bus, issuance.id, "opened", officer=officer.name, at=receipts.moment(s.clock.now())
        )
    return await view_of(s.keys, ticket, issuance, officer)


async def confirm(
    s: Services, token: str, pin: str, *, identity: WeChatIdentity, caller: Caller = UNKNOWN_CALLER
) -> Outcome:
    """Sign for the school: ticket, state, audit row and receipt in one transaction.

    The list is recomputed from today's data inside it. The same officer again gets the first answer again.

    Raises:
        as `look`, and Unverified("pin_wrong") · TooMany("pin_locked").
    """
    return await _spend(s, token, pin, "confirm_scan", "", identity, caller)


async def return_batch(
    s: Services,
    token: str,
    pin: str,
    reason: str,
    *,
    identity: WeChatIdentity,
    caller: Caller = UNKNOWN_CALLER,
) -> Outcome:
    """Send the batch back to the organisation with a reason (1–300 characters).

    Raises:
        as `confirm`, and Invalid: reason_missing, reason_too_long.
    """
    reason = clean_reason(reason)
    known = Facts(has_reason=bool(reason))
    if (missing := BY_NAME["school_return"].refusal(known, only=(reason_is_given,))) is not None:
        raise missing.as_refusal()
    if len(reason) > REASON_LENGTH:
        raise Invalid(
            errors=[FieldError("/reason", "reason_too_long", f"退回原因请控制在{REASON_LENGTH}字以内。")]
        )
    return await _spend(s, token, pin, "school_return", reason, identity, caller)


async def _spend(
    s: Services,
    token: str,
    pin: str,
    name: str,
    reason: str,
    identity: WeChatIdentity,
    caller: Caller,
) -> Outcome:
    ticket, officer = await scan_policy.scanned(s.keys, token, identity, name)
    await officers.check_pin(s, officer, pin, caller=caller)
    await s.faults.reach(f"tickets.{name}: before the transaction")
    current = await scan_query.ticket(ticket.id)
    if current is not None and current.spent_at is not None:  # a double tap need not wait for the batch
        return await _again(current, officer, name)
    async with transaction(s.faults, f"tickets.{name}"):
        issuance = await locked(ticket.issuance_id)
        locked_ticket = await scan_query.lock_ticket(ticket.id, officer.id, issuance)
        ticket, officer = locked_ticket.ticket, locked_ticket.officer
        if ticket.spent_at is not None:
            return await _again(ticket, officer, name)
        facts, frame = await scan_policy.refuse_dead(
            s, ticket, issuance, officer, name, is_backed_by_signer=locked_ticket.is_backed_by_signer
        )
        act = _Act(name, reason, ticket, issuance, officer, locked_ticket.signer, frame)
        actor = officers.actor_of(officer).called_by(caller)
        receipt = await _sign(s, act, replace(facts, has_reason=bool(reason)), actor=actor)
    event = "confirmed" if name == "confirm_scan" else "returned"
    await publish(s.event_bus, issuance.id, event, officer=officer.name, at=receipts.moment(s.clock.now()))
    await tell_state(s.event_bus, issuance)
    return Outcome(BatchState(issuance.state), receipt)


async def _again(ticket: ScanTicket, officer: Officer, name: str) -> Outcome:
    """The first answer for a double tap; anybody or anything else finds the ticket spent."""
    if ticket.spent_by_id != officer.id or ticket.spent_as != name:
        raise scan_policy.spent_by_other()
    receipt = await Receipt.get(ticket_id=ticket.id)
    return Outcome(BY_NAME[name].target, bytes(receipt.document))


@dataclass(frozen=True, slots=True)
class _Act:
    """What an officer does with a ticket: everything that stands in its receipt but the time."""

    name: str
    reason: str
    row: ScanTicket
    issuance: Issuance
    officer: Officer
    signer: str  # who signed for the organisation
    frame: Frame


async def _sign(s: Services, act: _Act, facts: Facts, *, actor: Actor) -> bytes:
    """Take the step, spend the ticket, keep the receipt. In the caller's transaction."""
    now, ticket, issuance = s.clock.now(), scan_policy.ticket_of(act.row), act.issuance
    is_confirm = act.name == "confirm_scan"
    became = {"ticket": receipts.ticket_name(ticket), "list_sha256": ticket.list_sha256.hex()}
    await advance(
        s,
        issuance,
        act.name,
        facts,
        actor=actor,
        changes={"school_signed_at": now} if is_confirm else {"return_reason": act.reason},
        became=became if is_confirm else {**became, "reason": act.reason},
    )
    await s.faults.reach(f"tickets.{act.name}: the step is taken")
    document = receipts.make(s.keys, _statement(s.settings, act, ticket, now))
    if not await scan_query.spend(act.row.id, act.officer.id, now, act.name, document):
        raise scan_policy.spent_by_other()
    await s.faults.reach(f"tickets.{act.name}: the ticket is spent")
    return document


def _statement(settings: Settings, act: _Act, ticket: scan_token.Ticket, now: datetime) -> receipts.Statement:
    return receipts.Statement(
        action=act.name,
        issuance=act.issuance.id,
        revision=ticket.revision,
        list_sha256=ticket.list_sha256.hex(),
        count=act.issuance.count,
        plan=act.frame.plan,
        level=act.frame.level.label,
        officer=act.officer.id,
        officer_name=act.officer.name,
        school=act.frame.school_id,
        school_name=act.frame.school,
        ticket=receipts.ticket_name(ticket),
        at=receipts.moment(now),
        reason=act.reason,
        certificate=act.frame.certificate,
        issuer=settings.issuer,
        issuer_signer=act.signer,
        site=act.frame.site,
        exam_date=act.frame.exam_date.isoformat(),
    )
