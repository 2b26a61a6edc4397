"""Who may is asked by the verb itself, not by its door alone: a command, a job or a new page inherits it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from server.domain import imports
from server.domain.actor import SYSTEM, Actor
from server.domain.auth import session_list
from server.domain.exams import plans
from server.domain.people import new_accounts, staff, staff_changes
from server.domain.people.new_accounts import WantedAccount
from server.domain.people.school_scope import may_see, school_of
from server.domain.people.staff_changes import WantedChange
from server.domain.ports import Services
from server.errors import Forbidden
from server.models import AuditEntry, ImportRun, Plan, Staff
from tests.kit import make

AUDITOR = Actor("staff", 9, "审计员", role="auditor")
CANDIDATE = Actor("candidate", 9, "考生")
Verb = Callable[[Services, int, Actor], Awaitable[object]]
VERBS: dict[str, Verb] = {
    "release": lambda s, it, actor: plans.release(s.clock, s.queue, it, at=None, actor=actor),
    "cancel_release": lambda s, it, actor: plans.cancel_release(s.clock, it, actor=actor),
    "set_requires_practice": lambda s, it, actor: plans.set_requires_practice(s.clock, it, True, actor=actor),
    "create": lambda s, it, actor: staff.create(s.clock, s.password_hasher, "wang.wu", "admin", actor=actor),
    "ask_account": lambda s, it, actor: new_accounts.ask(
        s.clock, WantedAccount(username="wang.wu", role="admin"), actor=actor
    ),
    "reset_password": lambda s, it, actor: staff.reset_password(s.clock, s.password_hasher, it, actor=actor),
    "rename": lambda s, it, actor: staff.rename(s.clock, it, "李华", actor=actor),
    "ask": lambda s, it, actor: staff_changes.ask(
        s.clock, it, WantedChange(act="reset_password", reason="本人当面提出"), actor=actor
    ),
    "approve": lambda s, it, actor: staff_changes.approve(s.clock, s.password_hasher, it, actor=actor),
    "refuse": lambda s, it, actor: staff_changes.refuse(s.clock, it, "不对", actor=actor),
    "withdraw": lambda s, it, actor: staff_changes.withdraw(s.clock, it, actor=actor),
    "of_another": lambda s, it, actor: session_list.of_another(s.clock, it, actor=actor),
    "end_anothers": lambda s, it, actor: session_list.end_anothers(s.clock, it, "0" * 32, actor=actor),
    "set_active": lambda s, it, actor: staff.set_active(s.clock, it, False, actor=actor),
    "unlock": lambda s, it, actor: staff.unlock(s.clock, it, actor=actor),
    "submit": lambda s, it, actor: imports.submit(
        s, "scores", "a.csv", b"x", wish=imports.Wish(dry_run=True), actor=actor
    ),
}


@pytest.mark.parametrize("actor", [AUDITOR, CANDIDATE], ids=lambda actor: actor.kind)
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
async def test_a_verb_asks_who_may(services: Services, verb: Verb, actor: Actor) -> None:
    plan = await make.plan(release_at=None)
    await staff.create(services.clock, services.password_hasher, "li.hua", "issuer", actor=SYSTEM)
    made = await Staff.get()
    before = (await Plan.all().values(), await Staff.all().values(), await AuditEntry.all().count())
    for about in {plan.id, made.id}:
        with pytest.raises(Forbidden) as refused:
            await verb(services, about, actor)
        assert refused.value.code == "role_not_allowed"
    assert (await Plan.all().values(), await Staff.all().values(), await AuditEntry.all().count()) == before
    assert await ImportRun.all().count() == 0


def test_whose_rows_an_account_sees() -> None:
    school = Actor("staff", 1, "教务处", role="school", school_id=7)
    assert [school_of(who) for who in (school, AUDITOR, Actor("staff", 1, "教务处", role="school"))] == [
        7,
        None,
        0,
    ]
    assert [may_see(school, 7), may_see(school, 8), may_see(AUDITOR, 8)] == [True, False, True]
