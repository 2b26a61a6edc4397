"""Nobody does alone what two must do: a second account of the same person is not a second person, wherever it is asked."""

from __future__ import annotations

import ast
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from server.domain.actor import SYSTEM, Actor
from server.domain.exams import release_requests
from server.domain.issuance import organisation
from server.domain.payments import refunds
from server.domain.people import same_person, staff
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import Issuance, LoginWeChat, StaffWeChat
from tests.kit import issuing, make, paying
from tests.kit.console_desk import account
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.refusals import code_of

Decide = Callable[[Actor], Awaitable[object]]
DOMAIN = Path(same_person.__file__).parents[1]


async def of_release(s: Services, pay: FakePay, first: Actor) -> Decide:
    plan = await make.plan()
    await make.registration(s, on=plan)
    request = await release_requests.ask(s.clock, plan.id, at=None, actor=first)
    return lambda actor: release_requests.approve(s, request, actor=actor)


async def of_batch(s: Services, pay: FakePay, first: Actor) -> Decide:
    exchange(s, settings=replace(s.settings, two_people="on"))
    batch = await issuing.school_signed(s, await issuing.cohort(s))
    await Issuance.filter(id=batch.id).update(org_signed_by=first.id)
    return lambda actor: organisation.hand_over(s, batch.id, actor=actor)


async def of_refund(s: Services, pay: FakePay, first: Actor) -> Decide:
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    refund = await refunds.ask(s.clock, order.id, 1, "考生因病不能参加考试", actor=first)
    return lambda actor: refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=actor)


@pytest.mark.parametrize(
    ("begin", "roles", "code"),
    [
        (of_release, (Role.OPERATOR, Role.ISSUER), "same_person"),
        (of_batch, (Role.ISSUER, Role.ISSUER), "second_person_needed"),
        (of_refund, (Role.FINANCE, Role.FINANCE), "same_person"),
    ],
)
async def test_two_accounts_with_one_wechat_are_one_person(
    services: Services,
    pay: FakePay,
    begin: Callable[[Services, FakePay, Actor], Awaitable[Decide]],
    roles: tuple[Role, Role],
    code: str,
) -> None:
    first, second = [
        staff.actor_of(await account(role, username=f"user-{n}")) for n, role in enumerate(roles)
    ]
    assert first.id is not None and second.id is not None
    decide = await begin(services, pay, first)
    now = services.clock.now()
    await LoginWeChat.create(staff_id=first.id, openid="oOne", bound_at=now)
    await StaffWeChat.create(staff_id=second.id, openid="oOne", linked_at=now)
    assert await code_of(decide(second)) == code
    await StaffWeChat.all().update(openid="oOther")
    await decide(second)


async def test_who_has_no_account_is_no_second_look() -> None:
    assert not await same_person.is_another(SYSTEM, 1)
    assert await same_person.is_another(make.ADMIN, None)


def test_every_second_person_is_judged_in_one_place() -> None:
    """No guard is fed by a bare comparison of accounts."""
    judged = []
    for path in DOMAIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.keyword) and node.arg in ("is_another", "is_second_person"):
                value = ast.unparse(node.value)
                judged.append(value)
                assert "==" not in value and "!=" not in value and " in " not in value, f"{path}: {value}"
    assert sum("same_person.is_another" in value for value in judged) >= 10
