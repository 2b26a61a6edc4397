"""The preparations of a plan's batches as rows: how far one is, which sites are left, what was left out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates.claims import canonical
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import Preparation
from server.models.database import rows

# Sites with somebody to be listed, or whose list may have to follow today's data. A batch that is with its school, or
# after it, is left alone.
_SITES = """
SELECT DISTINCT r.site_id, t.name FROM registration r JOIN site t ON t.id = r.site_id
WHERE r.plan_id = $1 AND r.outcome = 'passed' AND r.site_id > $2
  AND NOT EXISTS (SELECT 1 FROM issuance i WHERE i.plan_id = $1 AND i.site_id = r.site_id
                  AND i.corrects_id IS NULL AND i.state NOT IN ('prepared', 'issued'))
  AND (NOT EXISTS (SELECT 1 FROM certificate x WHERE x.registration_id = r.id AND x.state <> 'void')
       OR EXISTS (SELECT 1 FROM issuance i WHERE i.plan_id = $1 AND i.site_id = r.site_id AND i.state = 'prepared'
                  AND i.corrects_id IS NULL))
UNION
SELECT i.site_id, t.name FROM issuance i JOIN site t ON t.id = i.site_id
WHERE i.plan_id = $1 AND i.state = 'prepared' AND i.corrects_id IS NULL AND i.site_id > $2
ORDER BY site_id
"""
_PLAN = "SELECT id FROM plan WHERE id = $1 FOR NO KEY UPDATE"
_PAST = """
UPDATE preparation SET after_site = $2, sites_done = sites_done + 1, tries = 0, touched_at = $3
WHERE id = $1 AND after_site < $2 AND finished_at IS NULL RETURNING id
"""
_NOTED = """
UPDATE preparation SET refusals = refusals || $2::text::jsonb WHERE id = $1 RETURNING id
"""
_TRIED = "UPDATE preparation SET tries = tries + 1 WHERE id = $1 RETURNING tries"
_MADE = "UPDATE preparation SET made = made + 1 WHERE id = $1 RETURNING id"
_UPDATED = "UPDATE preparation SET updated = updated + 1 WHERE id = $1 RETURNING id"


@dataclass(frozen=True, slots=True)
class SiteToPrepare:
    """A site that a preparation has before it."""

    site_id: int
    name: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A site without a batch and why; kept as JSON in the preparation's row."""

    site_id: int
    site: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class PreparationView:
    """How far a preparation is. `made` are new batches, `updated` those whose list changed."""

    id: int
    plan_id: int
    sites_total: int
    sites_done: int
    made: int
    updated: int
    refusals: tuple[LeftOut, ...]
    created_at: datetime
    finished_at: datetime | None  # None: it is still under way


async def view(preparation_id: int, *, actor: Actor) -> PreparationView:
    """How far a preparation is. Raises Forbidden("role_not_allowed") · NotFound("preparation_not_found")."""
    roles.require(actor, Verb.PREPARE)
    preparation = await Preparation.get_or_none(id=preparation_id)
    if preparation is None:
        raise NotFound("preparation_not_found", "没有找到这次批次准备，请刷新列表后重试。")
    return _view(preparation)


async def latest(plan_id: int, *, actor: Actor) -> PreparationView | None:
    """The plan's last preparation. Raises Forbidden("role_not_allowed")."""
    roles.require(actor, Verb.PREPARE)
    preparation = await Preparation.filter(plan_id=plan_id).order_by("-id").first()
    return _view(preparation) if preparation is not None else None


def _view(preparation: Preparation) -> PreparationView:
    return PreparationView(
        id=preparation.id,
        plan_id=preparation.plan_id,
        sites_total=max(preparation.sites_total, preparation.sites_done),
        sites_done=preparation.sites_done,
        made=preparation.made,
        updated=preparation.updated,
        refusals=left_out(preparation),
        created_at=preparation.created_at,
        finished_at=preparation.finished_at,
    )


def left_out(preparation: Preparation) -> tuple[LeftOut, ...]:
    """The sites that it left out, as its row keeps them."""
    return tuple(
        LeftOut(int(str(one["site_id"])), str(one["site"]), str(one["code"]), str(one["message"]))
        for one in preparation.refusals
    )


async def sites(plan_id: int, *, after: int = 0) -> list[SiteToPrepare]:
    """The plan's sites that have to be looked at, in the order of their ids; those behind a mark alone."""
    return [SiteToPrepare(**row) for row in await rows(_SITES, plan_id, after)]


async def lock_plan(plan_id: int) -> None:
    """Hold the plan's row until the caller's transaction ends."""
    await rows(_PLAN, plan_id)


async def move_past(preparation_id: int, site_id: int, at: datetime) -> bool:
    """Move the mark past a site, in the caller's transaction. False: another process was here, or it is finished."""
    return bool(await rows(_PAST, preparation_id, site_id, at))


async def tried(preparation_id: int) -> int:
    """Count one more try at the next site. Returns how many that are."""
    [row] = await rows(_TRIED, preparation_id)
    return int(row["tries"])


async def note(preparation_id: int, site: LeftOut) -> None:
    """Keep why a site is left out."""
    await rows(_NOTED, preparation_id, canonical([asdict(site)]).decode())


async def count_batch(preparation_id: int, *, is_new: bool) -> None:
    """One more batch that was made, or whose list changed."""
    await rows(_MADE if is_new else _UPDATED, preparation_id)
