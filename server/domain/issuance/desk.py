"""The organisation's verbs on a batch: prepare, sign, withdraw, revise, hand over (S85, S88)."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain import audit, beijing
from server.domain.audit import Actor
from server.domain.issuance import generation, lists, numbering, receipts
from server.domain.issuance.life import VERBS, advance, locked, require, tell_state
from server.domain.issuance.overview import is_second_person, listing, view
from server.domain.issuance.sight import is_out
from server.domain.issuance.states import BY_NAME, Facts, State, moved_on
from server.domain.people import backers, roles
from server.domain.people.roles import Verb
from server.domain.ports import Services
from server.errors import Conflict, NotFound, Refused
from server.records import Issuance, Plan, Receipt, Site
from server.records.database import rows

__all__ = ["VERBS", "hand_over", "listing", "org_sign", "prepare", "refresh", "revise", "view", "withdraw"]

_SITES = """
SELECT DISTINCT r.site_id FROM registration r WHERE r.plan_id = $1 AND r.outcome = 'passed' ORDER BY r.site_id
"""


async def prepare(s: Services, plan_id: int, *, actor: Actor) -> list[int]:
    """Make the plan's batches: one for each site with people who passed and have no certificate yet.

    Safe to repeat: a batch still in 待签发 is brought up to date, later states are left alone. Whoever passes after
    a site's batch has been issued comes into a further batch of that site.

    Returns: the ids of all batches of the plan, oldest first.

    Raises:
        Forbidden("role_not_allowed") · NotFound("plan_not_found") ·
        Refused("nothing_to_prepare"): nobody passed, or all who passed are held back.
    """
    roles.require(actor, Verb.PREPARE)
    if not await Plan.filter(id=plan_id).exists():
        raise NotFound("plan_not_found", "没有找到这个考试计划，请刷新列表后重试。")
    for row in await rows(_SITES, plan_id):
        await _prepare_site(s, plan_id, row["site_id"], actor=actor)
        await s.faults.reach("desk.prepare: a site is prepared")
    made = await Issuance.filter(plan_id=plan_id).order_by("id").values_list("id", flat=True)
    if not made:
        raise Refused("nothing_to_prepare", "这个计划还没有可以发证的考生，请先导入成绩并核对实践学时。")
    return [int(str(one)) for one in made]


async def _prepare_site(s: Services, plan_id: int, site_id: int, *, actor: Actor) -> None:
    async with in_transaction():
        # Two at once would make two batches: the plan's row lets them in one after the other.
        await rows("SELECT id FROM plan WHERE id = $1 FOR NO KEY UPDATE", plan_id)
        issuance = (
            await Issuance.filter(plan_id=plan_id, site_id=site_id)
            .exclude(state=State.ISSUED.value)
            .select_for_update()
            .first()
        )
        if issuance is None:
            issuance = await _begin(s, plan_id, site_id, actor=actor)
        if issuance is None or State(issuance.state) is not State.PREPARED:
            return
        await s.faults.reach("desk.prepare: before the numbers")
        await numbering.refresh(s, issuance, actor=actor)
        await s.faults.reach("desk.prepare: before the commit")


async def _begin(s: Services, plan_id: int, site_id: int, *, actor: Actor) -> Issuance | None:
    """A new batch in 待签发, unless nobody at this site could be in it."""
    draft = Issuance(id=0, plan_id=plan_id, site_id=site_id)
    _, entries, _ = await lists.drawn_up(s, draft)
    if not entries:
        return None
    issuance = await Issuance.create(plan_id=plan_id, site_id=site_id, created_at=s.clock.now())
    await s.faults.reach("desk.prepare: the batch is begun")
    became = {"state": issuance.state, "revision": 1, "plan_id": plan_id, "site_id": site_id}
    await audit.record(s.clock, actor, "issuance.prepare", "issuance", issuance.id, became=became)
    return issuance


async def refresh(s: Services, issuance_id: int, *, actor: Actor) -> numbering.Refreshed:
    """Bring the list of a batch in 待签发 up to date. Raises Conflict("already_moved") in any other state."""
    roles.require(actor, Verb.PREPARE)
    async with in_transaction():
        issuance = await locked(issuance_id)
        if State(issuance.state) is not State.PREPARED:
            raise moved_on(BY_NAME["org_sign"], State(issuance.state))
        return await numbering.refresh(s, issuance, actor=actor)


async def org_sign(s: Services, issuance_id: int, *, actor: Actor) -> State:
    """签发 by the organisation; the state moves to 考核站点待签发 by itself (S85).

    The list is recomputed first. If it differs from what staff saw, it is stored anew and they are told; nothing is
    signed unseen.

    Raises:
        Conflict("list_refreshed"): look at the list again, then sign. And as `advance` says.
    """
    require(actor, BY_NAME["org_sign"])
    async with in_transaction():
        issuance = await locked(issuance_id)
        await _require_uninvolved(issuance, actor)
        changed = None
        if State(issuance.state) is State.PREPARED:
            changed = await numbering.refresh(s, issuance, actor=actor)
        if changed is None or not changed.is_changed:
            await s.faults.reach("desk.org_sign: before the step")
            facts = Facts(
                count=issuance.count, list_is_current=True, results_released=await is_out(s, issuance)
            )
            now = {"org_signed_at": s.clock.now(), "org_signed_by": actor.id, "return_reason": ""}
            await advance(
                s,
                issuance,
                "org_sign",
                facts,
                actor=actor,
                changes=now,
                became={"list_sha256": bytes(issuance.list_sha256 or b"").hex(), "count": issuance.count},
            )
            await s.faults.reach("desk.org_sign: before the commit")
    await s.faults.reach("desk.org_sign: after the commit")
    if changed is not None and changed.is_changed:
        raise Conflict(
            "list_refreshed",
            f"名单与上次显示时不同，已按最新数据更新（新增{len(changed.added)}人次，"
            f"作废编号{len(changed.voided)}个）。请核对名单后再签发。",
        )
    await tell_state(s, issuance)
    return State(issuance.state)


async def _require_uninvolved(issuance: Issuance, actor: Actor) -> None:
    """Nobody issues alone: who stands behind the school's officers signs nothing. Raises Forbidden("officer_backer")."""
    site = await Site.get(id=issuance.site_id)
    await backers.require_uninvolved(site.school_id, actor=actor)


