"""微信扫码登录: a QR on the log-in page, scanned and confirmed in the official account, lets that one browser in.

What a scan proves is the WeChat that the account's owner bound before; it stands in place of the password, and a second
factor is asked for as always. A code lives three minutes, is answered once, and is of use to the browser alone that
shows it. The phone says which account, from where and when, and has the two digits typed that the computer shows: who
is sent a picture of somebody else's code does not see them, and who sees them sees whose computer it is as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain.actor import Actor, Caller
from server.domain.addresses import counted
from server.domain.audit import audit_log, incidents
from server.domain.auth import login_limits, second_factor
from server.domain.auth.login_limits import From
from server.domain.people import staff
from server.domain.ports import Services, WeChatIdentity
from server.domain.roles import Role
from server.errors import Conflict, Forbidden, Gone, NotFound, Unverified
from server.models import LoginWeChat, Staff
from server.models.database import breaks

SECONDS = 180
OFFERED_MOST = 60  # codes for one address in `login_limits.WINDOW`
STATES = ("waiting", "seen", "confirmed", "refused", "over")


@dataclass(frozen=True, slots=True)
class ScanOffer:
    """A code to be shown: `ticket` goes into the QR, `number` beside it, `browser` into the browser's cookie."""

    ticket: str
    number: str
    browser: str


@dataclass(frozen=True, slots=True)
class ScanQuestion:
    """What the phone asks. `is_binding`: this WeChat is to become the account's; else somebody is to be let in."""

    is_binding: bool
    username: str
    name: str
    role: Role
    address: str
    device: str
    at: datetime


def _over() -> Gone:
    return Gone("scan_login_over", "二维码已过期或已用过，请在电脑上重新出示。")


def _key(ticket: str, what: str = "") -> str:
    return f"scan-login:{what}{ticket[:60]}"


def _digest(browser: str) -> str:
    return hashlib.sha256(b"scan-login:" + browser.encode()).hexdigest()


async def _offer(s: Services, came: From, *, of: Staff | None) -> ScanOffer:
    if (
        await s.rate_limiter.hit(f"scan-from:{counted(came.address)}", window=login_limits.WINDOW)
        > OFFERED_MOST
    ):
        raise login_limits.too_often()
    made = ScanOffer(secrets.token_urlsafe(18), f"{10 + secrets.randbelow(90)}", secrets.token_urlsafe(24))
    entry = {
        "staff_id": of.id if of is not None else None,
        "epoch": of.session_epoch if of is not None else None,
        "number": made.number,
        "browser": _digest(made.browser),
        "address": came.address,
        "device": came.agent,
        "at": s.clock.now().isoformat(),
    }
    await s.cache.set(_key(made.ticket), json.dumps(entry).encode(), seconds=SECONDS)
    return made


async def offer(s: Services, came: From) -> ScanOffer:
    """A code for somebody who wants in. Raises TooMany("login_too_often")."""
    return await _offer(s, came, of=None)


async def offer_binding(s: Services, staff_id: int, password: str, came: From, *, actor: Actor) -> ScanOffer:
    """A code that makes the WeChat which scans it this account's. Raises Invalid with pointer /password, TooMany."""
    account = await Staff.get(id=staff_id)
    await second_factor.require_password(s, account, password, actor=actor)
    return await _offer(s, came, of=account)


async def _entry(s: Services, ticket: str) -> dict[str, Any]:
    found = await s.cache.get(_key(ticket))
    if found is None or await s.cache.get(_key(ticket, "answer:")) is not None:
        raise _over()
    entry: dict[str, Any] = json.loads(found)
    return entry


async def _account(entry: dict[str, Any], who: WeChatIdentity) -> tuple[Staff, int]:
    """Whom the code is about, and the row that says so: whose binding it is (0: to come), or to whom this WeChat belongs.

    A binding is over with the log-in that asked for it: nobody binds a WeChat to an account that they were put out of.
    """
    found, row = None, 0
    if entry["staff_id"] is not None:
        found = await Staff.get_or_none(id=entry["staff_id"])
        if found is not None and found.session_epoch != entry["epoch"]:
            raise _over()
    elif (bound := await LoginWeChat.get_or_none(openid=who.openid).prefetch_related("staff")) is not None:
        found, row = bound.staff, bound.id
    if found is None or not found.is_active:
        raise Forbidden(
            "wechat_not_bound",
            "这个微信还没有绑定工作台账号。请先用密码登录工作台，在“我的账号”里绑定微信。",
        )
    return found, row


async def look(s: Services, ticket: str, *, who: WeChatIdentity) -> ScanQuestion:
    """What the phone asks; the computer learns that the code was scanned. Raises Gone, Forbidden("wechat_not_bound")."""
    entry = await _entry(s, ticket)
    account, _ = await _account(entry, who)
    await s.cache.set(_key(ticket, "seen:"), b"1", seconds=SECONDS)
    return ScanQuestion(
        entry["staff_id"] is not None,
        account.username,
        account.name,
        Role(account.role),
        entry["address"],
        entry["device"],
        datetime.fromisoformat(entry["at"]),
    )


async def _answer(s: Services, ticket: str, yes: tuple[Staff, int] | None) -> None:
    """The one answer to a code; None: no. Raises Gone, when there is one already."""
    said = json.dumps([yes[0].id, yes[0].session_epoch, yes[1]] if yes is not None else None).encode()
    if not await s.cache.add(_key(ticket, "answer:"), said, seconds=SECONDS):
        raise _over()


