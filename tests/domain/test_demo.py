"""The first start: an invented cohort through the real imports, accounts, and officers to be."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server import demo, demo_cohort
from server.domain.people import passwords
from server.domain.ports import Services
from server.errors import XcertError
from server.models import AuditEntry, Candidate, ImportRun, Officer, Plan, Registration, School, Score, Staff
from tests.kit import make
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed, KillerFaultInjector


async def counts() -> dict[str, int]:
    tables = (Candidate, Registration, Score, School, Plan, Staff, Officer)
    return {table.__name__: await table.all().count() for table in tables}


WHOLE = {
    "Candidate": 60,
    "Registration": 60,
    "Score": 60,
    "School": 3,
    "Plan": 2,
    "Staff": 7,
    "Officer": 3,
}


async def test_an_empty_database_is_filled_once(services: Services) -> None:
    first = await demo.load_first(services)
    assert first is not None
    assert await counts() == WHOLE
    assert [login.username for login in first] == [
        "admin",
        "operator",
        "issuer",
        "finance",
        "notifier",
        "auditor",
        "school",
    ]
    for login in first:
        account = await Staff.get(username=login.username)
        assert await passwords.matches(services.password_hasher, account.password_hash, login.password)
        assert account.must_change_password
    assert {i.school for i in first.invitations} == set(demo_cohort.SCHOOLS[:3])
    assert [(one.plan, one.school, one.level) for one in first.candidates] == [demo.TOUR] * 3
    assert all(person.passed for person in first.candidates)
    assert (first.invitations[0].school, first.invitations[0].name) == (demo.TOUR[1], "王建华")
    at = (await Staff.get(username="school").prefetch_related("school")).school
    assert at is not None and at.name == demo.TOUR[1]
    assert await demo.load_first(services) is None
    assert await counts() == WHOLE


@pytest.mark.parametrize(
    ("place", "nth"),
    [
        ("imports.read", 1),
        ("imports.before_commit", 1),
        ("demo.people", 1),
        ("imports.scores_written", 1),
        ("imports.committed", 2),
        ("demo.scores", 1),
        ("demo.accounts", 1),
    ],
)
async def test_a_start_that_dies_is_finished_by_the_next(services: Services, place: str, nth: int) -> None:
    exchange(services, faults=KillerFaultInjector(place, nth))
    with pytest.raises(Killed):
        await demo.load_first(services)
    exchange(services, faults=KillerFaultInjector())
    assert await demo.load_first(services) is not None
    assert await counts() == WHOLE
    assert await AuditEntry.filter(action="staff.create").count() == 7


async def test_a_database_with_somebodys_own_people_is_left_alone(services: Services) -> None:
    await make.candidate(services)
    assert await demo.load_first(services) is None
    assert await counts() == {name: 1 if name in ("Candidate", "School") else 0 for name in WHOLE}
    assert not await ImportRun.all().exists()


async def test_production_has_no_invented_people(services: Services) -> None:
    exchange(services, settings=replace(services.settings, env="production"))
    with pytest.raises(XcertError):
        await demo.load_first(services)
    assert await counts() == dict.fromkeys(WHOLE, 0)
