"""账号变更: a new account, a password reset, a second factor taken away, another role. One administrator asks, another approves.

Who could do one of these alone could log in as anybody. The command line still does it alone (`xcert staff reset`): it
is for whoever may log in to the machine, and for a house with one administrator (decision 0901).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from server.domain import paging, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.paging import NEWEST, Page, Turn
from server.domain.people import passwords, same_person, staff
from server.domain.people.free_text import clean_reason
from server.domain.people.staff_change_states import (
    STEPS,
    StaffAct,
    StaffChangeState,
    Standing,
    moved_on,
)
from server.domain.ports import Clock, PasswordHasher
from server.domain.roles import Role, Verb
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.models import ApiToken, School, Staff, StaffChange
from server.models.database import breaks

SHORTEST_REASON = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedChange:
    """What is asked for.

    Attributes:
        act: of `StaffAct`, by value.
        reason: how it is known to be wanted, for instance that the owner asked in person.
        role, school_id: with `set_role`: the role, and for a school's account its school.
    """

    act: str
    reason: str
    role: str = ""
    school_id: int | None = None


@dataclass(frozen=True, slots=True)
class Approval:
    """What came of it. `one_time_password`: of a reset; the only place where it ever stands."""

    state: StaffChangeState
    one_time_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffChangeView:
    """One change, as administrators see it."""

    id: int
    state: StaffChangeState
    act: StaffAct
    staff_id: int
    username: str
    name: str
    was_role: Role | None
    role: Role | None
    school: str | None
    reason: str
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    may_decide: bool
    may_approve: bool
    may_withdraw: bool


async def ask(clock: Clock, staff_id: int, wanted: WantedChange, *, actor: Actor) -> int:
    """Ask for a change of somebody else's account; its number. Nothing changes until another administrator approves.

    Raises:
        Forbidden: role_not_allowed, own_account · NotFound("staff_not_found") ·
        Invalid: /act, /reason, /role, /school_id · Conflict: change_open, role_same, nothing_to_drop.
    """
    roles.require(actor, Verb.MANAGE_STAFF)
    if actor.id == staff_id:
        raise Forbidden("own_account", "不能为自己的账号提出；请由另外两位管理员办理。")
    act, reason = _act(wanted.act), clean_reason(wanted.reason)
    if len(reason) < SHORTEST_REASON:
        sentence = f"请写明缘由（至少 {SHORTEST_REASON} 个字），例如本人何时、怎样提出的。"
        raise Invalid(errors=[FieldError("/reason", "reason_short", sentence)])
    role, school_id = "", None
    if act is StaffAct.SET_ROLE:
        kind, school_id = await staff.role_and_school(wanted.role, wanted.school_id)
        role = kind.value
    try:
        async with in_transaction():
            account = await staff.locked(staff_id)
            _refuse_nothing(account, act, role, school_id)
            change = await StaffChange.create(
                staff_id=staff_id,
                act=act.value,
                was_role=account.role if role else "",
                role=role,
                school_id=school_id,
                reason=reason,
                asked_by=actor.id,
                asked_by_name=actor.name,
                asked_at=clock.now(),
            )
            await _record(clock, change, "ask", actor, {"reason": reason})
    except IntegrityError as error:
        if not breaks(error, "staff_change_open"):
            raise
        raise Conflict("change_open", f"这个账号已有一项“{act.label}”待批准，请先处理那一项。") from None
    return int(change.id)


def _act(text: str) -> StaffAct:
    try:
        act = StaffAct(text)
        if act is StaffAct.CREATE:  # asked for by `new_accounts`
            raise ValueError
        return act
    except ValueError:
        raise Invalid(errors=[FieldError("/act", "act_unknown", "没有这种账号变更。")]) from None


def _refuse_nothing(account: Staff, act: StaffAct, role: str, school_id: int | None) -> None:
    staff.require_approved(account)
    if act is StaffAct.SET_ROLE and (account.role, account.school_id) == (role, school_id):
        raise Conflict("role_same", "这个账号现在就是这个角色，不需要调整。")
    if act is StaffAct.DROP_SECOND_FACTOR and not staff.has_second_factor(account):
        raise Conflict("nothing_to_drop", "这个账号没有启用第二重验证，不需要清除。")


async def approve(clock: Clock, hasher: PasswordHasher, change_id: int, *, actor: Actor) -> Approval:
    """Let it take effect: the account, the end of its log-ins and API tokens, and the trail in one transaction.

    Raises:
        Forbidden: role_not_allowed, same_person, own_account · NotFound("change_unknown") ·
        Conflict: already_decided, role_moved.
    """
    roles.require(actor, Verb.APPROVE_STAFF_CHANGE)
    password = passwords.one_time()
    password_hash = await passwords.hashed(hasher, password)  # before the transaction: it takes time
    async with in_transaction():
        change = await _locked(change_id, "approve")
        account = await staff.locked(change.staff_id)
        await _advance(clock, change, "approve", account, actor, "")
        act = StaffAct(change.act)
        await _take_effect(clock, change, account, password_hash)
    return Approval(
        StaffChangeState.APPROVED, password if act in (StaffAct.RESET_PASSWORD, StaffAct.CREATE) else None
    )


async def _take_effect(clock: Clock, change: StaffChange, account: Staff, password_hash: str) -> None:
    """A reset keeps the second factor: whoever sees the one-time password still cannot log in with it alone."""
    changes: dict[StaffAct, Mapping[str, Any]] = {
        StaffAct.RESET_PASSWORD: {
            "password_hash": password_hash,
            "must_change_password": True,
            "login_epoch": F("login_epoch") + 1,
        },
        StaffAct.CREATE: {"password_hash": password_hash, "must_change_password": True, "is_active": True},
        StaffAct.DROP_SECOND_FACTOR: {},
        StaffAct.SET_ROLE: {"role": change.role, "school_id": change.school_id},
    }
    becomes = changes[StaffAct(change.act)]
    if change.act == StaffAct.DROP_SECOND_FACTOR.value:
        await staff.drop_second_factors(account.id)
    await Staff.filter(id=account.id).update(**becomes, session_epoch=F("session_epoch") + 1)
    await ApiToken.filter(staff_id=account.id, revoked_at=None).update(revoked_at=clock.now())


async def refuse(clock: Clock, change_id: int, note: str, *, actor: Actor) -> StaffChangeState:
    """Do not let it take effect, and say why. Raises as `approve` does; Invalid: /note missing."""
    roles.require(actor, Verb.APPROVE_STAFF_CHANGE)
    clean = clean_reason(note)
    if not clean:
        raise Invalid(errors=[FieldError("/note", "missing", "请写明不批准的原因。")])
    return await _end(clock, change_id, "refuse", clean, actor)


async def withdraw(clock: Clock, change_id: int, *, actor: Actor) -> StaffChangeState:
    """Take back what one asked for. Raises Forbidden: role_not_allowed, not_yours; NotFound; Conflict."""
    roles.require(actor, Verb.MANAGE_STAFF)
    return await _end(clock, change_id, "withdraw", "", actor)


async def _end(clock: Clock, change_id: int, name: str, note: str, actor: Actor) -> StaffChangeState:
    async with in_transaction():
        change = await _locked(change_id, name)
        await _advance(clock, change, name, await staff.locked(change.staff_id), actor, note)
    return STEPS[name].target


async def _locked(change_id: int, name: str) -> StaffChange:
    change = await StaffChange.filter(id=change_id).select_for_update().first()
    if change is None:
        raise NotFound("change_unknown", "没有这项账号变更，请刷新列表后重试。")
    if StaffChangeState(change.state) not in STEPS[name].sources:
        raise moved_on(StaffChangeState(change.state))
    return change


async def _advance(
    clock: Clock, change: StaffChange, name: str, account: Staff, actor: Actor, note: str
) -> None:
    """The only writer of a change's state: guards, conditional UPDATE and audit row in the caller's transaction."""
    step, is_asker = STEPS[name], change.asked_by == actor.id
    known = Standing(
        is_asker=is_asker,
        is_another=await same_person.is_another(actor, change.asked_by),
        is_owner=account.id == actor.id,
        is_unmoved=change.act != StaffAct.SET_ROLE.value or account.role == change.was_role,
    )
    if (reason := step.refusal(known)) is not None:
        raise reason.as_refusal()
    moved = await StaffChange.filter(id=change.id, state=change.state).update(
        state=step.target.value,
        decided_by=actor.id,
        decided_by_name=actor.name,
        decided_at=clock.now(),
        note=note,
    )
    if not moved:
        raise moved_on(step.target)
    await _record(clock, change, name, actor, {"reason": note} if note else {})


async def _record(clock: Clock, change: StaffChange, name: str, actor: Actor, more: dict[str, Any]) -> None:
    was = {"role": change.was_role} if change.role else None
    became = {"act": change.act, **({"role": change.role} if change.role else {}), **more}
    if change.school_id is not None:
        became["school_id"] = change.school_id
    await audit_log.record(
        clock, actor, f"staff_change.{name}", "staff", change.staff_id, was=was, became=became
    )


SORTS = {"-id": "新提出的在前", "id": "早提出的在前"}


async def listing(*, state: str | None = None, turn: Turn = NEWEST, actor: Actor) -> Page[StaffChangeView]:
    """In any order of `SORTS`. Raises Forbidden: role_not_allowed; Invalid: cursor_unknown."""
    roles.require(actor, Verb.MANAGE_STAFF)
    query = StaffChange.all() if state is None else StaffChange.filter(state=state)
    page = await paging.turn(query.prefetch_related("staff__school", "school"), turn)
    return page.map(lambda one: _view(one, actor))


async def count(*, state: str | None = None, actor: Actor) -> int:
    """How many, no further counted than `paging.COUNTED` + 1. Raises Forbidden: role_not_allowed."""
    roles.require(actor, Verb.MANAGE_STAFF)
    query = StaffChange.all() if state is None else StaffChange.filter(state=state)
    return await paging.counted(query, paging.COUNTED)


async def waiting(actor: Actor) -> int:
    """How many wait for this administrator's decision."""
    if not roles.may(actor, Verb.APPROVE_STAFF_CHANGE):
        return 0
    asked = StaffChange.filter(state=StaffChangeState.REQUESTED.value)
    return await asked.exclude(asked_by=actor.id).exclude(staff_id=actor.id).count()


def _view(row: StaffChange, actor: Actor) -> StaffChangeView:
    state, mine = StaffChangeState(row.state), row.asked_by == actor.id
    is_open = state is StaffChangeState.REQUESTED
    may_decide = is_open and not mine and roles.may(actor, Verb.APPROVE_STAFF_CHANGE)
    is_new = row.act == StaffAct.CREATE.value
    school: School | None = row.staff.school if is_new else row.school
    role = row.staff.role if is_new else row.role
    return StaffChangeView(
        id=row.id,
        state=state,
        act=StaffAct(row.act),
        staff_id=row.staff_id,
        username=row.staff.username,
        name=row.staff.name,
        was_role=Role(row.was_role) if row.was_role else None,
        role=Role(role) if role else None,
        school=school.name if school is not None else None,
        reason=row.reason,
        asked_by=row.asked_by_name,
        asked_at=row.asked_at,
        decided_by=row.decided_by_name,
        decided_at=row.decided_at,
        note=row.note,
        may_decide=may_decide,
        may_approve=may_decide and row.staff_id != actor.id,
        may_withdraw=is_open and mine,
    )
