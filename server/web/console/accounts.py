"""账号 of staff and schools, for administrators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from server.domain.auth import session_list
from server.domain.people import account_list, new_accounts, staff
from server.domain.people.staff_change_states import StaffChangeState
from server.domain.roles import Role, Verb
from server.web.console.answers import Account, Page
from server.web.console.auth import Call
from server.web.console.paging import Turning, page_of
from server.web.routes import Route
from server.web.schema import Answer, Input, OneOf, Whole


class AccountQuery(Turning):
    role: Annotated[str | None, OneOf(Role)] = None
    active: bool | None = Field(default=None, description="启用的，或停用的")
    q: str | None = Field(default=None, max_length=60, description="用户名、姓名或院校名称的一部分")
    sort: Annotated[str | None, OneOf(account_list.SORTS)] = None

    @property
    def wanted(self) -> account_list.AccountFilter:
        return account_list.AccountFilter(role=self.role, active=self.active, q=self.q)


class NewAccount(Input):
    username: str = Field(min_length=3, max_length=60)
    name: str | None = Field(default=None, max_length=100)
    role: Annotated[str, OneOf(Role)]
    school_id: Whole | None = Field(default=None, description="只用于院校账号")
    reason: str = Field(default="", max_length=300, description="缘由，例如接替谁、从何时起")


class NewName(Input):
    name: str = Field(min_length=1, max_length=100)


async def listing(call: Call, query: AccountQuery) -> Page[Account]:
    page = await account_list.page(query.wanted, turn=query.turn(account_list.SORTS), actor=call.actor)
    return page_of(Account, await shown(page.items), page.next_cursor, page.before)


async def shown(accounts: Sequence[staff.Account]) -> list[Account]:
    """The accounts with their roles in words, and when they were logged in to last."""
    last = await session_list.last_of(one.id for one in accounts)
    return [
        Account(
            **asdict(one) | {"role": one.role.value},
            role_label=one.role.label,
            last_login_at=last.get(one.id),
        )
        for one in accounts
    ]


class WaitingAccount(Answer):
    """The account waits; the one-time password comes with the approval (`POST /staff-changes/{id}/approve`)."""

    id: int = Field(description="账号变更的编号")
    staff_id: int
    state: str
    state_label: str


async def create(call: Call, body: NewAccount) -> WaitingAccount:
    asked = await new_accounts.ask(
        call.s.clock, new_accounts.WantedAccount(**body.model_dump()), actor=call.actor
    )
    state = StaffChangeState.REQUESTED
    return WaitingAccount(
        id=asked.change_id, staff_id=asked.staff_id, state=state.value, state_label=state.label
    )


async def rename(call: Call, body: NewName, staff_id: int) -> None:
    await staff.rename(call.s.clock, staff_id, body.name, actor=call.actor)


async def unlock(call: Call, staff_id: int) -> None:
    await staff.unlock(call.s.clock, staff_id, actor=call.actor)


async def deactivate(call: Call, staff_id: int) -> None:
    await staff.set_active(call.s.clock, staff_id, False, actor=call.actor)


async def activate(call: Call, staff_id: int) -> None:
    await staff.set_active(call.s.clock, staff_id, True, actor=call.actor)


_MAY = Verb.MANAGE_STAFF
_ONE = "/staff/<staff_id:int>"
ROUTES = [
    Route("GET", "/staff", listing, "账号", takes=AccountQuery, gives=Page[Account], verb=_MAY),
    Route("POST", "/staff", create, "提出建立账号；由另一位管理员批准后可用", takes=NewAccount, gives=WaitingAccount, status=201, creates=True, verb=_MAY),
    Route("PUT", f"{_ONE}/name", rename, "改账号的姓名", takes=NewName, status=204, verb=_MAY),
    Route("POST", f"{_ONE}/unlock", unlock, "解除登录限制（输错密码次数过多之后）", status=204, verb=_MAY),
    Route("POST", f"{_ONE}/deactivate", deactivate, "停用账号", status=204, verb=_MAY),
    Route("POST", f"{_ONE}/activate", activate, "重新启用账号", status=204, verb=_MAY),
]  # fmt: skip
