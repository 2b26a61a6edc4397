"""The national portal's list against our certificates (S22, S92, S94): three ways, settled, gone by itself, sums that add up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from server.domain import imports
from server.domain.certificates import revocation
from server.domain.certificates.claims import number_of
from server.domain.certificates.portal import Pair
from server.domain.levels import Level
from server.domain.portal_lists import comparison, keeping, portal_differences
from server.domain.portal_lists.portal_differences import PortalDifferenceView, PortalSums, Wanted
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import AuditEntry, Certificate, PortalDifference, PortalList, PortalRow
from tests.kit import issuing, make
from tests.kit.crashes import arm
from tests.kit.fakes import FakeClock, Killed
from tests.kit.jobs import drained

pytestmark = pytest.mark.rule("S94")
STRANGE = number_of("26", "SPS", Level.PRIMARY, 99_999_999)
HEAD = "证书编号,门户证书编号,姓名,证件号码,证书等级,发证日期"


@pytest.fixture
async def numbers(services: Services) -> list[str]:
    """The numbers of an issued batch: 崔子涵, 买买提·吐尔逊, 欧阳慧敏, 王𠮷."""
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    return [c.number for c in await Certificate.filter(issuance_id=batch.id).order_by("number")]


async def brought(s: Services, *lines: str, head: str = HEAD, dry_run: bool = False) -> None:
    data = "\n".join([head, *lines]).encode()
    await imports.take(s, "portal", "门户.csv", data, wish=imports.Wish(dry_run=dry_run), actor=make.OPERATOR)
    await drained(s)


async def found(only_open: bool = True) -> list[PortalDifferenceView]:
    page = await portal_differences.listing(Wanted(only_open=only_open), actor=make.OPERATOR)
    return sorted(page.items, key=lambda one: (one.kind, one.number))


async def told(only_open: bool = True) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    return [
        (one.kind, one.number, [(each.label, each.ours, each.theirs) for each in one.fields])
        for one in await found(only_open)
    ]


async def sums() -> PortalSums:
    of = await portal_differences.sums(actor=make.OPERATOR)
    assert of is not None
    assert of.kept == of.same + of.differs + of.theirs_only == await PortalRow.all().count()
    assert of.ours == of.listed + of.ours_only + of.uncompared
    return of


@pytest.mark.rule("S22")
async def test_a_list_is_compared_three_ways_and_adds_up(services: Services, numbers: list[str]) -> None:
    s = services
    one = await Certificate.get(number=numbers[0]).prefetch_related("candidate", "issuance")
    sealed = s.keys.decrypt(bytes(one.candidate.id_sealed), about="candidate.id_number")
    day = one.issuance.issued_on
    await brought(
        s,
        f"{numbers[0]},P-1,崔子涵,{sealed},初级,{day}",
        f"{numbers[1]},P-2,买买提 吐尔逊,{make.id_number(77)},中级,2020-01-01",
        f"{numbers[2]},P-3,欧阳敏慧,,,",
        f"{STRANGE},P-9,张三,,,",
    )
    assert await told() == [
        (
            "differs",
            numbers[1],
            [("证件号码", "", ""), ("等级", "初级", "中级"), ("发证日期", str(day), "2020-01-01")],
        ),
        ("differs", numbers[2], [("门户证书编号", "", "P-3"), ("姓名", "欧阳慧敏", "欧阳敏慧")]),
        ("ours_only", numbers[3], []),
        ("theirs_only", STRANGE, []),
    ]
    of = await sums()
    assert (of.kept, of.same, of.differs, of.theirs_only) == (4, 1, 2, 1)
    assert (of.ours, of.listed, of.ours_only, of.uncompared) == (4, 3, 1, 0)
    assert sealed.encode() not in repr(await PortalRow.all().values()).encode()
    assert await portal_differences.waiting(actor=make.OPERATOR) == 4
    [plan] = await portal_differences.plans(actor=make.OPERATOR)
    assert plan.open == 3
    of_plan = Wanted(plan_id=plan.id, kind="differs")
    first = await portal_differences.listing(of_plan, size=1, actor=make.OPERATOR)
    rest = await portal_differences.listing(
        of_plan, after=int(first.next_cursor or 0), size=1, actor=make.OPERATOR
    )
    assert {first.items[0].number, rest.items[0].number} == {numbers[1], numbers[2]}
    assert rest.next_cursor is None


async def test_a_plan_of_which_no_list_has_anything_is_not_compared(
    services: Services, numbers: list[str]
) -> None:
    await brought(services, f"{STRANGE},P-9,,,,")
    assert [kind for kind, _, _ in await told()] == ["theirs_only"]
    of = await sums()
    assert (of.ours, of.ours_only, of.uncompared) == (4, 0, 4)


async def test_what_we_revoked_and_the_portal_still_lists_differs(
    services: Services, numbers: list[str]
) -> None:
    s = services
    await revocation.revoke(s.clock, s.faults, numbers[0], "冒名", actor=make.ISSUER_STAFF)
    await brought(s, f"{numbers[0]},P-1", f"{numbers[1]},P-2", head="证书编号,门户证书编号")
    assert (await told())[0] == ("differs", numbers[0], [("状态", "已撤销", "在门户清单里")])
    of = await sums()
    assert (of.same, of.differs, of.ours, of.listed, of.ours_only) == (1, 1, 3, 1, 2)


async def test_settled_stays_settled_until_it_differs_otherwise(
    services: Services, numbers: list[str], clock: FakeClock
) -> None:
    s = services
    lines = [f"{number},P-{at},,,," for at, number in enumerate(numbers)]
    wrong = [f"{numbers[0]},P-0,崔子寒,,,", *lines[1:]]
    await brought(s, *wrong)
    [one] = await found()
    for _ in range(2):  # the same note again changes nothing
        await portal_differences.settle(s.clock, s.faults, one.id, "已请门户改正", actor=make.OPERATOR)
    assert await AuditEntry.filter(action="portal_difference.settle").count() == 1
    with pytest.raises(Conflict) as moved:
        await portal_differences.settle(s.clock, s.faults, one.id, "别的说法", actor=make.ADMIN)
    assert moved.value.code == "difference_settled"
    clock.forward(days=1)
    await brought(s, *wrong)
    await comparison.compare(s)
    assert await found() == []
    kept = await PortalDifference.get(id=one.id)
    assert (kept.note, kept.settled_by_name) == ("已请门户改正", make.OPERATOR.name)
    assert kept.settled_at is not None and kept.settled_at < s.clock.now() - timedelta(hours=1)
    await brought(s, f"{numbers[0]},P-0,崔子函,,,")
    assert [each for _, _, each in await told()] == [
        [("门户证书编号", "", "P-0"), ("姓名", "崔子涵", "崔子函")]
    ]
    await brought(s, *lines)
    assert await found() == []
    kept = await PortalDifference.get(id=one.id)
    assert (kept.settled_by, kept.settled_by_name, kept.note) == (None, "系统", comparison.AGREES)
    assert (await sums()).same == 4
    assert await PortalList.all().count() == 4


async def test_what_the_portal_said_before_of_the_same_gives_way(
    services: Services, numbers: list[str]
) -> None:
    s = services
    await brought(s, f"{STRANGE},P-1,,,,")
    await brought(s, f"{numbers[0]},P-1,,,,", f"{numbers[1]},P-2,,,,")  # the portal mended our number
    await brought(s, f"{numbers[1]},P-8,,,,")  # and gave another of its own
    kept = await PortalRow.all().order_by("number").values_list("number", "portal_number")
    assert [tuple(one) for one in kept] == [(numbers[0], "P-1"), (numbers[1], "P-8")]
    assert {kind for kind, _, _ in await told()} == {"ours_only"}


async def test_a_check_keeps_nothing_and_a_short_list_is_kept_too(
    services: Services, numbers: list[str]
) -> None:
    s = services
    await brought(s, f"{numbers[0]},P-1,,,,", dry_run=True)
    assert await PortalList.all().count() == 0 and await portal_differences.sums(actor=make.OPERATOR) is None
    await keeping.record(s, [Pair(numbers[0], "P-1"), Pair(numbers[1], "P-2", "张三")], actor=make.OPERATOR)
    await drained(s)
    assert (await told())[0][2] == [
        ("门户证书编号", "", "P-2"),
        ("姓名", "买买提·吐尔逊", "张三"),
    ]


async def test_poor_settlings_are_refused(services: Services, numbers: list[str]) -> None:
    s = services
    await brought(s, f"{STRANGE},P-9,,,,")
    [one] = await found()
    with pytest.raises(Invalid) as short:
        await portal_differences.settle(s.clock, s.faults, one.id, "短", actor=make.OPERATOR)
    assert [error.code for error in short.value.errors] == ["note_length"]
    with pytest.raises(NotFound) as missing:
        await portal_differences.settle(s.clock, s.faults, one.id + 1, "已请门户改正", actor=make.OPERATOR)
    assert missing.value.code == "difference_unknown"
    for verb in (
        portal_differences.settle(s.clock, s.faults, one.id, "已请门户改正", actor=make.ISSUER_STAFF),
        portal_differences.waiting(actor=make.ISSUER_STAFF),
        portal_differences.plans(actor=make.ISSUER_STAFF),
        portal_differences.sums(actor=make.ISSUER_STAFF),
        portal_differences.listing(Wanted(), actor=make.ISSUER_STAFF),
        portal_differences.compare_again(s.queue, actor=make.ISSUER_STAFF),
    ):
        with pytest.raises(Forbidden):
            await verb
    assert len(await found()) == 1


PLACES = (
    "portal_lists.keep: the rows are kept",
    "portal_lists.record: before the commit",
    "portal_lists.record: after the commit",
    "portal_lists.compare: the differences are written",
    "portal_lists.compare: before the commit",
    "portal_lists.compare: after the commit",
)


@pytest.mark.parametrize("place", PLACES)
async def test_a_list_is_whole_or_never_was(services: Services, numbers: list[str], place: str) -> None:
    s = services
    pairs = [Pair(numbers[0], "P-1"), Pair(STRANGE, "P-9")]
    arm(s, place)
    with pytest.raises(Killed):
        await keeping.record(s, pairs, actor=make.OPERATOR)
        await comparison.compare(s)
    arm(s)
    was = "record: before" not in place and "keep" not in place
    assert await PortalRow.all().count() == (2 if was else 0)
    assert await PortalDifference.all().count() == (4 if place.endswith("compare: after the commit") else 0)
    await keeping.record(s, pairs, actor=make.OPERATOR)
    await comparison.compare(s)
    assert [kind for kind, _, _ in await told()] == ["ours_only"] * 3 + ["theirs_only"]
