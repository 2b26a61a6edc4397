"""建立账号: one administrator asks for it, another approves; until then nobody can log in to it or open it.

The account waits as a row without a password. The first accounts are made on the machine (`xcert staff create`).
"""

from __future__ import annotations

from dataclasses import dataclass

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people import staff
from server.domain.people.free_text import clean_reason
from server.domain.people.staff_change_states import StaffAct, StaffChangeState
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import Conflict
from server.models import Staff, StaffChange
from server.models.database import breaks


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedAccount:
    """`name`: the username if not given. `school_id`: for role `school` alone, and there it must be."""

    username: str
    role: str
    name: str | None = None
    school_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAccount:
    change_id: int
    staff_id: int


async def ask(clock: Clock, wanted: WantedAccount, *, actor: Actor) -> AskedAccount:
    """Ask for an account. Nothing can be done with it until another administrator approves.

    A name that was asked for before, and not approved, may be asked for again.

    Raises:
        Forbidden: role_not_allowed. Invalid: a field is wrong, each named.
        Conflict: username_taken; account_waits: the same name waits already.
    """
    roles.require(actor, Verb.MANAGE_STAFF)
    username, name = staff.checked_names(wanted.username, wanted.name or wanted.username)
    kind, school_id = await staff.role_and_school(wanted.role, wanted.school_id)
    reason = clean_reason(wanted.reason)
    try:
        async with in_transaction():
            row = await _waiting_row(username)
            if row is None:
                row = Staff(username=username, password_hash="", is_active=False, created_at=clock.now())
            row.name, row.role, row.school_id = name, kind.value, school_id
            await row.save()
            change = await StaffChange.create(
                staff_id=row.id,
                act=StaffAct.CREATE.value,
                reason=reason,
                asked_by=actor.id,
                asked_by_name=actor.name,
                asked_at=clock.now(),
            )
            became = {"username": username, "role": kind.value, "school_id": school_id, "reason": reason}
            act = {"act": StaffAct.CREATE.value}
            await audit_log.record(clock, actor, "staff_change.ask", "staff", row.id, became=act | became)
    except IntegrityError as error:
        if not breaks(error, "staff_username_key"):
            raise
        raise _taken(username) from None
    return AskedAccount(change_id=int(change.id), staff_id=row.id)


async def _waiting_row(username: str) -> Staff | None:
    """The row of a name that was asked for and not approved, locked. Raises Conflict: username_taken, account_waits."""
    row = await Staff.filter(username=username).select_for_update().first()
    if row is None:
        return None
    if row.password_hash:
        raise _taken(username)
    if await StaffChange.filter(staff_id=row.id, state=StaffChangeState.REQUESTED.value).exists():
        sentence = f"用户名“{username}”的账号已经提出、等待批准，请在“账号变更”里处理。"
        raise Conflict("account_waits", sentence)
    return row


def _taken(username: str) -> Conflict:
    return Conflict("username_taken", f"用户名“{username}”已被使用，请换一个。")
