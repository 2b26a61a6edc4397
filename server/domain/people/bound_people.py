"""Who is bound to a WeChat identity now, and where else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from server.domain.people import phones
from server.domain.people.candidates import masked
from server.domain.ports import Keys, WeChatIdentity
from server.models import Binding, Candidate


@dataclass(frozen=True, slots=True)
class BoundPerson:
    """Who is bound, masked, with the phone that was given in the mini-program, if there is one."""

    name_masked: str
    id_masked: str
    phone_masked: str | None


@dataclass(frozen=True, slots=True)
class LivingBinding:
    """In which account a candidate is bound (`oa`, `mp`), and since when."""

    account: str
    bound_at: datetime


async def candidate_id_of(identity: WeChatIdentity) -> int | None:
    """The candidate bound to this identity in its own account, or None."""
    bound = await Binding.filter(account=identity.account, openid=identity.openid, unbound_at=None).first()
    return None if bound is None else bound.candidate_id


async def person_of(keys: Keys, identity: WeChatIdentity) -> BoundPerson | None:
    """Who is bound to this identity in its own account; None when nobody is."""
    candidate = await Candidate.filter(
        bindings__account=identity.account,
        bindings__openid=identity.openid,
        bindings__unbound_at=None,
    ).first()
    if candidate is None:
        return None
    person = masked(keys, candidate.name, candidate.id_sealed)
    return BoundPerson(person.name_masked, person.id_masked, phones.masked_number(keys, candidate))


async def elsewhere(who: WeChatIdentity) -> list[LivingBinding]:
    """Living bindings of this person's candidate to other identities: nobody else reads along unseen."""
    mine = await Binding.filter(account=who.account, openid=who.openid, unbound_at=None).first()
    if mine is None:
        return []
    others = Binding.filter(candidate_id=mine.candidate_id, unbound_at=None).exclude(id=mine.id)
    return [LivingBinding(one.account, one.bound_at) for one in await others]