async def confirm(s: Services, ticket: str, number: str, *, who: WeChatIdentity, caller: Caller) -> None:
    """Let the computer in, or bind this WeChat to the account.

    Args:
        number: the two digits that the computer shows; a wrong one ends the code.

    Raises: Gone("scan_login_over") · Forbidden("wechat_not_bound") · Unverified("scan_number_wrong") ·
        Conflict("wechat_taken").
    """
    entry = await _entry(s, ticket)
    account, row = await _account(entry, who)
    actor = staff.actor_of(account).called_by(caller)
    if not hmac.compare_digest(number.strip().encode(), entry["number"].encode()):
        await _answer(s, ticket, None)
        became = {"code": "scan_number_wrong"}
        await incidents.note(s, actor, "session.refused", "staff", account.id, became=became)
        raise Unverified(
            "scan_number_wrong",
            "数字与电脑上的不同，已取消。请在电脑上重新出示二维码；如果不是您自己在登录，请立即告诉管理员。",
        )
    if entry["staff_id"] is not None:
        await _refuse_taken(who, account)
    await _answer(s, ticket, (account, row))
    if entry["staff_id"] is not None:
        await _bind(s, account, who, actor)


async def _refuse_taken(who: WeChatIdentity, account: Staff) -> None:
    if await LoginWeChat.filter(openid=who.openid).exclude(staff_id=account.id).exists():
        raise _taken()


def _taken() -> Conflict:
    return Conflict(
        "wechat_taken", "这个微信已绑定另一个工作台账号。一个微信只能绑定一个账号，请先在那个账号里解除。"
    )


async def _bind(s: Services, account: Staff, who: WeChatIdentity, actor: Actor) -> None:
    try:
        async with in_transaction():
            await staff.locked(account.id)  # two codes of one account at once: the later one stays
            await LoginWeChat.filter(staff_id=account.id).delete()
            await LoginWeChat.create(staff_id=account.id, openid=who.openid, bound_at=s.clock.now())
            await audit_log.record(s.clock, actor, "staff.bind_wechat", "staff", account.id)
    except IntegrityError as error:
        if not breaks(error, "login_wechat_openid"):
            raise
        raise _taken() from None


async def refuse(s: Services, ticket: str, *, who: WeChatIdentity, caller: Caller) -> None:
    """The person at the phone did not ask for this: the code is dead. Raises Gone, Forbidden("wechat_not_bound")."""
    account, _ = await _account(await _entry(s, ticket), who)
    await _answer(s, ticket, None)
    actor = staff.actor_of(account).called_by(caller)
    became = {"code": "scan_refused"}
    await incidents.note(s, actor, "session.refused", "staff", account.id, became=became)


async def state(s: Services, ticket: str, browser: str) -> str:
    """One of `STATES`, for the browser that shows the code; any other learns that it is over."""
    found = await s.cache.get(_key(ticket))
    if found is None or not hmac.compare_digest(json.loads(found)["browser"], _digest(browser)):
        return "over"
    answer = await s.cache.get(_key(ticket, "answer:"))
    if answer is not None:
        return "refused" if json.loads(answer) is None else "confirmed"
    return "seen" if await s.cache.get(_key(ticket, "seen:")) else "waiting"


async def answered(s: Services, ticket: str, browser: str) -> Staff:
    """Whom the phone has let into this browser; `spend` makes use of it.

    A yes is void once its WeChat is no longer the account's, or the account's log-ins were ended.

    Raises: Gone("scan_login_over").
    """
    found = await s.cache.get(_key(ticket))
    is_login = found is not None and json.loads(found)["staff_id"] is None
    if not is_login or await state(s, ticket, browser) != "confirmed":
        raise _over()
    answer = await s.cache.get(_key(ticket, "answer:"))
    staff_id, epoch, row = json.loads(answer) if answer else (0, 0, 0)
    account = await Staff.get_or_none(id=staff_id, session_epoch=epoch, is_active=True)
    if account is None or not await LoginWeChat.filter(id=row, staff_id=staff_id).exists():
        raise _over()
    return account


async def spend(s: Services, ticket: str) -> None:
    """The code is used up. Raises Gone, when somebody was faster."""
    [entry] = await s.cache.take(_key(ticket))
    if entry is None:
        raise _over()


async def bound_at(staff_id: int) -> datetime | None:
    """Since when a WeChat is bound to this account; None: none."""
    row = await LoginWeChat.get_or_none(staff_id=staff_id)
    return row.bound_at if row is not None else None


async def unbind(s: Services, staff_id: int, password: str, *, actor: Actor) -> None:
    """Take the WeChat off one's own account.

    Raises: NotFound("wechat_not_there") · Invalid with pointer /password, TooMany.
    """
    if await bound_at(staff_id) is None:
        raise NotFound("wechat_not_there", "这个账号没有绑定微信，请刷新页面。")
    await second_factor.require_password(s, await Staff.get(id=staff_id), password, actor=actor)
    async with in_transaction():
        if await LoginWeChat.filter(staff_id=staff_id).delete():
            await audit_log.record(s.clock, actor, "staff.unbind_wechat", "staff", staff_id)


async def forget(openid: str) -> None:
    """This person withdrew the authorisation in WeChat: nobody logs in by it any more. In the caller's transaction."""
    await LoginWeChat.filter(openid=openid).delete()
