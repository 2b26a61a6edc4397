"""One of everything beside the years of history, made by the functions themselves; and what of both stands in an address."""

from __future__ import annotations

from datetime import date
from typing import Any

from server.domain import beijing
from server.domain.campaigns.audience import Audience
from server.domain.payments import reconciliation
from server.domain.ports import Services
from server.models import Certificate, Delivery, ImportRun, Issuance, Preparation, Receipt, School
from tests.kit import (
    campaigning,
    correcting,
    importing,
    issuing,
    money_desk,
    paying,
    printing,
    training,
)
from tests.kit.money_desk import Till
from tests.large.filled import CERTIFICATES, FIRST

Values = dict[str, list[Any]]  # by the name in an address


async def living(s: Services) -> tuple[School, Values]:
    """A school of today with something in every list, and what of it stands in addresses."""
    await importing.check(s, importing.book())
    of = await correcting.issued(s)
    batch = await Issuance.get(plan_id=of.plan.id)
    certificate = await Certificate.filter(issuance_id=batch.id).order_by("number").first()
    assert certificate is not None
    waiting = await issuing.pending(s, await issuing.cohort(s))
    till = await money_desk.a_busy_till(s, of.school)
    _, transfer = await money_desk.waiting_for_another(s, till)
    back = await money_desk.going_back_by_bank(s, of.school)
    course = await training.course(s)
    await training.owing(s, course, of.school)
    campaign = await campaigning.running(s, of.plan, audience=Audience(plans=(of.plan.id,)))
    values = {
        "issuance_id": [batch.id, waiting.id],
        "officer_id": [of.officer.id],
        "school_id": [of.school.id],
        "plan_id": [of.plan.id],
        "candidate_id": [of.registrations[0].candidate_id],
        "number": [certificate.number],
        "correction_id": [(await correcting.asked(s, of, at=1)).id],
        "paper_run_id": [(await printing.sent(s, batch.id)).id],
        "order_id": [till.paid_order.id, till.open_order.id],
        "transfer_id": [transfer.id],
        "bank_refund_id": [back.id],
        "course_id": [course.id],
        "campaign_id": [campaign.id],
        "day": [await _compared(s, till)],
        "slug": ["import"],
    }
    for model, name in (
        (Delivery, "delivery_id"),
        (ImportRun, "import_id"),
        (Preparation, "preparation_id"),
        (Receipt, "receipt_id"),
    ):
        found = await model.first()
        assert found is not None, name
        values[name] = [found.pk]
    return of.school, values


async def _compared(s: Services, till: Till) -> date:
    day = beijing.day(s.clock.now())
    paying.forward(s, days=1)
    await reconciliation.reconcile(s.clock, s.faults, till.pay, day, actor=paying.FINANCE)
    return day


def of_the_years(values: Values) -> Values:
    """The same, with something of the years that `filled` made beside it."""
    other: dict[str, Any] = dict.fromkeys(
        (
            "issuance_id",
            "school_id",
            "plan_id",
            "candidate_id",
            "paper_run_id",
            "order_id",
            "delivery_id",
        ),
        FIRST + 5,
    )
    other |= {"number": f"20SPS1{CERTIFICATES // 2:08d}Z", "day": date(2021, 6, 1)}
    return {name: [*found, *([other[name]] if name in other else [])] for name, found in values.items()}
