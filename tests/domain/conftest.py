"""Fixtures of the domain tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from server.demo_cohort import PEOPLE_HEADER
from server.domain.issuance import scan_tickets
from server.domain.ports import Services
from tests.kit import issuing
from tests.kit.fake_pay import FakePay
from tests.kit.import_rules import ONE, TWO, take
from tests.kit.issuing import Cohort
from tests.kit.lookup_process import Process


@pytest.fixture
async def of(services: Services) -> Cohort:
    return await issuing.cohort(services)


@pytest.fixture
async def process(services: Services, db: str) -> AsyncIterator[Callable[[], Process]]:
    made: list[Process] = []

    def one() -> Process:
        made.append(Process(services, db))
        return made[-1]

    yield one
    for process in made:
        await process.watch.stop()


@pytest.fixture
async def shown(services: Services, of: Cohort) -> scan_tickets.ShownTicket:
    return await issuing.shown_ticket(services, of)


@pytest.fixture
async def known(services: Services) -> Services:
    """Two candidates and their schools are on record."""
    await take(services, "candidates", PEOPLE_HEADER, ONE.people_row(), TWO.people_row())
    return services


@pytest.fixture
def pay(services: Services) -> FakePay:
    """WeChat Pay in memory."""
    return FakePay(services.settings, services.clock)
