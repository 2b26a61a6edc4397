"""Something in every list of the console's money: prices, fees, orders in their states, refunds, an alarm."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

from PIL import Image

from server.domain.payments import refunds, transfers, waivers
from server.domain.ports import Services
from server.models import BankRefund, BankTransfer, Fee, FeeOrder, FeeWaiver, School
from tests.kit import paying, transferring
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay

REASON = "考生因病不能参加"
WAIVED = "家庭经济困难，按规定减免"


def a_picture() -> bytes:
    drawn = BytesIO()
    Image.new("RGB", (640, 360), "#dfe7ef").save(drawn, "PNG")
    return drawn.getvalue()


PICTURE = a_picture()  # of a bank's slip


@dataclass(frozen=True)
class Till:
    """
    Attributes:
        owed: of the school's candidates, and in no order.
        open_order: the school's, over two more fees.
        paid_order: of a 社会考生; a refund of it is asked for.
        twice: an order whose fee another had settled; it is given back by itself, and finance is told.
    """

    pay: FakePay
    owed: list[Fee]
    open_order: FeeOrder
    paid_order: FeeOrder
    twice: FeeOrder


async def a_busy_till(s: Services, school: School) -> Till:
    pay = FakePay(s.settings, s.clock)
    exchange(s, pay=pay)
    plan = await paying.priced(s, kind="school", on=await paying.priced(s))
    theirs = [await paying.owing(s, plan, school=school) for _ in range(4)]
    open_order = await paying.ordered(s, pay, *theirs[2:])
    own = await paying.owing(s, plan)
    twice = await paying.ordered(s, pay, own, by=paying.payer(own, account="mp"))
    paid_order = await paying.paid(s, pay, own)
    assert pay._pay(twice.number)
    await paying.notify(s, pay, twice.number)
    await refunds.ask(s.clock, paid_order.id, 5_025, REASON, actor=paying.FINANCE)
    return Till(pay, theirs[:2], open_order, paid_order, await FeeOrder.get(id=twice.id))


async def waiting_for_another(s: Services, till: Till) -> tuple[FeeWaiver, BankTransfer]:
    """A waiver and a transfer that wait for another of finance, and of either one that was declined."""
    declined = await waivers.ask(s.clock, till.owed[0].id, WAIVED, actor=paying.FINANCE)
    await waivers.decline(s.clock, declined.id, actor=paying.OTHER_FINANCE)
    waiver = await waivers.ask(s.clock, till.owed[0].id, WAIVED, actor=paying.FINANCE)
    refused = await transferring.recorded(s, till.owed[1])
    await transfers.decline(s.clock, refused.id, actor=paying.OTHER_FINANCE)
    transfer = await transferring.recorded(s, *till.owed, bank_reference="20261123ICBC0002", proof=PICTURE)
    return waiver, transfer


async def going_back_by_bank(s: Services, school: School) -> BankRefund:
    """An order that a transfer paid: a part of it is paid back, and another part waits for another of finance."""
    fees = await transferring.owing(s, 2, school)
    order = await transferring.paid_by_bank(s, *fees, bank_reference="20261123ICBC0003")
    await transferring.given_back(s, order, amount_fen=5_000)
    return await transferring.recorded_back(
        s, order, amount_fen=7_050, bank_reference="20261123BACK0002", proof=PICTURE
    )
