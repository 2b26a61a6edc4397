"""工作人员 and school accounts: who they are, and how an account begins, changes and ends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from tortoise.exceptions import IntegrityError
from tortoise.expressions import F
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log, incidents
from server.domain.people import passwords
from server.domain.ports import Clock, PasswordHasher, Services
from server.domain.roles import Role, Verb
from server.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from server.models import ApiToken, LoginWeChat, Passkey, School, Staff
from server.models.database import breaks

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{1,58})[a-z0-9]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account as administrators see it; `school` is its name."""

    id: int
    username: str
    name: str
    role: Role
    school_id: int | None
    school: str | None
    is_active: bool
    must_change_password: bool
    is_approved: bool
    has_second_factor: bool
    is_erased: bool
    created_at: datetime


def has_second_factor(staff: Staff) -> bool:
    """Whether this account asks for more than its password: a one-time code or a passkey."""
    return staff.otp_sealed is not None or staff.has_passkey


async def drop_second_factors(staff_id: int) -> None:
    """Take one-time codes, passkeys, recovery codes and the WeChat for log-in off an account, in the caller's transaction."""
    await Passkey.filter(staff_id=staff_id).delete()
    await LoginWeChat.filter(staff_id=staff_id).delete()
    await Staff.filter(id=staff_id).update(otp_sealed=None, recovery_codes=None, has_passkey=False)


def require_approved(staff: Staff) -> None:
    """Raises Conflict("account_waits"): it was asked for, and no second administrator has approved it yet."""
    if not staff.password_hash:
        raise Conflict("account_waits", "这个账号还没有批准建立，请另一位管理员先在“账号变更”里处理。")


def actor_of(staff: Staff) -> Actor:
    """The account as one who acts."""
    return Actor("staff", staff.id, staff.name, staff.role, staff.school_id)


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        choices = "、".join(f"{role.value}（{role.label}）" for role in Role)
        raise Invalid(
            errors=[FieldError("/role", "role_unknown", f"没有这个角色，请从这些里选：{choices}。")]
        ) from None


async def _school_id(role: Role, school: School | int | None) -> int | None:
    """The school of a school account; other roles have none."""
    if role is not Role.SCHOOL:
        if school is not None:
            raise Invalid(
                errors=[FieldError("/school_id", "school_not_wanted", "只有院校账号才填写所属院校。")]
            )
        return None
    if school is None:
        raise Invalid(errors=[FieldError("/school_id", "school_missing", "院校账号需要选择所属院校。")])
    school_id = school.id if isinstance(school, School) else school
    if not await School.filter(id=school_id).exists():
        raise Invalid(
            errors=[FieldError("/school_id", "school_unknown", "没有找到这所院校，请先导入考生信息。")]
        )
    return school_id


async def role_and_school(text: str, school: School | int | None) -> tuple[Role, int | None]:
    """A role by its value, and the school that goes with it. Raises Invalid: /role, /school_id."""
    role = _role(text)
    return role, await _school_id(role, school)


def _checked_name(name: str) -> str:
    name = name.strip()
    if not name or len(name) > 100 or not name.isprintable():
        raise Invalid(errors=[FieldError("/name", "name_form", "请填写姓名，最多100个字。")])
    return name


def checked_names(username: str, name: str) -> tuple[str, str]:
    username = username.strip().lower()
    if not USERNAME.fullmatch(username):
        raise Invalid(
            errors=[
                FieldError(
                    "/username",
                    "username_form",
                    "用户名为3至60位小写字母、数字、点、横线或下划线，以字母或数字开头和结尾。",
                )
            ]
        )
    return username, _checked_name(name)


