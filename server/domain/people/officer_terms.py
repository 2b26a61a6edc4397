"""Deputies: officers who sign for a time, such as during somebody's leave. The term ends by itself.

A deputy is an officer like any other, invited, confirmed and audited alike (decision 0160), with a last day. From the
day after nothing is signed with that right, whether or not the sweep has been there.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from tortoise.transactions import in_transaction

from server.domain.actor import SYSTEM
from server.domain.beijing import day, say_day
from server.domain.events import publish
from server.domain.people.officer_states import LIVING, OfficerState
from server.domain.people.officer_transitions import advance
from server.domain.people.open_tickets import replace_tickets
from server.domain.ports import Clock, Services
from server.errors import FieldError, Forbidden, Invalid
from server.models import Officer

LONGEST = timedelta(days=366)


def check(clock: Clock, until: date | None) -> None:
    """Whether a term may end that day. Raises Invalid("until_past"), Invalid("until_far")."""
    today = day(clock.now())
    if until is not None and until < today:
        raise Invalid(
            errors=[FieldError("/until", "until_past", "代理的最后一天已经过去，请改为今天或以后。")]
        )
    if until is not None and until > today + LONGEST:
        detail = "代理最长一年；不定期限的，请不要填写最后一天。"
        raise Invalid(errors=[FieldError("/until", "until_far", detail)])


def is_over(until: date | None, now: datetime) -> bool:
    """Whether a term with this last day (Beijing) is over; without one it never is."""
    return until is not None and day(now) > until


def require(officer: Officer, now: datetime) -> None:
    """Before an officer signs. Raises Forbidden("officer_term_over")."""
    if officer.until is not None and is_over(officer.until, now):
        raise Forbidden(
            "officer_term_over",
            f"您的代理签发到{say_day(officer.until)}为止，已经结束；请由本校其他签发负责人签发，或联系本校管理员重新邀请。",
        )


async def sweep(s: Services) -> None:
    """Take the right off everybody whose term is over. Sweep `officers.terms`."""
    over = Officer.filter(until__lt=day(s.clock.now()), state__in=LIVING)
    for officer_id in await over.order_by("id").limit(500).values_list("id", flat=True):
        for issuance_id in await _end(s.clock, int(str(officer_id))):
            await publish(s.event_bus, issuance_id, "replaced")


async def _end(clock: Clock, officer_id: int) -> list[int]:
    """The batches whose QR is dead now."""
    async with in_transaction():
        officer = await Officer.filter(id=officer_id).select_for_update().get()
        if not is_over(officer.until, clock.now()):
            return []
        because = {"until": str(officer.until)}
        if officer.state == OfficerState.INVITED.value:
            await advance(clock, officer, "withdraw", actor=SYSTEM, became=because)
            return []
        ended = {"suspended_at": clock.now()}
        if not await advance(clock, officer, "suspend", actor=SYSTEM, changes=ended, became=because):
            return []
        return await replace_tickets(clock, officer.school_id)
