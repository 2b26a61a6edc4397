"""The organisation's verbs on a batch: sign, withdraw, revise, hand over (S85, S88); `preparing` makes batches."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.fault_points import transaction
from server.domain.issuance import facts, generation, numbering
from server.domain.issuance.states import BY_NAME, BatchState, list_is_current, moved_on
from server.domain.issuance.transitions import advance, locked, require, tell_state
from server.domain.people import conflicts
from server.domain.ports import Services
from server.domain.roles import Verb
from server.errors import Conflict
from server.models import Issuance, Site


async def refresh(s: Services, issuance_id: int, *, actor: Actor) -> numbering.Refreshed:
    """Bring the list of a batch in 待签发 up to date. Raises Conflict("already_moved") in any other state."""
    roles.require(actor, Verb.PREPARE)
    async with in_transaction():
        issuance = await locked(issuance_id)
        if BatchState(issuance.state) is not BatchState.PREPARED:
            raise moved_on(BY_NAME["org_sign"], BatchState(issuance.state))
        return await numbering.refresh(s, issuance, actor=actor)


async def org_sign(s: Services, issuance_id: int, *, seen: str | None = None, actor: Actor) -> BatchState:
    """签发 by the organisation; the state moves to 考核站点待签发 by itself (S85).

    The list is recomputed first. If it differs from the stored one or from what this signer saw, who may have looked
    before somebody else brought it up to date, nothing is signed and they are told.

    Args:
        seen: the hexadecimal list_sha256 that the signer was shown; None: whatever list is stored.

    Raises:
        Conflict("list_refreshed"): look at the list again, then sign. And as `advance` says.
    """
    step = BY_NAME["org_sign"]
    require(actor, step)
    unseen = None
    async with transaction(s.faults, "desk.org_sign"):
        issuance = await locked(issuance_id)
        await _require_uninvolved(issuance, actor)
        changed = None
        if BatchState(issuance.state) is step.source:
            changed = await numbering.refresh(s, issuance, actor=actor)
        is_current = changed is not None and not changed.is_changed and seen in (None, changed.digest.hex())
        known = await facts.of_staff(s.settings, s.clock, issuance, actor=actor, list_is_current=is_current)
        if changed is not None and step.refusal(known, only=(list_is_current,)):
            unseen = changed  # the new list is kept: the transaction ends well, and nothing is signed
        else:
            await s.faults.reach("desk.org_sign: before the step")
            await advance(
                s,
                issuance,
                "org_sign",
                known,
                actor=actor,
                changes={"org_signed_at": s.clock.now(), "org_signed_by": actor.id, "return_reason": ""},
                became={"list_sha256": bytes(issuance.list_sha256 or b"").hex(), "count": issuance.count},
            )
    if unseen is not None:
        raise _unseen(unseen)
    await tell_state(s.event_bus, issuance)
    return BatchState(issuance.state)


def _unseen(changed: numbering.Refreshed) -> Conflict:
    if not changed.is_changed:
        return Conflict("list_refreshed", "名单在您打开页面以后更新过。请刷新页面，核对名单后再签发。")
    return Conflict(
        "list_refreshed",
        f"名单与上次显示时不同，已按最新数据更新（新增{len(changed.added)}人次，"
        f"作废编号{len(changed.voided)}个）。请核对名单后再签发。",
    )


async def _require_uninvolved(issuance: Issuance, actor: Actor) -> None:
    """Nobody issues alone: who stands behind the school's officers signs nothing. Raises Forbidden("officer_backer")."""
    site = await Site.get(id=issuance.site_id)
    await conflicts.require_uninvolved(site.school_id, actor=actor)


async def withdraw(s: Services, issuance_id: int, *, actor: Actor) -> BatchState:
    """Take a batch back before the school signs: 待签发 again, revision + 1, the list from today's data."""
    return await _again(s, issuance_id, "withdraw", actor=actor)


async def revise(s: Services, issuance_id: int, *, actor: Actor) -> BatchState:
    """Prepare a returned batch again: revision + 1, the list from today's data."""
    return await _again(s, issuance_id, "revise", actor=actor)


async def _again(s: Services, issuance_id: int, name: str, *, actor: Actor) -> BatchState:
    require(actor, BY_NAME[name])
    async with transaction(s.faults, f"desk.{name}"):
        issuance = await locked(issuance_id)
        await advance(
            s,
            issuance,
            name,
            await facts.of_staff(s.settings, s.clock, issuance, actor=actor),
            actor=actor,
            changes={"org_signed_at": None, "org_signed_by": None},
        )
        await s.faults.reach(f"desk.{name}: before the list")
        await numbering.refresh(s, issuance, actor=actor)
    await tell_state(s.event_bus, issuance)
    return BatchState(issuance.state)


async def hand_over(s: Services, issuance_id: int, *, actor: Actor) -> BatchState:
    """发放 (S88): the Beijing day joins every line, and the certificates are made in jobs of ≤ 50.

    The stored lines have to be those of the officer's signed receipt. Where the setting asks for two people, it is not
    the one who signed for the organisation.
    """
    require(actor, BY_NAME["hand_over"])
    async with transaction(s.faults, "desk.hand_over"):
        issuance = await locked(issuance_id)
        await _require_uninvolved(issuance, actor)
        known, ids = await facts.signed_list(
            s.keys, issuance, await facts.of_staff(s.settings, s.clock, issuance, actor=actor)
        )
        now = s.clock.now()
        await advance(
            s,
            issuance,
            "hand_over",
            known,
            actor=actor,
            changes={"handed_over_at": now, "issued_on": beijing.day(now)},
            became={"issued_on": beijing.day(now).isoformat(), "count": len(ids)},
        )
        await s.faults.reach("desk.hand_over: before the jobs")
        for part in generation.slices(ids):
            await generation.put_slice(s.queue, issuance.id, part)
            await s.faults.reach("desk.hand_over: a job is put")
    await tell_state(s.event_bus, issuance)
    return BatchState(issuance.state)
