"""What waits on the first page of the console, and since when."""

from __future__ import annotations

from datetime import timedelta

from server.domain.issuance import organisation, scan_tickets
from server.domain.issuance.states import BatchState
from server.domain.lookups import worklist
from server.domain.ports import Services
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock

DAY = timedelta(days=1)


async def waiting_since(services: Services, state: BatchState) -> object:
    (found,) = [
        one for one in await worklist.batches(services.clock, make.ISSUER_STAFF) if one.state is state
    ]
    return (found.batches, found.since)


async def test_a_batch_waits_from_when_it_came_into_its_state(services: Services, clock: FakeClock) -> None:
    """Days of another state are not counted: neither those before a return nor those before it was prepared again."""
    made = clock.now()
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    assert await waiting_since(services, BatchState.PREPARED) == (1, made)
    clock.set(made + DAY)
    await organisation.org_sign(services, batch.id, actor=make.ISSUER_STAFF)
    assert await waiting_since(services, BatchState.SITE_PENDING) == (1, made + DAY)
    clock.set(made + 2 * DAY)
    token = (await scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)).token
    await scan_tickets.return_batch(services, token, issuing.PIN, "第 3 位考生姓名有误", identity=of.identity)
    assert await waiting_since(services, BatchState.RETURNED) == (1, made + 2 * DAY)
    clock.set(made + 5 * DAY)
    await organisation.revise(services, batch.id, actor=make.ISSUER_STAFF)
    assert await waiting_since(services, BatchState.PREPARED) == (1, made + 5 * DAY)
    assert await waiting_since(services, BatchState.RETURNED) == (0, None)
    other = await issuing.cohort(services, names=("买买提·吐尔逊", "欧阳慧敏"))
    clock.set(made + 6 * DAY)
    await issuing.prepared(services, other)
    assert await waiting_since(services, BatchState.PREPARED) == (2, made + 5 * DAY)
