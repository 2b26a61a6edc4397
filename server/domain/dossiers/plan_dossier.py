"""One exam plan on one page, with the last look before its release: how it went, beside how earlier ones went."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.dossiers import plan_queries
from server.domain.dossiers.plan_queries import Row
from server.domain.exams.queries import ReleaseState, release_state
from server.domain.exams.release_states import ReleaseRequestState
from server.domain.exams.results import PASS_MARK, Result
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.ports import Clock
from server.domain.roles import Verb
from server.errors import NotFound

BANDS = 10  # of ten marks each
EARLIER = 5  # plans to compare with
SITES = 200
PASSING_BAND = int(PASS_MARK) // 10
MET = frozenset({Result.PASSED, Result.FAILED})  # who sat and has a result: a rate is among these


@dataclass(frozen=True, slots=True)
class Results:
    """How a level, or all of a plan, went."""

    counts: dict[Result, int] = field(default_factory=dict)

    def of(self, result: Result) -> int:
        return self.counts.get(result, 0)

    @property
    def registered(self) -> int:
        return sum(self.counts.values())

    @property
    def rate(self) -> float | None:
        """Per cent who passed among those who sat and have a result; None: nobody has."""
        met = sum(self.of(one) for one in MET)
        return 100 * self.of(Result.PASSED) / met if met else None


@dataclass(frozen=True, slots=True)
class Distribution:
    """How many had so many marks in one subject: ten bands of ten, the last with 100 in it."""

    subject: str
    bands: tuple[int, ...]

    @property
    def most(self) -> int:
        return max(self.bands)

    @property
    def people(self) -> int:
        return sum(self.bands)


@dataclass(frozen=True, slots=True)
class LevelDossier:
    """One level of the plan. `without_hours`: passed, but with fewer hours on record than S13 asks for."""

    level: Level
    results: Results
    distributions: tuple[Distribution, ...]
    without_hours: int


@dataclass(frozen=True, slots=True)
class EarlierPlan:
    """A plan before this one and its pass rate by level."""

    id: int
    name: str
    exam_date: date
    rates: dict[Level, float | None]


@dataclass(frozen=True, slots=True)
class SiteLine:
    """One site of the plan; `batch`: None before there is one."""

    school_id: int
    school: str
    level: Level
    registered: int
    passed: int
    pending: int
    issuance_id: int | None
    batch: BatchState | None


@dataclass(frozen=True, slots=True)
class RequestLine:
    """A release that somebody asked for. `at`: None is at once, when approved. `has_moved`: the figures are others by now."""

    id: int
    at: datetime | None
    state: ReleaseRequestState
    asked_by: str
    asked_at: datetime
    decided_by: str
    decided_at: datetime | None
    note: str
    has_moved: bool
    is_mine: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanDossier:
    id: int
    name: str
    exam_date: date
    certificate: str
    release_at: datetime | None
    state: ReleaseState
    announced_at: datetime | None
    requires_practice: bool
    results: Results
    levels: tuple[LevelDossier, ...]
    earlier: tuple[EarlierPlan, ...]
    sites: tuple[SiteLine, ...]
    requests: tuple[RequestLine, ...]

    @property
    def open_request(self) -> RequestLine | None:
        return next((one for one in self.requests if one.state is ReleaseRequestState.REQUESTED), None)


async def view(clock: Clock, plan_id: int, *, actor: Actor) -> PlanDossier:
    """Raises Forbidden("role_not_allowed") · NotFound("plan_unknown")."""
    roles.require(actor, Verb.SEE_PLANS)
    plan = await plan_queries.plan(plan_id)
    if plan is None:
        raise NotFound("plan_unknown", "没有这个考试计划，请刷新列表后重试。")
    before = await plan_queries.earlier(plan["kind_id"], plan["exam_date"], plan["id"], EARLIER)
    went = await _results([plan_id, *(one["id"] for one in before)])
    by_level = went[plan_id]
    total = Results({one: sum(each.of(one) for each in by_level.values()) for one in Result})
    return PlanDossier(
        id=plan["id"],
        name=plan["name"],
        exam_date=plan["exam_date"],
        certificate=plan["certificate"],
        release_at=plan["release_at"],
        state=release_state(plan["release_at"], clock.now()),
        announced_at=plan["announced_at"],
        requires_practice=plan["requires_practice"],
        results=total,
        levels=await _levels(plan_id, by_level),
        earlier=tuple(
            EarlierPlan(
                one["id"],
                one["name"],
                one["exam_date"],
                {level: results.rate for level, results in went[one["id"]].items()},
            )
            for one in before
        ),
        sites=tuple(_site(row) for row in await plan_queries.sites(plan_id, SITES)),
        requests=tuple(_request(row, total, actor) for row in await plan_queries.requests(plan_id)),
    )


async def _results(plans: list[int]) -> dict[int, dict[Level, Results]]:
    """Plan → level → how it went, the levels in their order."""
    counts: dict[tuple[int, Level], dict[Result, int]] = defaultdict(dict)
    for row in await plan_queries.results(plans):
        counts[row["plan_id"], Level(row["level"])][Result(row["outcome"])] = row["people"]
    return {
        plan: {level: Results(counts[plan, level]) for level in Level if (plan, level) in counts}
        for plan in plans
    }


async def _levels(plan_id: int, by_level: dict[Level, Results]) -> tuple[LevelDossier, ...]:
    bands: dict[Level, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0] * BANDS))
    for row in await plan_queries.marks(plan_id):
        bands[Level(row["level"])][row["subject"]][row["band"]] = row["people"]
    found = []
    for level, results in by_level.items():
        supervision, practice = level.hours
        lacking = 0
        if supervision or practice:
            lacking = await plan_queries.without_hours(plan_id, level.value, supervision, practice)
        drawn = tuple(Distribution(name, tuple(each)) for name, each in sorted(bands[level].items()))
        found.append(LevelDossier(level, results, drawn, lacking))
    return tuple(found)


def _site(row: Row) -> SiteLine:
    batch = BatchState(row["batch"]) if row["batch"] else None
    return SiteLine(**{**row, "level": Level(row["level"]), "batch": batch})


def _request(row: Row, total: Results, actor: Actor) -> RequestLine:
    seen = (row["registered"], row["passed"], row["pending"])
    now = (total.registered, total.of(Result.PASSED), total.of(Result.PENDING))
    return RequestLine(
        row["id"],
        row["at"],
        ReleaseRequestState(row["state"]),
        row["requested_by_name"],
        row["requested_at"],
        row["decided_by_name"],
        row["decided_at"],
        row["decision_note"],
        seen != now,
        row["requested_by"] == actor.id,
    )
