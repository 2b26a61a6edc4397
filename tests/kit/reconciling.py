"""A day that is over, compared with its bill."""

from __future__ import annotations

from datetime import date

from server.domain import beijing
from server.domain.payments import reconciliation, refund_sending, refunds
from server.domain.payments.reconciliation_states import ReconciliationState as State
from server.domain.ports import Services
from server.domain.ports.payments import PayBillRow
from server.models import FeeOrder, ReconciliationDifference
from tests.kit import paying
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE


def today(s: Services) -> date:
    return beijing.day(s.clock.now())


async def one_paid_and_over(s: Services, pay: FakePay) -> tuple[FeeOrder, date]:
    """An order of a day, and the next morning."""
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    day = today(s)
    paying.forward(s, days=1)
    return order, day


async def compared(s: Services, pay: FakePay, day: date) -> State:
    state = await reconciliation.reconcile(s.clock, s.faults, pay, day, actor=FINANCE)
    await paying.check_books()
    return state


async def differences() -> list[tuple[str, str, str, int | None, int | None, bool]]:
    return [
        (one.kind, one.what, one.number, one.theirs_fen, one.ours_fen, one.settled_at is not None)
        for one in await ReconciliationDifference.all().order_by("kind", "what", "number")
    ]


async def given_back(s: Services, pay: FakePay, order: FeeOrder, fen: int) -> str:
    refund = await refunds.ask(s.clock, order.id, fen, "考生因病不能参加", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)
    await refund_sending.send(paying.box(s), pay, refund.id)
    return refund.number


def nothing(found: list[PayBillRow]) -> list[PayBillRow]:
    return []