async def withdraw(s: Services, issuance_id: int, *, actor: Actor) -> State:
    """Take a batch back before the school signs: 待签发 again, revision + 1, the list from today's data."""
    return await _again(s, issuance_id, "withdraw", actor=actor)


async def revise(s: Services, issuance_id: int, *, actor: Actor) -> State:
    """Prepare a returned batch again: revision + 1, the list from today's data."""
    return await _again(s, issuance_id, "revise", actor=actor)


async def _again(s: Services, issuance_id: int, name: str, *, actor: Actor) -> State:
    require(actor, BY_NAME[name])
    async with in_transaction():
        issuance = await locked(issuance_id)
        await advance(
            s,
            issuance,
            name,
            Facts(),
            actor=actor,
            changes={"org_signed_at": None, "org_signed_by": None},
        )
        await s.faults.reach(f"desk.{name}: before the list")
        await numbering.refresh(s, issuance, actor=actor)
        await s.faults.reach(f"desk.{name}: before the commit")
    await s.faults.reach(f"desk.{name}: after the commit")
    await tell_state(s, issuance)
    return State(issuance.state)


async def hand_over(s: Services, issuance_id: int, *, actor: Actor) -> State:
    """发放 (S88): the Beijing day joins every line, and the certificates are made in jobs of ≤ 50.

    The stored lines have to be those of the officer's signed receipt. Where the setting asks for two people, it is not
    the one who signed for the organisation.
    """
    require(actor, BY_NAME["hand_over"])
    async with in_transaction():
        issuance = await locked(issuance_id)
        await _require_uninvolved(issuance, actor)
        certificates = await lists.reserved(issuance.id)
        facts = Facts(
            results_released=await is_out(s, issuance),
            is_second_person=is_second_person(s, issuance, actor),
            list_is_signed=await _is_signed(s, issuance, lists.stored_digest(certificates)),
        )
        now = s.clock.now()
        await advance(
            s,
            issuance,
            "hand_over",
            facts,
            actor=actor,
            changes={"handed_over_at": now, "issued_on": beijing.day(now)},
            became={"issued_on": beijing.day(now).isoformat(), "count": len(certificates)},
        )
        await s.faults.reach("desk.hand_over: before the jobs")
        ids = [certificate.id for certificate in certificates]
        for part in generation.slices(ids):
            await generation.put_slice(s, issuance.id, part)
            await s.faults.reach("desk.hand_over: a job is put")
        await s.faults.reach("desk.hand_over: before the commit")
    await s.faults.reach("desk.hand_over: after the commit")
    await tell_state(s, issuance)
    return State(issuance.state)


async def _is_signed(s: Services, issuance: Issuance, digest: bytes) -> bool:
    """Whether this digest is what the officer's receipt of this revision says, the receipt being genuine."""
    if State(issuance.state) is not State.SCHOOL_SIGNED:
        return False
    receipt = await Receipt.filter(issuance_id=issuance.id).order_by("-id").first()
    if receipt is None:
        return False
    said = receipts.verify(s.keys, bytes(receipt.document))
    return (said.action, said.issuance, said.revision, said.list_sha256) == (
        "confirm_scan",
        issuance.id,
        issuance.revision,
        digest.hex(),
    )
