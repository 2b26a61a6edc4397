"""Every query of pages, scan steps, jobs and sweeps has a plan that does not grow with history.

The real functions are run over a small living batch in a database full of history; each statement they send is then
explained. Nothing is timed. And who writes to all people of the years needs the memory of a few.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from server.domain import freshness, idempotency, imports, lookups
from server.domain.actor import Actor
from server.domain.audit import audit_query
from server.domain.campaigns import (
    campaign_desk,
    campaign_views,
    delivery_history,
    delivery_list,
    delivery_queries,
    handling,
    persons_notices,
    rehearsal,
    slices,
    upkeep,
)
from server.domain.campaigns import (
    queries as campaign_queries,
)
from server.domain.campaigns.audience import Audience
from server.domain.campaigns.delivery_queries import Wanted
from server.domain.certificates import (
    certificate_search,
    downloads,
    log_completeness,
    portal,
    status_lists,
    verification,
)
from server.domain.corrections import case_views, completion, deciding, number_index
from server.domain.dossiers import (
    audit_subjects,
)
from server.domain.exams.queries import plans_listing
from server.domain.issuance import (
    announcements,
    batch_query,
    generation,
    organisation,
    preparing,
    queries,
    roster_access,
    scan_tickets,
)
from server.domain.issuance.states import BatchState
from server.domain.lookups import worklist
from server.domain.notices import asking, backlog, choices, overtaken, release_announcements, sender
from server.domain.operations import failed_jobs
from server.domain.paper import paper_views
from server.domain.people import officer_list, school_contacts
from server.domain.portal_lists import comparison, portal_differences
from server.domain.portal_lists.portal_differences import Wanted as PortalWanted
from server.domain.ports import Services, WeChatIdentity
from server.domain.public_log import inclusion, log_health, sequencer
from server.domain.wechat_chat import late_answers
from server.models import (
    Binding,
    Certificate,
    FeeOrder,
    Issuance,
    Plan,
    PortalDifference,
    PortalList,
    PortalRow,
    School,
    database,
)
from server.models.database import rows
from server.web.collecting import gathered
from server.web.service_metrics import COLLECTORS
from server.worker import JOBS_PATIENCE
from tests.kit import campaigning, correcting, issuing, make, printing
from tests.kit.databases import ReusedDatabase
from tests.kit.jobs import drained
from tests.large import dossier_paths, filled, filled_money, money_paths
from tests.large.plans import MOST_ROWS, listening, poor_plans

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # filling the years takes most of it
MOST_BYTES = 4_000_000  # 300,000 people would be a hundred times that
LONG = {
    "log_entry",
    "candidate",
    "registration",
    "score",
    "certificate",
    "audit_entry",
    "binding",
    "delivery",
}
LONG_MONEY = {
    "fee",
    "fee_order",
    "fee_order_line",
    "fee_refund",
    "ledger_posting",
    "ledger_entry",
    "pay_inbox",
}
COUNTED = "plans"  # counts every registration of every plan shown, by an index alone
ME = make.ISSUER_STAFF
HOLDER = WeChatIdentity("oa", "oTheHolder")


@pytest.fixture(scope="module")
def db_url(postgres_url: str) -> Iterator[str]:
    """A database of this file alone: the years in it are made once."""
    years = ReusedDatabase(postgres_url, name="years")
    yield years.take()
    years.drop()


@pytest.fixture
async def history(db: str) -> str:
    """Years of people and of money are there. The database's URL."""
    if not await School.filter(id=filled.FIRST).exists():
        await filled.fill(db, (await make.kind()).id)
    return db


