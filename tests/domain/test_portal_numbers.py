"""The national portal's numbers beside ours (S94): reconciled by list, each doubt said, nothing half taken."""

from __future__ import annotations

import pytest

from server.domain import imports
from server.domain.actor import Actor
from server.domain.certificates import portal, verification
from server.domain.certificates.claims import number_of
from server.domain.certificates.portal import Pair
from server.domain.levels import Level
from server.domain.ports import Services
from server.errors import Forbidden, Refused
from server.models import AuditEntry, Certificate, ImportRun, LookupChange
from tests.kit import issuing, make
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.issuing import Cohort
from tests.kit.jobs import drained

pytestmark = pytest.mark.rule("S94")
AUDITOR = Actor("staff", 4, "审计员", "auditor")
STRANGE = number_of("26", "SPS", Level.PRIMARY, 99_999_999)


@pytest.fixture
async def numbers(services: Services) -> list[str]:
    """The numbers of an issued batch: 崔子涵, 买买提·吐尔逊, 欧阳慧敏, 王𠮷."""
    of: Cohort = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    return [c.number for c in await Certificate.filter(issuance_id=batch.id).order_by("number")]


async def held(numbers: list[str]) -> list[str]:
    return [(await Certificate.get(number=number)).portal_number for number in numbers]


def sheet(*lines: str, head: str = "证书编号,门户证书编号,姓名") -> bytes:
    return "\n".join([head, *lines]).encode()


async def take(
    s: Services, data: bytes, *, dry_run: bool = False
) -> tuple[imports.ImportView, list[tuple[int, str, str]]]:
    done = await imports.take(
        s, "portal", "门户.csv", data, wish=imports.Wish(dry_run=dry_run), actor=make.OPERATOR
    )
    errors = (await ImportRun.get(id=done.id)).errors or []
    return done, [(int(str(e["row"])), str(e["column"]), str(e["code"])) for e in errors]


async def test_a_list_is_taken_once_and_said_to_everybody(services: Services, numbers: list[str]) -> None:
    before = await LookupChange.all().count()
    pairs = [Pair(numbers[0], "P-1", "崔子涵"), Pair(numbers[1], "P-2", "买买提 吐尔逊")]
    first = await portal.record(services.clock, services.faults, pairs, actor=make.OPERATOR)
    assert (first.changes, first.unchanged, first.objections) == (
        {numbers[0]: ("", "P-1"), numbers[1]: ("", "P-2")},
        0,
        {},
    )
    assert await held(numbers) == ["P-1", "P-2", "", ""]
    trail = await AuditEntry.filter(action="certificate.portal").order_by("subject_id")
    assert [(e.subject_id, e.was, e.became) for e in trail] == [
        (numbers[0], {"portal_number": ""}, {"portal_number": "P-1"}),
        (numbers[1], {"portal_number": ""}, {"portal_number": "P-2"}),
    ]
    assert await LookupChange.all().count() == before + 1
    status = await verification.public_status(services.clock, numbers[0])
    assert status is not None and status.portal_number == "P-1"
    assert await portal.without_number() == 2

    again = await portal.record(services.clock, services.faults, pairs, actor=make.OPERATOR)
    assert (again.changes, again.unchanged, await LookupChange.all().count()) == ({}, 2, before + 1)
    with pytest.raises(Forbidden) as refused:
        await portal.record(services.clock, services.faults, pairs, actor=AUDITOR)
    assert refused.value.code == "role_not_allowed"