async def create(
    clock: Clock,
    password_hasher: PasswordHasher,
    username: str,
    role: str,
    *,
    name: str | None = None,
    school: School | int | None = None,
    actor: Actor,
) -> str:
    """Make an account, on the machine; in the console two administrators do it (`new_accounts`).

    Args:
        name: as shown in the audit trail; the username if not given.
        school: for role `school` alone, and there it must be.

    Returns: a one-time password, which the first log-in has to change.

    Raises:
        Forbidden("role_not_allowed").
        Invalid: a field is wrong, each named.
        Conflict("username_taken").
    """
    if actor.kind != "system":
        raise Forbidden("role_not_allowed", "建立账号须由两位管理员办理：一位提出，另一位批准。")
    username, name = checked_names(username, name if name is not None else username)
    kind, school_id = await role_and_school(role, school)
    password = passwords.one_time()
    password_hash = await passwords.hashed(password_hasher, password)
    try:
        async with in_transaction():
            staff = await Staff.create(
                username=username,
                name=name,
                role=kind.value,
                school_id=school_id,
                password_hash=password_hash,
                created_at=clock.now(),
            )
            became = {"username": username, "role": kind.value, "school_id": school_id}
            await audit_log.record(clock, actor, "staff.create", "staff", staff.id, became=became)
    except IntegrityError as error:
        if not breaks(error, "staff_username_key"):
            raise
        raise Conflict("username_taken", f"用户名“{username}”已被使用，请换一个。") from None
    return password


async def locked(staff_id: int) -> Staff:
    """The account, locked to the end of the caller's transaction. Raises NotFound("staff_not_found"), Conflict("staff_erased")."""
    staff = await Staff.filter(id=staff_id).select_for_update().first()
    if staff is None:
        raise NotFound("staff_not_found", "没有找到这个账号，请刷新列表后重试。")
    if staff.erased_at is not None:
        raise Conflict("staff_erased", "这个账号的个人信息已经删除，不能再改；需要时请新建账号。")
    return staff


async def reset_password(
    clock: Clock, password_hasher: PasswordHasher, staff_id: int, *, actor: Actor
) -> str:
    """A new one-time password; sessions and API tokens end, the second factor has to be set up anew.

    For the command line alone; in the console two administrators do it (`staff_changes`).

    Raises: Forbidden("role_not_allowed"), NotFound("staff_not_found").
    """
    _require_system(actor)
    password = passwords.one_time()
    password_hash = await passwords.hashed(password_hasher, password)
    async with in_transaction():
        staff = await locked(staff_id)
        staff.password_hash = password_hash
        staff.must_change_password = True
        had_second_factor = has_second_factor(staff)
        staff.session_epoch += 1
        staff.login_epoch += 1  # a new password is of no use to somebody who is locked out
        await staff.save()
        await drop_second_factors(staff_id)
        await ApiToken.filter(staff_id=staff_id, revoked_at=None).update(revoked_at=clock.now())
        was = {"second_factor": had_second_factor}
        await audit_log.record(clock, actor, "staff.reset_password", "staff", staff_id, was=was)
    return password


def _require_system(actor: Actor) -> None:
    if actor.kind != "system":
        raise Forbidden("role_not_allowed", "重置密码须由两位管理员办理：一位提出，另一位批准。")


async def rename(clock: Clock, staff_id: int, name: str, *, actor: Actor) -> None:
    """Write another name on an account, as the trail and colleagues see it from now on.

    Raises: Forbidden("role_not_allowed"), NotFound("staff_not_found"), Invalid: /name.
    """
    roles.require(actor, Verb.MANAGE_STAFF)
    name = _checked_name(name)
    async with in_transaction():
        staff = await locked(staff_id)
        if staff.name == name:
            return
        await Staff.filter(id=staff_id).update(name=name)
        was, became = {"name": staff.name}, {"name": name}
        await audit_log.record(clock, actor, "staff.rename", "staff", staff_id, was=was, became=became)