async def test_no_hot_path_grows_with_history(
    history: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    of = await issuing.cohort(s)
    clerk = Actor("staff", 9, "院校", role="school", school_id=of.school.id)
    holder = await of.registrations[0].candidate
    await Binding.create(account="oa", openid=HOLDER.openid, candidate=holder, bound_at=s.clock.now())
    with listening(monkeypatch) as spy:
        spy.part = "preparing"
        await preparing.prepare(s, of.plan.id, actor=ME)
        batch = await Issuance.get(plan_id=of.plan.id)
        spy.part = "sign"
        await organisation.org_sign(s, batch.id, actor=ME)
        spy.part = "scan"
        shown = await scan_tickets.show(s, batch.id, actor=ME)
        await scan_tickets.look(s, shown.token, identity=of.identity)
        await scan_tickets.confirm(s, shown.token, issuing.PIN, identity=of.identity)
        spy.part = "hand-over and generation"
        await organisation.hand_over(s, batch.id, actor=ME)
        await drained(s)
        spy.part = "pages of batches"
        for actor in (ME, clerk):
            await queries.view(s, batch.id, actor=actor)
            await roster_access.people(s, batch.id, actor=actor)
            await batch_query.listing(s.clock, actor=actor)
            await batch_query.listing(
                s.clock,
                wanted=batch_query.Wanted(state="issued", level="primary", school="学院"),
                actor=actor,
            )
            await batch_query.listing(s.clock, wanted=batch_query.Wanted(plan_id=of.plan.id), actor=actor)
            await batch_query.totals(s.clock, batch_query.Wanted(plan_id=of.plan.id), actor=actor)
            await worklist.batches(s.clock, actor)
            await worklist.oldest(s.clock, actor, list(BatchState))
        await roster_access.roll(s.clock, s.keys, batch.id, given_as="print", actor=ME)
        await roster_access.canonical_list(s.clock, batch.id, actor=ME)
        first = await Certificate.filter(issuance_id=batch.id).order_by("number").first()
        assert first is not None
        spy.part = "certificates"
        for query in (
            {"number": first.number},
            {"number": first.number[:10]},
            {"name": "崔子涵"},
            {},
            {"state": "revoked"},
            {"plan_id": of.plan.id, "level": "primary"},
            {"school": of.school.name},
        ):
            for actor in (ME, clerk):
                asked = certificate_search.Wanted(**query)
                await certificate_search.listing(s.clock, asked, actor=actor)
                await certificate_search.total(s.clock, asked, actor=actor)
        for sort in certificate_search.SORTS:
            await certificate_search.listing(s.clock, sort=sort, actor=ME)
        await portal.without_number()
        await downloads.pdf(s.clock, s.file_store, first.number, actor=clerk)
        spy.part = "verification"
        await verification.find(s, first.number, "崔子涵", address="a")
        await verification.read_code(s, first.code, address="a")
        for purpose in status_lists.ENDING:
            await status_lists.signed_list(s, purpose, 0)
            await status_lists.signed_list(s, purpose, 1)
        spy.part = "look-ups"
        await lookups.results(s, HOLDER)
        await lookups.certificates(s, HOLDER)
        assert [one.name for one in await school_contacts.of_identity(HOLDER)] == [of.school.name]
        await dossier_paths.walk(s, spy, of, clerk)
        spy.part = "corrections"
        case = await correcting.asked(s, of, name="龙文", id_number=make.id_number(4321))
        await deciding.approve(s, case.id, id_number=make.id_number(4321), actor=correcting.APPROVER)
        await correcting.reissued(s, of, case)
        for actor in (correcting.ASKER, clerk):
            await case_views.listing(s.keys, actor=actor)
            await case_views.listing(s.keys, state="done", actor=actor)
            await case_views.view(s.keys, case.id, actor=actor)
        await case_views.waiting(actor=correcting.APPROVER)
        await completion.sweep(s)
        await number_index.reindex(s.keys)
        spy.part = "paper"
        await paper_views.waiting(s.clock, actor=ME)
        run = await printing.sent(s, batch.id)
        await paper_views.late(s.clock, actor=ME)
        for actor in (ME, clerk):
            await paper_views.listing(s.clock, actor=actor)
            await paper_views.listing(s.clock, state="sent", actor=actor)
            await paper_views.view(s.clock, run.id, actor=actor)
            await paper_views.sheets(run.id, actor=actor)
            await paper_views.of_batch(s.clock, batch.id, actor=actor)
        spy.part = "plans"
        await plans_listing(s.clock)
        await worklist.unreleased_plans()
        await worklist.poor_imports(s.clock)
        spy.part = "audit"
        boss = Actor("staff", 2, "审计", role="auditor")
        for wanted in (
            audit_query.Wanted(),
            audit_query.Wanted(action="history.7"),
            audit_query.Wanted(action="issuance.hand_over"),
            audit_query.Wanted(actor_name="王签发"),
            audit_query.Wanted(actor_kind="staff", actor_id=1),
            audit_query.Wanted(subject_kind="issuance", subject_id=str(batch.id)),
            audit_query.Wanted(subjects=await audit_subjects.meant(first.number, actor=boss)),
        ):
            await audit_query.listing(wanted, actor=boss)
            await audit_query.total(wanted, actor=boss)
        spy.part = "officers"
        await officer_list.listing(s.clock, s.keys, actor=ME)
        await officer_list.listing(s.clock, s.keys, actor=clerk)
        spy.part = "campaigns"
        campaign = await campaigning.running(s, of.plan, audience=Audience(plans=(of.plan.id,)))
        await slices.send(s)
        await campaign_views.page(s.settings, s.clock, actor=campaigning.WRITER)
        await campaign_views.audience(s.clock, campaign.id, actor=campaigning.WRITER)
        await campaign_views.listed(actor=campaigning.WRITER)
        await campaign_desk.waiting(actor=campaigning.WRITER)
        day = s.clock.now().replace(hour=0, minute=0)
        for sought in (
            Wanted(),
            Wanted(campaign_id=campaign.id),
            Wanted(campaign_id=campaign.id, state="accepted"),
            Wanted(candidate_id=holder.id),
            Wanted(people=[holder.id]),
            Wanted(state="unknown"),
            Wanted(topic="fee_paid"),
            Wanted(since=day, until=day + timedelta(days=1)),
        ):
            await delivery_list.page(sought, actor=campaigning.WRITER)
            await delivery_queries.following(sought, after=0, most=100)
        await delivery_history.of_candidate(s, holder.id, actor=campaigning.WRITER)
        await handling.retry_failed(s.clock, s.queue, campaign.id, actor=campaigning.WRITER)
        await handling.cancel(s.clock, s.queue, campaign.id, actor=campaigning.WRITER)
        await upkeep.clear(s, campaign.id)
        spy.part = "notices on the phone"
        who = Actor("candidate", holder.id, "考生", address="127.0.0.1", request_id="test")
        for wants in (False, True):
            await choices.choose(s.clock, holder.id, "fees", wants=wants, actor=who)
            await persons_notices.shown(s.clock, holder.id)
            await persons_notices.left_to_see(s.clock, holder.id, "/h5/results")
        await asking.worth_asking(s.settings, HOLDER, ["results_released", "certificate_issued"])
        await backlog.backlog(s.clock)
        await overtaken.stop(s.clock.now(), ["fee_due:1", "fee_due:2"], "已经缴费")
        spy.part = "the public log"
        await log_completeness.sweep(s)
        await sequencer.run(s)
        await log_health.look(s)
        assert await inclusion.find(s.file_store, s.keys, first.code)
        spy.part = "what operators see"
        await gathered(s, COLLECTORS)
        await failed_jobs.newest(s, actor=replace(ME, role="admin"))
        spy.part = "sweeps"
        await upkeep.sweep(s)
        await release_announcements.sweep(s)
        await generation.sweep(s)
        await announcements.sweep(s)
        await sender.sweep(s)
        await idempotency.sweep(s)
        await imports.sweep(s)
        await freshness.sweep(s)
        await late_answers.sweep(s)
        spy.part = ""
    assert len(spy.sent) > 100
    poor = await poor_plans(
        history, spy, long=LONG, counted=lambda part, _: "registration_outcome" if part == COUNTED else ""
    )
    assert poor == {}, json.dumps(poor, ensure_ascii=False, indent=1)


async def test_no_path_of_money_grows_with_the_years(
    history: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(monkeypatch) as spy:
        await money_paths.walk(services, spy)
    assert len(spy.sent) > 100
    assert await FeeOrder.all().count() > filled_money.ORDERS
    poor = await poor_plans(history, spy, long=LONG_MONEY, counted=money_paths.counted)
    assert poor == {}, json.dumps(poor, ensure_ascii=False, indent=1)


@pytest.mark.rule("C3")
async def test_an_audience_of_years_is_frozen_in_flat_memory(history: str, services: Services) -> None:
    """One statement counts it and one writes it down, without its people passing through here."""
    plans = tuple(range(filled.FIRST, filled.FIRST + filled.PLANS))
    campaign = await campaigning.written(
        services, await Plan.get(id=plans[0]), audience=Audience(plans=plans)
    )
    tracemalloc.start()
    try:
        shown = await campaign_views.audience(services.clock, campaign.id, actor=campaigning.WRITER)
        [preview] = await rehearsal.preview(services.clock, campaign.id, actor=campaigning.WRITER)
        await database.close()
        await database.connect(history, patience=database.UNHURRIED)  # as a job, which takes its time
        await handling.submit(services, campaign.id, actor=campaigning.WRITER)
        await upkeep.freeze(services, campaign.id)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert preview.lines
    assert [one.why_not for one in shown.without_way] == ["没有绑定微信"] * 10  # far behind the first of all
    assert (shown.people, shown.reachable) == (filled.CANDIDATES, filled.BOUND)
    assert await campaign_queries.ends(campaign.id) == {
        "pending": filled.BOUND,
        "no_way": filled.CANDIDATES - filled.BOUND,
    }
    again = await campaigning.again(campaign)
    assert (again.people, again.reachable) == (filled.CANDIDATES, filled.BOUND)
    assert peak < MOST_BYTES


@pytest.mark.rule("S94")
async def test_the_portals_list_of_years_is_compared_in_one_statement(
    history: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three ways over 150,000 certificates: each table read once, no row looked up by itself, and it adds up."""
    s = services
    of = await PortalList.create(
        taken_at=s.clock.now(), taken_by_name="李考务", rows=filled.CERTIFICATES - 1_000
    )
    await rows(
        "INSERT INTO portal_row (list_id, number, portal_number, name, level)"
        " SELECT $1, number, portal_number, CASE WHEN id % 1000 = 0 THEN '别人' ELSE '历年考生' END, 'primary'"
        " FROM certificate WHERE id >= 900000 ORDER BY id OFFSET 1000",
        of.id,
    )
    await rows(
        "INSERT INTO portal_row (list_id, number, portal_number, name, level) VALUES ($1, 'X', 'P', '', '')",
        of.id,
    )
    await rows("ANALYZE portal_row")
    await database.close()
    await database.connect(history, patience=JOBS_PATIENCE)
    with listening(monkeypatch) as spy:
        spy.part = "portal"
        await comparison.compare(s)
        spy.part = ""
    sums = await portal_differences.sums(actor=make.OPERATOR)
    assert sums is not None
    assert (sums.kept, sums.theirs_only, sums.ours_only) == (filled.CERTIFICATES - 999, 1, 1_000)
    assert sums.kept == sums.same + sums.differs + sums.theirs_only
    assert sums.ours == sums.listed + sums.ours_only + sums.uncompared
    assert sums.differs == 149
    [(_, compared, given)] = [one for one in spy.sent.values() if "INSERT INTO portal_difference" in one[1]]
    link = await database.line(history)
    try:
        told = await link.fetchval(f"EXPLAIN (FORMAT JSON) {compared}", *given)
    finally:
        await link.close()
    assert "Nested Loop" not in big_joins(json.loads(told)[0]["Plan"])
    await portal_differences.listing(PortalWanted(), actor=make.OPERATOR)
    await PortalDifference.all().delete()
    await PortalRow.all().delete()
    await PortalList.all().delete()


def big_joins(plan: dict[str, Any]) -> set[str]:
    """How two tables of which both are long are joined."""
    below = plan.get("Plans", [])
    long = [one for one in below if one.get("Plan Rows", 0) > MOST_ROWS]
    kinds = {plan["Node Type"]} if len(long) > 1 else set()
    return kinds.union(*(big_joins(one) for one in below))