async def test_every_doubt_about_a_row_is_said_and_the_others_are_taken(
    services: Services, numbers: list[str]
) -> None:
    one, two, three, four = numbers
    await portal.record(services.clock, services.faults, [Pair(four, "P-4")], actor=make.OPERATOR)
    listed = [
        Pair(STRANGE, "P-9"),
        Pair(one, "P-1", "崔小涵"),
        Pair(two, "P-2"),
        Pair(two, "P-3"),
        Pair(three, "P-4"),
        Pair(four, "P-4", "王𠮷"),
    ]
    weighed = await portal.record(services.clock, services.faults, listed, actor=make.OPERATOR)
    assert {place: (why.field, why.code) for place, why in weighed.objections.items()} == {
        0: ("number", "number_unknown"),
        1: ("name", "name_differs"),
        2: ("portal_number", "number_twice"),
        3: ("portal_number", "number_twice"),
        4: ("portal_number", "portal_number_twice"),
        5: ("portal_number", "portal_number_twice"),
    }
    assert await held(numbers) == ["", "", "", "P-4"]
    taken = await portal.record(
        services.clock, services.faults, [Pair(three, "P-4"), Pair(one, "P-1")], actor=make.OPERATOR
    )
    assert {place: why.code for place, why in taken.objections.items()} == {0: "portal_number_taken"}
    assert await held(numbers) == ["P-1", "", "", "P-4"]


async def test_two_numbers_that_were_swapped_are_put_right(services: Services, numbers: list[str]) -> None:
    await portal.record(
        services.clock,
        services.faults,
        [Pair(numbers[0], "P-2"), Pair(numbers[1], "P-1")],
        actor=make.OPERATOR,
    )
    right = await portal.record(
        services.clock,
        services.faults,
        [Pair(numbers[0], "P-1"), Pair(numbers[1], "P-2")],
        actor=make.OPERATOR,
    )
    assert (len(right.changes), right.objections) == (2, {})
    assert await held(numbers[:2]) == ["P-1", "P-2"]


async def test_a_spreadsheet_is_examined_first_and_then_taken(services: Services, numbers: list[str]) -> None:
    data = sheet(
        f"{numbers[0].lower()},ＰT1,崔子涵",
        f"{numbers[1]},P-2,某某",
        f"{STRANGE},P-3,",
        "26SPS1,P-5,",
        f"{numbers[2]},,",
        f"{numbers[3]},{'9' * 61},",
    )
    refused = [
        (3, "姓名", "name_differs"),
        (4, "证书编号", "number_unknown"),
        (5, "证书编号", "number_form"),
        (6, "门户证书编号", "missing"),
        (7, "门户证书编号", "portal_number_form"),
    ]
    dry, errors = await take(services, data, dry_run=True)
    assert (dry.rows_taken, dry.rows_refused, errors) == (1, 5, refused)
    assert await held(numbers) == ["", "", "", ""]
    real, errors = await take(services, data)
    assert (real.rows_taken, real.rows_refused, errors) == (1, 5, refused)
    assert await held(numbers) == ["PT1", "", "", ""]
    again, _ = await take(services, sheet(f"{numbers[0]},PT1", head="证书编号,门户证书编号"))
    assert (again.rows_taken, again.rows_unchanged, again.rows_refused) == (0, 1, 0)


async def test_numbers_that_a_spreadsheet_rounded_are_refused(services: Services, numbers: list[str]) -> None:
    _, errors = await take(services, sheet(f"{numbers[0]},1.23E+17,"))
    assert errors == [(2, "门户证书编号", "number_rounded")]


@pytest.mark.parametrize(
    "place", ["portal.write: the numbers are written", "portal.record: before the commit"]
)
async def test_killed_half_way_nothing_is_half_taken(
    services: Services, numbers: list[str], place: str
) -> None:
    exchange(services, faults=KillerFaultInjector(place))
    with pytest.raises(Killed):
        await portal.record(services.clock, services.faults, [Pair(numbers[0], "P-1")], actor=make.OPERATOR)
    assert await held(numbers) == ["", "", "", ""]
    assert await AuditEntry.filter(action="certificate.portal").count() == 0


@pytest.mark.parametrize("text", ["", " ", "a\0b", "x" * 61, "=1+1"])
def test_a_portal_number_that_cannot_be_one(text: str) -> None:
    with pytest.raises(Refused) as refused:
        portal.their_number(text)
    assert refused.value.code == "portal_number_form"
