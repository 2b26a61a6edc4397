"""One identity number, one candidate: also in the moment of a change of the `index` key, and for who has not heard of it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tortoise.transactions import in_transaction

from server import demo_cohort
from server.adapters.keys import KeyFolder, retire, rotate
from server.demo_cohort import PEOPLE_HEADER
from server.domain.actor import SYSTEM
from server.domain.corrections import deciding
from server.domain.people import identity_index, number_epoch
from server.domain.people.candidates import ABOUT_ID
from server.domain.ports import Services
from server.errors import Conflict, OutsideFailure
from server.models import Candidate, ImportRun, IndexEpoch
from tests.conftest import ISSUER
from tests.kit import correcting, importing, make
from tests.kit.fakes import NOON
from tests.kit.import_rules import ONE
from tests.kit.lock_waits import somebody_waits

NUMBER = ONE.id_number
Work = Callable[[Services], Awaitable[object]]


class Pausing:
    """Stops whoever reaches `place`, until it may go on."""

    def __init__(self, place: str) -> None:
        self.place, self.is_there, self.may_go = place, asyncio.Event(), asyncio.Event()

    async def reach(self, place: str) -> None:
        if place == self.place:
            self.is_there.set()
            await self.may_go.wait()


@pytest.fixture
def after(services: Services, tmp_path: Path) -> Services:
    """A process that has the new key, beside `services`, which has not heard of it."""
    own = tmp_path / "keys"
    shutil.copytree(services.settings.keys_dir, own)
    rotate(own, "index", organisation=ISSUER, now=NOON)
    return replace(services, keys=KeyFolder(own, production=False))


async def imported(s: Services) -> object:
    book = demo_cohort.book(PEOPLE_HEADER, [ONE.people_row()])
    return await importing.take(s, "candidates", "x.xlsx", book)


async def asked_to_have_it(s: Services) -> Work:
    """A correction that gives somebody else this number; what is left is to approve it."""
    case = await correcting.asked(s, await correcting.issued(s), id_number=NUMBER)

    async def approve(s: Services) -> object:
        return await deciding.approve(s, case.id, id_number=NUMBER, actor=correcting.APPROVER)

    return approve


async def with_it(*of: Services) -> int:
    """How many candidates have the number, under whichever key."""
    return await Candidate.filter(
        id_index__in={one for s in of for one in s.keys.blinds(NUMBER, about=ABOUT_ID)}
    ).count()


@pytest.mark.parametrize("order", ["import first", "correction first"])
async def test_two_who_write_it_in_the_moment_of_the_change(
    services: Services, after: Services, db: str, order: str
) -> None:
    """One is about to commit it under the key of before, another comes with the new one: on two connections."""
    before = services
    corrected = await asked_to_have_it(before)
    first: Work = imported
    place, second = "imports.before_commit", corrected
    if order != "import first":
        first, place, second = (corrected, "corrections.approve: before the commit", imported)
    pause = Pausing(place)
    running = asyncio.create_task(_done(first, replace(before, faults=pause)))
    async with asyncio.timeout(20):
        await pause.is_there.wait()
    other = asyncio.create_task(_done(second, after))
    await somebody_waits(db)
    pause.may_go.set()
    assert [type(one) for one in (await running, await other)].count(Conflict) <= 1
    assert await with_it(before, after) == 1
    ended = await ImportRun.filter(kind="candidates").order_by("-id").first()
    assert ended is not None
    assert order == "import first" or ended.refusal_code == "moved_since_check"


async def _done(work: Work, s: Services) -> object:
    try:
        return await work(s)
    except Conflict as refused:
        return refused


@pytest.mark.parametrize("writer", ["import", "correction"])
async def test_who_has_not_heard_of_a_key_in_force_writes_no_number(
    services: Services, after: Services, writer: str
) -> None:
    corrected = await asked_to_have_it(services)
    await (corrected if writer == "import" else imported)(after)
    with pytest.raises(OutsideFailure, match="同步密钥目录"):
        await (imported if writer == "import" else corrected)(services)
    assert await with_it(services, after) == 1
    await make.school()  # whatever is no number of a person is written as before


async def test_giving_everybody_the_new_index_keeps_the_others_out(
    services: Services, after: Services
) -> None:
    """They would not find who is under the new one alone."""
    await imported(services)
    await identity_index.reindex(after.clock, after.keys, actor=SYSTEM)
    with pytest.raises(OutsideFailure):
        await imported(services)
    assert await with_it(services, after) == 1


async def test_a_clock_that_goes_after_and_a_retired_key_stop_nobody(
    services: Services, after: Services, tmp_path: Path
) -> None:
    """Who knows every key may write under an older one: the others have committed, and are found."""
    async with in_transaction():
        assert await number_epoch.hold(after.keys) == 2
    folder = tmp_path / "keys"
    retire(folder, "index", 2, reason="私钥泄露", now=NOON)
    back = replace(services, keys=KeyFolder(folder, production=False))
    async with in_transaction():
        assert await number_epoch.hold(back.keys) == 1
    assert await IndexEpoch.get().values("epoch", "newest") == {"epoch": 1, "newest": 2}
    with pytest.raises(OutsideFailure):
        async with in_transaction():
            await number_epoch.hold(services.keys)
