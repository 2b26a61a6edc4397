"""Whether a scanned ticket may be used now, and by this person; every refusal has its own code."""

from __future__ import annotations

import functools
from datetime import datetime

from server.domain.issuance import facts, scan_query, scan_token
from server.domain.issuance.roster_query import Frame
from server.domain.issuance.states import (
    BY_NAME,
    BatchState,
    Facts,
    moved_on,
    officer_is_active,
    officer_is_of_school,
    results_are_released,
    revision_is_shown,
)
from server.domain.people import conflicts, officer_terms
from server.domain.people.officer_states import OfficerState
from server.domain.ports import Keys, Services, WeChatIdentity
from server.errors import Conflict, Forbidden, Gone, Unverified
from server.models import Issuance, Officer, ScanTicket


def ticket_of(row: ScanTicket) -> scan_token.Ticket:
    """The row's unchanging fields."""
    return scan_token.Ticket(
        id=row.id,
        issuance_id=row.issuance_id,
        revision=row.revision,
        list_sha256=bytes(row.list_sha256),
        school_id=row.school_id,
        key_epoch=row.key_epoch,
        created_at=row.created_at,
        expires_at=row.expires_at,
        shown_by=row.shown_by,
    )


async def opened(keys: Keys, token: str) -> ScanTicket:
    """The ticket that a genuine token stands for. Raises Unverified: scan_malformed, scan_forged."""
    return _proven(keys, await scan_query.ticket(scan_token.ticket_id_of(token)), token)


async def scanned(
    keys: Keys, token: str, identity: WeChatIdentity, name: str = "confirm_scan"
) -> tuple[ScanTicket, Officer]:
    """The ticket of a genuine token and who scans it, if they may sign for its school, by one reading.

    Args:
        name: the officer's step that the scan is for.

    Raises:
        as `opened`, and Forbidden: snapshot_user, not_an_officer, officer_pending, officer_suspended, other_school.
    """
    ticket, officer = await scan_query.scanned(scan_token.ticket_id_of(token), identity) or (None, None)
    ticket = _proven(keys, ticket, token)
    return ticket, _signing(identity, officer, ticket, name)


def _proven(keys: Keys, row: ScanTicket | None, token: str) -> ScanTicket:
    if row is None:
        raise scan_token.forged()
    ticket = ticket_of(row)
    try:
        scan_token.prove(functools.partial(keys.mac, "scan", epoch=ticket.key_epoch), ticket, token)
    except Unverified:
        raise scan_token.forged() from None
    return row


_HOW_TO_JOIN = {
    False: "您还不是院校签发负责人，不能查看或签发；请联系本校管理员发送邀请。",
    True: "小程序还不认识您。已接受邀请的负责人，请在公众号的负责人页面取得配对码，在小程序“签发”页输入；"
    "还没有接受邀请的，请联系本校管理员。",
}


def _signing(identity: WeChatIdentity, officer: Officer | None, ticket: ScanTicket, name: str) -> Officer:
    """Who scans, if they may sign for the ticket's school."""
    if identity.is_snapshot:
        raise Forbidden("snapshot_user", "微信当前是快照模式，无法确认您的身份，请点击“使用完整服务”后再试。")
    if officer is None:
        raise Forbidden("not_an_officer", _HOW_TO_JOIN[identity.account == "mp"])
    if officer.state == OfficerState.PENDING.value:
        raise Forbidden(
            "officer_pending", "您已接受邀请，还在等待确认；请联系本校管理员或评价组织确认后再签发。"
        )
    known = facts.of_officer(ticket, officer)
    mine = (officer_is_active, officer_is_of_school)
    if (reason := BY_NAME[name].refusal(known, only=mine)) is not None:
        raise reason.as_refusal()
    return officer


def in_time(ticket: ScanTicket, now: datetime) -> None:
    """Raises Gone: scan_expired, scan_replaced; Conflict("scan_clock") when made in the future."""
    if now < ticket.created_at - scan_token.SKEW:
        raise Conflict("scan_clock", "二维码的出示时间晚于当前时间，请联系管理员校准服务器时钟后重新出示。")
    if now > ticket.expires_at:
        raise Gone("scan_expired", "二维码已过期（5分钟内有效），请扫描屏幕上新的二维码。")
    if ticket.replaced_at is not None:
        raise Gone("scan_replaced", "屏幕上已换成新的二维码，请扫描最新的一个。")


def require_released(issuance_is_out: bool) -> None:
    """Raises Conflict("results_not_released") while nobody outside the organisation may know who passed."""
    known = Facts(results_released=issuance_is_out)
    if (reason := BY_NAME["confirm_scan"].refusal(known, only=(results_are_released,))) is not None:
        raise reason.as_refusal()


def spent_by_other() -> Conflict:
    """The refusal of a ticket that somebody has used."""
    return Conflict("scan_spent", "这张二维码已被使用，请在电脑页面查看批次的最新状态。")


async def refuse_dead(
    s: Services,
    ticket: ScanTicket,
    issuance: Issuance,
    officer: Officer,
    name: str,
    *,
    is_backed_by_signer: bool,
) -> tuple[Facts, Frame]:
    """Every reason why this ticket cannot be spent now, the most telling first.

    Args:
        is_backed_by_signer: whoever signed for the organisation stands behind this officer: `backers.stands_behind`.

    Returns: the facts for the step's guards, and what all lines share.
    """
    step = BY_NAME[name]
    now = s.clock.now()
    known = facts.of_officer(ticket, officer, issuance)
    if (reason := step.refusal(known, only=(revision_is_shown,))) is not None:
        raise reason.as_refusal()
    in_time(ticket, now)
    officer_terms.require(officer, now)
    if BatchState(issuance.state) is not step.source:
        raise moved_on(step, BatchState(issuance.state))
    if name == "confirm_scan" and is_backed_by_signer:
        raise conflicts.other_hands_needed()
    return await facts.todays_list(s, ticket, issuance, known)
