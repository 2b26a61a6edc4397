"""Log-ins to the console as a list: since when, from where, with what, last used; and ending one of them.

A session itself is a signed token that nobody keeps (`sessions`); what is kept here is only told to people. That one is
over, `EndedSession` and the account's epoch say. A row is forgotten after XCERT_KEEP_LOG_INS_DAYS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.auth.login_limits import From as Came
from server.domain.ports import Clock, Services
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import ConsoleSession, EndedSession, Staff
from server.models.database import rows

_LONGEST_ID = 32  # characters of the column
USED_EVERY = timedelta(
    minutes=5
)  # how exactly the last use is known; each writing costs a request a statement
MOST_SHOWN = 50

_STANDING = """
SELECT EXISTS (SELECT 1 FROM ended_session WHERE id = $1) AS is_over,
       (SELECT last_used_at FROM console_session WHERE id = $1) AS used_at
"""
_LIVING = """
SELECT c.id, c.way, c.address, c.device, c.began_at, c.last_used_at, c.expires_at
FROM console_session c JOIN staff a ON a.id = c.staff_id AND a.session_epoch = c.epoch
WHERE c.staff_id = $1 AND c.expires_at > $2 AND NOT EXISTS (SELECT 1 FROM ended_session e WHERE e.id = c.id)
ORDER BY c.began_at DESC LIMIT $3
"""
_BEFORE = """
SELECT id, way, address, device, began_at, last_used_at, expires_at FROM console_session
WHERE staff_id = $1 AND id <> $2 AND began_at < COALESCE((SELECT began_at FROM console_session WHERE id = $2), $3)
ORDER BY began_at DESC LIMIT 1
"""
_LAST = "SELECT staff_id, max(began_at) AS at FROM console_session WHERE staff_id = ANY($1::bigint[]) GROUP BY staff_id"


class Proof(Enum):
    """What somebody showed at a log-in; value: how it is stored; label: how it is written."""

    PASSWORD = "password"  # noqa: S105  # a word, not a secret
    OTP = "otp"
    RECOVERY = "recovery"
    PASSKEY = "passkey"
    WECHAT = "wechat"

    @property
    def label(self) -> str:
        return _LABELS[self.value]


_LABELS = {
    "password": "密码",
    "otp": "动态码",
    "recovery": "恢复码",
    "passkey": "通行密钥",
    "wechat": "微信扫码",
}


@dataclass(frozen=True, slots=True)
class LogIn:
    """One log-in. `proofs`: what was shown, in order; `device`: in words."""

    id: str
    proofs: tuple[Proof, ...]
    address: str
    device: str
    began_at: datetime
    last_used_at: datetime
    expires_at: datetime


def _log_in(row: dict[str, Any]) -> LogIn:
    return LogIn(
        row["id"],
        tuple(Proof(word) for word in row["way"].split()),
        row["address"],
        row["device"],
        row["began_at"],
        row["last_used_at"],
        row["expires_at"],
    )


async def keep(
    clock: Clock, session_id: str, account: Staff, log_in: tuple[Proof, ...], came: Came, expires_at: datetime
) -> None:
    """Write down a log-in that has just been granted."""
    now = clock.now()
    await ConsoleSession.create(
        id=session_id,
        staff_id=account.id,
        epoch=account.session_epoch,
        way=" ".join(proof.value for proof in log_in),
        address=came.address[:45],
        device=came.agent[:60],
        began_at=now,
        last_used_at=now,
        expires_at=expires_at,
    )


async def is_over(clock: Clock, session_id: str) -> bool:
    """Whether this session was ended before its time; if not, it is being used now."""
    [row] = await rows(_STANDING, session_id)
    now = clock.now()
    if not row["is_over"] and row["used_at"] is not None and now - row["used_at"] >= USED_EVERY:
        await ConsoleSession.filter(id=session_id).update(last_used_at=now)
    return bool(row["is_over"])


async def own(clock: Clock, staff_id: int) -> list[LogIn]:
    """An account's living log-ins, the newest first."""
    return [_log_in(row) for row in await rows(_LIVING, staff_id, clock.now(), MOST_SHOWN)]


async def of_another(clock: Clock, staff_id: int, *, actor: Actor) -> list[LogIn]:
    """The same of any account. Raises Forbidden("role_not_allowed"), NotFound("staff_not_found")."""
    roles.require(actor, Verb.MANAGE_STAFF)
    await _require_account(staff_id)
    return await own(clock, staff_id)


async def _require_account(staff_id: int) -> None:
    if not await Staff.filter(id=staff_id).exists():
        raise NotFound("staff_not_found", "没有找到这个账号，请刷新列表后重试。")


async def before(clock: Clock, staff_id: int, session_id: str) -> LogIn | None:
    """The log-in before this one, living or not: whoever reads of one that was not theirs knows that something is wrong."""
    found = await rows(_BEFORE, staff_id, session_id, clock.now())
    return _log_in(found[0]) if found else None


async def last_of(staff_ids: Iterable[int]) -> dict[int, datetime]:
    """When each of these accounts was logged in to last, as far as is still known."""
    return {row["staff_id"]: row["at"] for row in await rows(_LAST, list(staff_ids))}


async def end_own(clock: Clock, staff_id: int, session_id: str, *, actor: Actor) -> None:
    """End one of one's own log-ins. Twice is as good as once. Raises NotFound("session_not_found")."""
    async with in_transaction():
        is_possible = len(session_id) <= _LONGEST_ID
        row = await ConsoleSession.filter(id=session_id, staff_id=staff_id).first() if is_possible else None
        if row is None:
            raise NotFound("session_not_found", "没有找到这次登录，可能已经结束；请刷新页面。")
        _, is_new = await EndedSession.get_or_create(id=session_id, defaults={"expires_at": row.expires_at})
        if is_new:
            became = {"device": row.device, "address": row.address}
            await audit_log.record(clock, actor, "session.revoke", "staff", staff_id, became=became)


async def end_anothers(clock: Clock, staff_id: int, session_id: str, *, actor: Actor) -> None:
    """The same of any account. Raises Forbidden("role_not_allowed"), NotFound: staff_not_found, session_not_found."""
    roles.require(actor, Verb.MANAGE_STAFF)
    await _require_account(staff_id)
    await end_own(clock, staff_id, session_id, actor=actor)


async def sweep(s: Services) -> None:
    """Forget log-ins of long ago. Sweep `logins.sweep`."""
    await ConsoleSession.filter(
        began_at__lt=s.clock.now() - timedelta(days=s.settings.keep_log_ins_days)
    ).delete()
