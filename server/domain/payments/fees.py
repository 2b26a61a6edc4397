"""What registrations and enrolments in courses owe.

One fee each, made by the price of the day of registration or enrolment, and never changed.
"""

from __future__ import annotations

from collections.abc import Collection

from tortoise.transactions import in_transaction

from server.domain.payments.fee_states import STEPS, FeeState
from server.domain.payments.payer_notices import NewFee, PayerTeller
from server.domain.ports import Clock, Queue
from server.models import Fee
from server.models.database import rows

JOB = "payments.raise_fees"
SLICE = 2000
# Who waits is found by the database itself (registration_unpriced): a registration is put there as it is written.
_TAKE = """
SELECT registration_id FROM registration_unpriced ORDER BY registration_id LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_RAISE = """
INSERT INTO fee (registration_id, price_id, candidate_id, school_id, amount_fen, state, created_at)
SELECT r.id, p.id, c.id, CASE c.kind WHEN 'school' THEN c.school_id END, p.amount_fen, 'owed', $2
FROM registration r
JOIN candidate c ON c.id = r.candidate_id
JOIN site s ON s.id = r.site_id
JOIN price p ON p.plan_id = r.plan_id AND p.level = s.level AND p.candidate_kind = c.kind
 AND (r.created_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN p.from_on AND COALESCE(p.to_on, 'infinity')
WHERE r.id = ANY($1::bigint[]) AND p.amount_fen > 0 AND c.erased_at IS NULL
ON CONFLICT (registration_id) DO NOTHING
RETURNING id
"""
_OWN = """
SELECT f.id, f.candidate_id, s.level, f.amount_fen, p.exam_date FROM fee f
JOIN registration r ON r.id = f.registration_id JOIN site s ON s.id = r.site_id JOIN plan p ON p.id = r.plan_id
WHERE f.id = ANY($1::bigint[]) AND f.school_id IS NULL ORDER BY f.id
"""
_LOOK_AGAIN = """
INSERT INTO registration_unpriced (registration_id)
SELECT r.id FROM registration r WHERE r.plan_id = $1 AND NOT EXISTS (SELECT 1 FROM fee f WHERE f.registration_id = r.id)
ON CONFLICT DO NOTHING
"""
_OF_ENROLMENT = """
INSERT INTO fee (enrolment_id, school_id, amount_fen, state, created_at)
SELECT e.id, e.school_id, p.amount_fen, 'owed', $2
FROM course_enrolment e JOIN course_price p ON p.id = e.price_id
WHERE e.id = ANY($1::bigint[]) AND p.amount_fen > 0
ON CONFLICT (enrolment_id) DO NOTHING
"""
# Locked in one order, as everybody else locks fees: two orders that share some never wait for each other in a ring.
_SETTLE = """
UPDATE fee SET state = $3, settled_by_id = $2 FROM (
    SELECT id FROM fee WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE
) held WHERE fee.id = held.id AND fee.state = ANY($4::text[]) RETURNING fee.id
"""
_WAIVE = "UPDATE fee SET state = $2 WHERE id = $1 AND state = ANY($3::text[]) RETURNING id"
_GIVE_BACK = """
UPDATE fee SET state = $2 FROM (SELECT id FROM fee WHERE settled_by_id = $1 ORDER BY id FOR UPDATE) held
WHERE fee.id = held.id AND fee.state = ANY($3::text[]) RETURNING fee.id
"""


async def look_again(queue: Queue, plan_id: int) -> None:
    """A price was set: whoever is in the plan and owes nothing is looked at anew. In the caller's transaction."""
    await rows(_LOOK_AGAIN, plan_id)
    await queue.put(JOB, once=JOB)


async def raise_fees(clock: Clock, teller: PayerTeller | None = None) -> int:
    """Make the fees of all registrations that nobody has looked at. Returns how many were made.

    Whoever has no price owes nothing and is looked at again when one is set. Safe to repeat and to run twice at once.

    Args:
        teller: tells those who pay themselves, each once.
    """
    made = 0
    while True:
        async with in_transaction():
            taken = [row["registration_id"] for row in await rows(_TAKE, SLICE)]
            if not taken:
                return made
            raised = [row["id"] for row in await rows(_RAISE, taken, clock.now())]
            if teller is not None and raised:
                await teller.due([NewFee(**row) for row in await rows(_OWN, raised)])
            made += len(raised)
            await rows("DELETE FROM registration_unpriced WHERE registration_id = ANY($1::bigint[])", taken)


async def raise_for_enrolments(clock: Clock, enrolment_ids: Collection[int]) -> None:
    """The fees of these enrolments, in the transaction that enrols them: nobody is in a course and owes nothing for it,
    unless it costs nothing. Again makes no second one (S48).
    """
    await rows(_OF_ENROLMENT, sorted(enrolment_ids), clock.now())


async def settle(fee_ids: Collection[int], order_id: int) -> set[int]:
    """Settle what is still owed of these fees by this order, in the caller's transaction. Returns which those are."""
    step = STEPS["settle"]
    sources = [state.value for state in step.sources]
    return {row["id"] for row in await rows(_SETTLE, sorted(fee_ids), order_id, step.target.value, sources)}


async def are_waived(fee_ids: Collection[int]) -> bool:
    """Whether each of these was waived."""
    return not await Fee.filter(id__in=list(fee_ids)).exclude(state=FeeState.WAIVED.value).exists()


async def waive(fee_id: int) -> None:
    """Nobody owes it any more, in the caller's transaction, which holds the fee and has seen that it is owed."""
    step = STEPS["waive"]
    await rows(_WAIVE, fee_id, step.target.value, [state.value for state in step.sources])


async def give_back(order_id: int) -> None:
    """The order that settled these fees is given back whole, in the caller's transaction."""
    step = STEPS["give_back"]
    await rows(_GIVE_BACK, order_id, step.target.value, [state.value for state in step.sources])
