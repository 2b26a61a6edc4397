"""Every page of issuing, certificates, people and notices, scan step, job and sweep, over a small living batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

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
    slices,
    upkeep,
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
from server.domain.ports import Services, WeChatIdentity
from server.domain.public_log import inclusion, log_health, sequencer
from server.domain.wechat_chat import late_answers
from server.models import (
    Binding,
    Certificate,
    Issuance,
)
from server.web.collecting import gathered
from server.web.service_metrics import COLLECTORS
from tests.kit import campaigning, correcting, issuing, make, printing
from tests.kit.jobs import drained
from tests.large import dossier_paths
from tests.large.plans import Spy

ME = make.ISSUER_STAFF
HOLDER = WeChatIdentity("oa", "oTheHolder")


async def walk(s: Services, spy: Spy) -> None:
    of = await issuing.cohort(s)
    clerk = Actor("staff", 9, "院校", role="school", school_id=of.school.id)
    holder = await of.registrations[0].candidate
    await Binding.create(account="oa", openid=HOLDER.openid, candidate=holder, bound_at=s.clock.now())
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
