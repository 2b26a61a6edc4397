"""The console's lists: on and back in any order without losing or doubling a row, chips, totals, tables to take away."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest
from sanic import Sanic

from server.domain.actor import SYSTEM
from server.domain.audit import audit_query
from server.domain.certificates import certificate_search
from server.domain.dossiers import audit_subjects, candidate_finding, candidate_list
from server.domain.issuance import batch_query
from server.domain.issuance.queries import BatchSummary
from server.domain.levels import Level
from server.domain.lookups import list_exports
from server.domain.paging import Turn, turn
from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role
from server.models import AuditEntry, Certificate, Issuance
from tests.kit import issuing, make
from tests.kit.console_desk import code, seated
from tests.kit.fakes import FakeClock
from tests.kit.jobs import drained
from tests.kit.refusals import code_of

App = Sanic[Any, Any]


async def several(s: Services, count: int = 5) -> list[int]:
    """Batches of different sizes; two of one size."""
    sizes = [7, 3, 7, 1, 9][:count]
    made = [await issuing.prepared(s, await issuing.cohort(s, names=("崔子涵",))) for _ in sizes]
    for batch, size in zip(made, sizes, strict=True):
        await Issuance.filter(id=batch.id).update(count=size)
    return [batch.id for batch in made]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("-id", [4, 3, 2, 1, 0]),
        ("id", [0, 1, 2, 3, 4]),
        ("-count", [4, 2, 0, 1, 3]),
        ("count", [3, 1, 0, 2, 4]),
    ],
)
async def test_every_order_is_walked_on_and_back(services: Services, sort: str, order: list[int]) -> None:
    made = await several(services)
    wanted = [made[one] for one in order]
    seen, cursor, pages = [], None, []
    while True:
        page = await turn(Issuance.all(), Turn(sort, cursor, limit=2))
        pages.append(page)
        seen += [one.id for one in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert seen == wanted and pages[0].before is None
    back: list[int] = []
    before = pages[-1].before
    while before is not None:
        page = await turn(Issuance.all(), Turn(sort, before=before, limit=2))
        back = [one.id for one in page.items] + back
        before = page.before
    assert back == wanted[:-1]


@pytest.mark.parametrize(
    ("sort", "cursor"),
    [
        ("-id", "3~4"),
        ("-id", "x"),
        ("count", "4"),
        ("count", "~4"),
        ("count", "9" * 40 + "~1"),
        ("count", "x~1"),
        ("-count", "1.5~1"),
        ("count", f"{2**31}~1"),
    ],
)
async def test_a_cursor_of_another_order_is_refused(services: Services, sort: str, cursor: str) -> None:
    assert await code_of(turn(Issuance.all(), Turn(sort, cursor))) == "cursor_unknown"


async def test_the_next_batch_that_waits(app: App, services: Services) -> None:
    made = await several(services, 3)
    who = await seated(app, services, Role.ISSUER)
    page = (await who.page(f"/console/issuances/{made[0]}")).text
    assert f'href="/console/issuances/next?state=prepared&amp;after={made[0]}"' in page
    for after, place in ((0, 0), (made[0], 1), (made[2], 0)):
        answer = await who.page(f"/console/issuances/next?state=prepared&after={after}")
        assert (answer.status, answer.headers["location"]) == (303, f"/console/issuances/{made[place]}")
    nothing = await who.page("/console/issuances/next?state=returned")
    assert nothing.headers["location"] == "/console/issuances?state=returned"


async def test_chips_say_what_narrows_the_list_and_take_it_away(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.prepared(services, of)
    who = await seated(app, services, Role.ADMIN)
    path = f"/console/issuances?plan_id={of.plan.id}&level=primary&sort=-count"
    page = (await who.page(path)).text
    assert f"考试计划：{of.plan.name}，去掉这项筛选" in page and "等级：初级，去掉这项筛选" in page
    assert f'href="/console/issuances?plan_id={of.plan.id}&amp;sort=-count"' in page  # without the level
    assert '<a href="' in page and "共 1 个批次，4 人" in page
    for address in ("/console/certificates", "/console/people", "/console/audit", "/console/issuances"):
        text = (await who.page(address)).text
        assert "正在筛选" not in text and "导出表格" in text, address


async def test_dates_narrow_batches_down(services: Services, clock: FakeClock) -> None:
    await several(services, 1)
    for since, until, count in ((None, None, 1), (clock.now(), None, 1), (None, clock.now(), 0)):
        wanted = batch_query.Wanted(since=since, until=until)
        found = await batch_query.listing(clock, wanted, actor=make.ISSUER_STAFF)
        totals = await batch_query.totals(clock, wanted, actor=make.ISSUER_STAFF)
        assert (len(found.items), totals.batches) == (count, count)


async def test_certificates_are_found_by_more_than_their_number(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    day = (await Issuance.get()).issued_on
    for wanted, count in (
        ({"name": "子涵"}, 1), ({"name": "涵子"}, 0), ({"plan_id": of.plan.id}, 4), ({"level": "advanced"}, 0),
        ({"school": of.school.name[1:]}, 4), ({"issued_from": day, "issued_to": day}, 4), ({"issued_to": None}, 4),
    ):  # fmt: skip
        asked = certificate_search.Wanted(**wanted)
        found = await certificate_search.listing(clock, asked, actor=make.ISSUER_STAFF)
        total = await certificate_search.total(clock, asked, actor=make.ISSUER_STAFF)
        assert (len(found.items), total) == (count, count), wanted
    common = certificate_search.listing(clock, certificate_search.Wanted(name="崔"), actor=make.ISSUER_STAFF)
    assert len((await common).items) == 1


async def test_of_too_many_of_one_name_certificates_are_not_looked_through(
    services: Services, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    monkeypatch.setattr(certificate_search, "NAMED", 2)
    for _ in range(2):
        await make.candidate(services, "崔子涵")
    wanted = certificate_search.Wanted(name="崔")
    for call in (certificate_search.listing, certificate_search.total):
        assert await code_of(call(clock, wanted, actor=make.ISSUER_STAFF)) == "name_common"
    own = make.school_account(of.school)  # how many there are elsewhere is nothing to a school
    assert len((await certificate_search.listing(clock, wanted, actor=own)).items) == 1


async def test_a_school_lists_its_own_candidates(services: Services) -> None:
    of = await issuing.cohort(services)
    await make.candidate(services, "别校生")
    elsewhere = await make.candidate(services, "外校考生")
    await make.registration(services, elsewhere, on=of.plan, at=of.site)
    own, s = make.school_account(of.school), services
    names = [one.name for one in (await candidate_list.listing(s, candidate_list.Wanted(), actor=own)).items]
    assert names == ["外校考生", "何未过", "王𠮷", "欧阳慧敏", "买买提·吐尔逊", "崔子涵"]
    for wanted, count in (
        (candidate_list.Wanted(plan_id=of.plan.id), 6), (candidate_list.Wanted(level="advanced"), 0),
        (candidate_list.Wanted(school=of.school.name), 5), (candidate_list.Wanted(), 7),
    ):  # fmt: skip
        assert len((await candidate_list.listing(s, wanted, actor=make.OPERATOR)).items) == count
        assert await candidate_list.total(wanted, actor=make.OPERATOR) == count
    first = await candidate_list.listing(s, candidate_list.Wanted(), limit=4, actor=own)
    rest = await candidate_list.listing(
        s, candidate_list.Wanted(), cursor=first.next_cursor, limit=4, actor=own
    )
    back = await candidate_list.listing(s, candidate_list.Wanted(), before=rest.before, limit=4, actor=own)
    assert [len(one.items) for one in (first, rest, back)] == [4, 2, 4] and back.items == first.items


async def test_where_else_its_candidate_registered_a_school_does_not_read(services: Services) -> None:
    s, of = services, await issuing.cohort(services)
    own = make.school_account(of.school)
    candidate = await of.registrations[0].candidate
    elsewhere = await make.plan("别处的考试")
    await make.registration(s, candidate, on=elsewhere, at=await make.site(level=Level.ADVANCED))
    for actor, plan, count in ((make.OPERATOR, elsewhere.name, 1), (own, of.plan.name, 0)):
        everybody = await candidate_list.listing(s, candidate_list.Wanted(), actor=actor)
        found = await candidate_finding.find(s, candidate.name, actor=actor)
        assert [one.plan for one in everybody.items if one.id == candidate.id] == [plan]
        assert [one.plan for one in found.items if one.id == candidate.id] == [plan]
        for wanted in (
            candidate_list.Wanted(plan_id=elsewhere.id),
            candidate_list.Wanted(level="advanced"),
            candidate_list.Wanted(plan_id=elsewhere.id, level="advanced"),
        ):
            assert len((await candidate_list.listing(s, wanted, actor=actor)).items) == count
            assert await candidate_list.total(wanted, actor=actor) == count


@pytest.mark.parametrize("name", ["issuances", "certificates", "candidates", "audit"])
async def test_a_list_is_taken_away_by_who_may_and_is_on_record(
    app: App, services: Services, name: str
) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    path = "/people/export.xlsx" if name == "candidates" else f"/{name}/export.xlsx"
    for role in Role:
        who = await seated(app, services, role, school=of.school if role is Role.SCHOOL else None)
        answer = await who("GET", path)
        if list_exports.LISTS[name] not in PERMISSIONS[role]:
            assert code(answer) == (403, "role_not_allowed")
            continue
        about, sheet = openpyxl.load_workbook(io.BytesIO(answer.body)).worksheets
        rows = list(sheet.values)
        said = {str(row[0]): row[1] for row in list(about.values)[1:]}
        assert (said["这个文件里的行数"], said["没有导出的行数"]) == (len(rows) - 1, 0) and len(rows) > 1
        begun = await AuditEntry.filter(action="list.export").order_by("-id").first()
        ended = await AuditEntry.filter(action="list.export_end").order_by("-id").first()
        assert begun is not None and begun.became == {"filters": []} and begun.actor_name == "王敏"
        assert ended is not None and ended.became == {"rows": len(rows) - 1, "filters": []}
        number = services.keys.decrypt(
            bytes((await of.registrations[0].candidate).id_sealed), about="candidate.id_number"
        )
        assert number not in str(rows)


def taking(s: Services, *, limit: int = 1) -> list_exports.Taking[BatchSummary]:
    async def written(items: Sequence[BatchSummary]) -> list[list[str | int | None]]:
        return [[one.id] for one in items]

    return list_exports.Taking(
        what="issuances", filters=["state"], written=written, title="签发批次", head={"批次": 8},
        read=lambda cursor: batch_query.listing(s.clock, cursor=cursor, limit=limit, actor=make.ADMIN),
    )  # fmt: skip


async def test_a_list_longer_than_a_sheet_says_what_is_not_in_the_file(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await several(services, 5)
    whole = {one.id for one in await Issuance.all()}
    for most, limit in ((3, 2), (100, 2), (100, 1)):
        monkeypatch.setattr(list_exports, "MOST_ROWS", most)
        made = list_exports.pieces(
            services.clock, services.workbook_writer, taking(services, limit=limit), actor=make.ADMIN
        )
        data = b"".join([piece async for piece in made])
        about, sheet = openpyxl.load_workbook(io.BytesIO(data)).worksheets
        ids = [row[0] for row in list(sheet.values)[1:]]
        said = {str(row[0]): row[1] for row in list(about.values)[1:]}
        kept = min(most, len(whole))
        assert len(ids) == len(set(ids)) == said["这个文件里的行数"] == kept and set(ids) <= whole
        assert said["没有导出的行数"] == len(whole) - kept
        assert ("分几次导出" in str(said["怎样补齐"])) == (kept < len(whole))


async def test_an_export_that_is_broken_off_is_on_record_without_an_end(services: Services) -> None:
    await several(services, 3)
    made = list_exports.pieces(services.clock, services.workbook_writer, taking(services), actor=make.ADMIN)
    await anext(made)
    await made.aclose()  # type: ignore[attr-defined]  # a generator
    actions = [one.action for one in await AuditEntry.filter(action__startswith="list.")]
    assert actions == ["list.export"]
    refused = list_exports.pieces(
        services.clock,
        services.workbook_writer,
        taking(services),
        actor=make.school_account(await make.school()),
    )
    await anext(refused)  # a school takes its own
    nobody = list_exports.pieces(services.clock, services.workbook_writer, taking(services), actor=SYSTEM)
    assert await code_of(anext(nobody)) == "role_not_allowed"


async def test_the_trail_is_searched_by_number_and_names_its_subjects(app: App, services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    certificate = (await Certificate.filter(issuance_id=batch.id).order_by("id"))[0]
    who = await seated(app, services, Role.ADMIN)
    await who("POST", f"/certificates/{certificate.number}/revoke", {"reason": "登记错误"})
    for number, subject in (
        (certificate.number, ("certificate", certificate.number)),
        (f"第{batch.id}批", ("issuance", str(batch.id))),
        (of.registrations[0].admission_number, ("registration", str(of.registrations[0].id))),
    ):
        assert subject in await audit_subjects.meant(number, actor=make.ADMIN)
    page = (await who.page(f"/console/audit?number={certificate.number}")).text
    assert "撤销证书" in page and f'href="/console/certificates/{certificate.number}"' in page
    page = (await who.page(f"/console/audit?number={batch.id}")).text
    assert f"第 {batch.id} 批（{of.school.name}）" in page and "评价组织签发" in page
    assert "没有这个编号" in (await who.page("/console/audit?number=abc")).text
    assert code(await who("GET", "/audit?number=abc")) == (422, "invalid")
    names = await audit_subjects.named([("candidate", str(certificate.candidate_id))], actor=make.ADMIN)
    assert list(names.values()) == ["崔**"]
    total = await audit_query.total(audit_query.Wanted(), actor=make.ADMIN)
    assert total == await AuditEntry.all().count()
