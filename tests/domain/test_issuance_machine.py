"""Whatever people do in whatever order, a batch is where the table of steps says, and its trail tells how it came there."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from server.domain.issuance import organisation, preparing, roster, roster_query, scan_tickets
from server.domain.issuance.states import BY_NAME, BatchState
from server.domain.ports import Services
from server.errors import Refused
from server.models import AuditEntry, Candidate, Certificate, Issuance, Receipt
from tests.kit import issuing, make
from tests.kit.issuing import PIN, Cohort
from tests.kit.jobs import drained

ME = make.ISSUER_STAFF
_names = itertools.count(0x4E00)


@dataclass
class Model:
    """What should be so: a handful of words, no database."""

    state: BatchState = BatchState.PREPARED
    revision: int = 1
    is_changed: bool = False  # today's data differ from the stored list
    shown: list[int] = field(default_factory=list)  # the revision of each QR, oldest first
    spent: int | None = None  # which QR was signed with
    returned: int | None = None  # which QR was returned with, last
    path: list[str] = field(default_factory=list)

    def step(self, name: str) -> None:
        step = BY_NAME[name]
        assert self.state is step.source
        self.state, self.revision = step.target, self.revision + step.adds_revision
        self.path.append(name)


@dataclass
class World:
    s: Services
    of: Cohort
    batch: int
    model: Model = field(default_factory=Model)
    tokens: list[str] = field(default_factory=list)

    async def prepare(self) -> bool:
        await preparing.prepare(self.s, self.of.plan.id, actor=ME)
        if self.model.state is BatchState.PREPARED:
            self.model.is_changed = False
        return True

    async def rename(self) -> bool:
        who = self.of.registrations[0].candidate_id
        await Candidate.filter(id=who).update(name=f"新{chr(next(_names))}")
        self.model.is_changed = True
        return True

    async def org_sign(self) -> bool:
        expected = self.model.state is BatchState.PREPARED and not self.model.is_changed
        if self.model.state is BatchState.PREPARED:
            self.model.is_changed = False  # refused, but brought up to date
        if expected:
            self.model.step("org_sign")
        await organisation.org_sign(self.s, self.batch, actor=ME)
        return expected

    async def withdraw(self) -> bool:
        return await self._back("withdraw")

    async def revise(self) -> bool:
        return await self._back("revise")

    async def _back(self, name: str) -> bool:
        expected = self.model.state is BY_NAME[name].source
        if expected:
            self.model.step(name)
            self.model.is_changed = False
        await getattr(organisation, name)(self.s, self.batch, actor=ME)
        return expected

    async def show(self) -> bool:
        expected = self.model.state is BatchState.SITE_PENDING and not self.model.is_changed
        if expected:
            self.model.shown.append(self.model.revision)
        shown = await scan_tickets.show(self.s, self.batch, actor=ME)
        self.tokens.append(shown.token)
        return expected

    async def confirm_newest(self) -> bool:
        return await self._confirm(len(self.tokens) - 1)

    async def confirm_oldest(self) -> bool:
        return await self._confirm(0 if self.tokens else -1)

    async def _confirm(self, which: int) -> bool:
        if which < 0:
            return True
        m = self.model
        is_living = which == len(m.shown) - 1 and m.shown[which] == m.revision and m.spent is None
        fresh = is_living and m.state is BatchState.SITE_PENDING and not m.is_changed
        expected = fresh or m.spent == which
        if fresh:
            m.step("confirm_scan")
            m.spent = which
        await scan_tickets.confirm(self.s, self.tokens[which], PIN, identity=self.of.identity)
        return expected

    async def return_newest(self) -> bool:
        m = self.model
        if not self.tokens or m.spent is not None:
            return True
        newest = len(m.shown) - 1
        fresh = m.state is BatchState.SITE_PENDING and m.shown[-1] == m.revision
        if fresh:
            m.step("school_return")
            m.returned = newest
        await scan_tickets.return_batch(self.s, self.tokens[-1], PIN, "有误", identity=self.of.identity)
        return fresh or m.returned == newest

    async def hand_over(self) -> bool:
        expected = self.model.state is BatchState.SCHOOL_SIGNED
        if expected:
            self.model.step("hand_over")
        await organisation.hand_over(self.s, self.batch, actor=ME)
        return expected

    async def work(self) -> bool:
        await drained(self.s)
        if self.model.state is BatchState.GENERATING:
            self.model.step("complete")
        return True


ACTS: dict[str, Callable[[World], Awaitable[bool]]] = {
    act.__name__: act
    for act in (
        World.prepare,
        World.rename,
        World.org_sign,
        World.withdraw,
        World.revise,
        World.show,
        World.confirm_newest,
        World.confirm_oldest,
        World.return_newest,
        World.hand_over,
        World.work,
    )
}
FORWARD = ["org_sign", "show", "confirm_newest", "hand_over", "work"]
acts = st.lists(st.sampled_from([*ACTS, *FORWARD, *FORWARD]), max_size=16)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts)
@example(["org_sign", "show", "return_newest", "return_newest", "confirm_newest", "revise", "return_newest"])
@example([*FORWARD, "confirm_newest", "confirm_oldest", "withdraw", "prepare"])
@example(["org_sign", "show", "rename", "confirm_newest", "show", "withdraw", *FORWARD, "confirm_oldest"])
async def test_any_order_of_acts_follows_the_table(services: Services, names: list[str]) -> None:
    of = await issuing.cohort(services, names=("甲", "乙"))
    world = World(services, of, (await issuing.prepared(services, of)).id)
    for name in names:
        try:
            done = await ACTS[name](world)
        except Refused:
            done = False
        else:
            assert done, f"{name} was allowed"
        batch = await Issuance.get(id=world.batch)
        assert (BatchState(batch.state), batch.revision) == (world.model.state, world.model.revision), name
    await told(world)


async def told(world: World) -> None:
    """The trail is the model's path; the stored list is the stored digest; receipts are those of the officer's acts."""
    actions = [f"issuance.{name}" for name in BY_NAME]
    trail = AuditEntry.filter(subject_kind="issuance", subject_id=str(world.batch), action__in=actions)
    walked = await trail.order_by("id").values_list("action", flat=True)
    assert [str(one).removeprefix("issuance.") for one in walked] == world.model.path
    batch = await Issuance.get(id=world.batch)
    assert roster.stored_digest(await roster_query.reserved(world.batch)) == bytes(batch.list_sha256 or b"")
    listed = Certificate.filter(issuance_id=world.batch).exclude(state="void")
    assert await listed.count() == batch.count == 2
    acts_of_officer = [name for name in world.model.path if name in ("confirm_scan", "school_return")]
    assert await Receipt.filter(issuance_id=world.batch).count() == len(acts_of_officer)