async def set_active(clock: Clock, staff_id: int, on: bool, *, actor: Actor) -> None:
    """Close an account, with its sessions and API tokens, or open it again. Nothing happens if it is so already.

    Raises: NotFound("staff_not_found"); Forbidden: role_not_allowed; own_account: nobody closes their own.
    """
    if actor.kind == "staff" and actor.id == staff_id:
        raise Forbidden("own_account", "不能停用自己的账号，请由另一位管理员操作。")
    roles.require_unless_system(actor, Verb.MANAGE_STAFF)
    async with in_transaction():
        staff = await locked(staff_id)
        if staff.is_active == on:
            return
        require_approved(staff)
        staff.is_active = on
        staff.session_epoch += 1
        await staff.save(update_fields=["is_active", "session_epoch"])
        if not on:
            await ApiToken.filter(staff_id=staff_id, revoked_at=None).update(revoked_at=clock.now())
        action = "staff.activate" if on else "staff.deactivate"
        await audit_log.record(clock, actor, action, "staff", staff_id, became={"is_active": on})


async def unlock(clock: Clock, staff_id: int, *, actor: Actor) -> None:
    """Forget the log-in tries counted against an account. Raises Forbidden, NotFound("staff_not_found")."""
    roles.require_unless_system(actor, Verb.MANAGE_STAFF)
    async with in_transaction():
        staff = await locked(staff_id)
        await Staff.filter(id=staff.id).update(login_epoch=staff.login_epoch + 1)
        await audit_log.record(clock, actor, "staff.unlock", "staff", staff_id)


async def change_password(s: Services, staff_id: int, old: str, new: str, *, actor: Actor) -> None:
    """Take a new password in place of the old one; every session and API token ends.

    Raises: Invalid with pointer /old_password or /new_password.
    """
    staff = await Staff.get(id=staff_id)
    if not await passwords.matches(s.password_hasher, staff.password_hash, old):
        await incidents.note(s, actor, "staff.password_refused", "staff", staff_id)
        raise Invalid(errors=[FieldError("/old_password", "password_wrong", "原密码不正确，请重新输入。")])
    passwords.check_new(new, username=staff.username, pointer="/new_password", context=(staff.name,))
    if await passwords.matches(s.password_hasher, staff.password_hash, new):
        raise Invalid(errors=[FieldError("/new_password", "password_same", "新密码不能与原密码相同。")])
    password_hash = await passwords.hashed(s.password_hasher, new)
    async with in_transaction():
        changed = await Staff.filter(id=staff_id, password_hash=staff.password_hash).update(
            password_hash=password_hash, must_change_password=False, session_epoch=F("session_epoch") + 1
        )
        if not changed:
            raise Conflict("password_moved_on", "密码刚刚被修改过，请重新登录。")
        await ApiToken.filter(staff_id=staff_id, revoked_at=None).update(revoked_at=s.clock.now())
        await audit_log.record(s.clock, actor, "staff.change_password", "staff", staff_id)


async def listing(after: int, limit: int) -> list[Account]:
    """Accounts in order of id, from the first beyond `after`."""
    found = await Staff.filter(id__gt=after).order_by("id").limit(limit).prefetch_related("school")
    return [account_of(row) for row in found]


async def one(staff_id: int, *, actor: Actor) -> Account:
    """One account. Raises Forbidden("role_not_allowed"), NotFound("staff_not_found")."""
    roles.require(actor, Verb.MANAGE_STAFF)
    row = await Staff.get_or_none(id=staff_id).prefetch_related("school")
    if row is None:
        raise NotFound("staff_not_found", "没有找到这个账号，请刷新列表后重试。")
    return account_of(row)


def account_of(row: Staff) -> Account:
    return Account(
        id=row.id,
        username=row.username,
        name=row.name,
        role=Role(row.role),
        school_id=row.school_id,
        school=row.school.name if row.school else None,
        is_active=row.is_active,
        must_change_password=row.must_change_password,
        is_approved=bool(row.password_hash),
        is_erased=row.erased_at is not None,
        has_second_factor=has_second_factor(row),
        created_at=row.created_at,
    )
