"""Every query of pages, scan steps, jobs and sweeps has a plan that does not grow with history.

The real functions are run over a small living batch in a database full of history; each statement they send is then
explained. Nothing is timed.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import pytest
from tortoise.backends.asyncpg.client import AsyncpgDBClient

from server.domain import freshness, idempotency, imports, lookups
from server.domain.actor import Actor
from server.domain.audit import audit_query
from server.domain.campaigns import campaign_views, delivery_list, handling, slices, upkeep
from server.domain.campaigns.audience import Audience
from server.domain.certificates import certificate_search, downloads, portal, verification
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
from server.domain.notices import release_announcements, sender
from server.domain.people import officer_list
from server.domain.ports import Services, WeChatIdentity
from server.domain.wechat_chat import late_answers
from server.models import Binding, Certificate, Issuance
from tests.kit import campaigning, issuing, make
from tests.kit.jobs import drained
from tests.large import filled

pytestmark = pytest.mark.slow
MOST_ROWS = 20_000  # that a plan may expect to read of a long table
EXPLAINED = ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")
ME = make.ISSUER_STAFF
HOLDER = WeChatIdentity("oa", "oTheHolder")


class Spy:
    """Remembers what is sent to the database, and by which part of the test."""

    def __init__(self) -> None:
        self.part = ""
        self.sent: dict[str, tuple[str, list[Any]]] = {}

    def heard(self, query: str, values: list[Any] | None) -> None:
        if self.part and query.lstrip().upper().startswith(EXPLAINED):
            self.sent.setdefault(query, (self.part, list(values or [])))


@contextmanager
def listening(monkeypatch: pytest.MonkeyPatch) -> Iterator[Spy]:
    spy = Spy()
    for name in ("execute_query", "execute_query_dict", "execute_insert"):
        genuine: Callable[..., Awaitable[Any]] = getattr(AsyncpgDBClient, name)

        async def heard(self: Any, query: str, values: Any = None, *, _genuine: Any = genuine) -> Any:
            spy.heard(query, values)
            return await _genuine(self, query, values)

        monkeypatch.setattr(AsyncpgDBClient, name, heard)
    yield spy


PASSES_ON = frozenset(
    {"Limit", "Nested Loop", "LockRows", "Result", "Append"}
)  # what asks for one row after another
COMMON = 1_000  # so many fit among 300,000: the first page of them is found soon
PARTIAL: set[str] = set()  # indexes with a WHERE; read from the database
COUNTED = "plans"  # counts every registration of every plan shown, by an index alone


def poor_nodes(plan: dict[str, Any], long: set[str], *, is_limited: bool = False) -> list[str]:
    """What in this plan grows with history: a long table read from end to end, or a great part of it.

    An index read in its order under a LIMIT ends after some rows, unless most of what it finds is filtered away. A
    partial index holds no history.
    """
    found = []
    kind, relation, rows = plan["Node Type"], plan.get("Relation Name"), plan.get("Plan Rows", 0)
    is_limited = kind == "Limit" or (is_limited and kind in PASSES_ON) or (is_limited and "Scan" in kind)
    if relation in long and kind != "ModifyTable":
        is_searched = "Index Cond" in plan or kind == "Bitmap Heap Scan" or plan.get("Index Name") in PARTIAL
        ends_soon = is_limited and rows >= COMMON
        if kind == "Seq Scan" or ("Filter" in plan and not is_searched and not ends_soon):
            found.append(f"{kind} on {relation} from end to end")
        elif rows > MOST_ROWS and not is_limited:
            found.append(f"{kind} on {relation}, {rows} rows")
    for below in plan.get("Plans", []):
        found += poor_nodes(below, long, is_limited=is_limited)
    return found


async def test_no_hot_path_grows_with_history(
    db: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    await filled.fill(db, (await make.kind()).id)
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
        ):
            for actor in (ME, clerk):
                await certificate_search.listing(s.clock, certificate_search.Wanted(**query), actor=actor)  # type: ignore[arg-type]  # text each
        await portal.without_number()
        await downloads.pdf(s.clock, s.file_store, first.number, actor=clerk)
        spy.part = "verification"
        await verification.find(s, first.number, "崔子涵", address="a")
        await verification.read_code(s, first.code, address="a")
        spy.part = "look-ups"
        await lookups.results(s, HOLDER)
        await lookups.certificates(s, HOLDER)
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
        ):
            await audit_query.listing(wanted, after=0, limit=50, actor=boss)
        spy.part = "officers"
        await officer_list.listing(s.clock, s.keys, cursor=None, limit=50, actor=ME)
        await officer_list.listing(s.clock, s.keys, cursor=None, limit=50, actor=clerk)
        spy.part = "campaigns"
        campaign = await campaigning.running(s, of.plan, audience=Audience(plans=(of.plan.id,)))
        await slices.send(s)
        await campaign_views.page(s.settings, s.clock, actor=campaigning.WRITER)
        await campaign_views.audience(s.clock, campaign.id, actor=campaigning.WRITER)
        for sought in (
            delivery_list.Wanted(),
            delivery_list.Wanted(campaign_id=campaign.id, state="accepted"),
            delivery_list.Wanted(candidate_id=holder.id),
        ):
            await delivery_list.page(sought, actor=campaigning.WRITER)
        await handling.retry_failed(s.clock, s.queue, campaign.id, actor=campaigning.WRITER)
        await handling.cancel(s.clock, s.queue, campaign.id, actor=campaigning.WRITER)
        await upkeep.clear(s, campaign.id)
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
    link = await asyncpg.connect(db)
    try:
        long = await filled.big_tables(link)
        assert {"candidate", "registration", "score", "certificate", "audit_entry", "binding"} <= long
        PARTIAL.update(await filled.partial_indexes(link))
        poor: dict[str, Any] = {}
        for statement, (part, given) in spy.sent.items():
            [plan] = json.loads(await link.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", *given))
            found = poor_nodes(plan["Plan"], long)
            if part == COUNTED:
                found = [one for one in found if "registration_outcome" not in str(plan)]
            if found:
                poor[f"{part}: {' '.join(statement.split())[:300]}"] = found
    finally:
        await link.close()
    assert poor == {}, json.dumps(poor, ensure_ascii=False, indent=1)
