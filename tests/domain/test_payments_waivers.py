"""Waivers: two people, a fee that is still owed, and money that comes all the same and goes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from tortoise.exceptions import BaseORMException

from server.domain.payments import ledger, orders, refund_sending, waiver_queries, waivers
from server.domain.payments.ledger import Account
from server.domain.payments.waiver_states import WaiverState
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from server.models import AuditEntry, Fee, FeeOrder, FeeRefund, FeeWaiver, FinanceAlarm, School
from server.models.database import rows
from tests.kit import make, paying
from tests.kit.columns import column
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

WHY = "家庭经济困难，按规定减免"


async def waived(s: Services, fee: Fee) -> FeeWaiver:
    asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    return await FeeWaiver.get(id=asked.id)


def told(refused: pytest.ExceptionInfo[Refused]) -> tuple[str, str]:
    return refused.value.code, refused.value.message


async def test_a_waiver_takes_two_and_the_fee_is_owed_until_then(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    asked = await waivers.ask(s.clock, fee.id, f" {WHY} ", actor=FINANCE)
    assert (asked.state, asked.reason, (await Fee.get()).state) == ("asked", WHY, "owed")
    for decide in (
        waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=FINANCE),
        waivers.decline(s.clock, asked.id, actor=FINANCE),
    ):
        with pytest.raises(Forbidden) as alone:
            await decide
        assert told(alone) == ("same_person", "提出和批准须是两位同事；请由另一位财务处理。")
    await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    kept = await FeeWaiver.get()
    assert (kept.state, kept.decided_by_name, kept.decided_at) == ("approved", "财务乙", s.clock.now())
    assert ((await Fee.get()).state, (await Fee.get()).settled_by_id) == ("waived", None)
    with pytest.raises(Conflict) as refused:
        await paying.ordered(s, pay, fee)
    assert told(refused) == ("fee_waived", "其中有费用已经减免，不用付；请刷新后再看。")
    assert await FeeOrder.all().count() == 0
    assert list(await column(AuditEntry.filter(subject_kind="fee_waiver").order_by("id"), "action")) == [
        "waiver.ask",
        "waiver.approve",
    ]
    await paying.check_books()


async def test_a_waived_fee_among_others_is_not_ordered_and_the_others_are(
    services: Services, pay: FakePay
) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    gone, rest = [await paying.owing(s, plan, school=school) for _ in range(2)]
    await waived(s, gone)
    with pytest.raises(Conflict, match="已经减免"):
        await orders.create(s.clock, [gone.id, rest.id], paying.payer(rest), actor=make.ADMIN)
    assert (await paying.paid(s, pay, rest)).total_fen == PRICE_FEN


async def test_what_is_paid_for_a_waived_fee_goes_back_by_itself(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    order = await paying.ordered(s, pay, fee)  # the cashier is open
    await waived(s, fee)
    assert pay._pay(order.number)
    for _ in range(2):
        await paying.notify(s, pay, order.number)
    [refund] = await FeeRefund.all()
    assert (refund.amount_fen, refund.is_automatic, refund.reason) == (
        PRICE_FEN,
        True,
        "费用已减免，自动退回",
    )
    assert [alarm.kind for alarm in await FinanceAlarm.all()] == ["paid_waived"]
    balances = await ledger.balances(order.id)
    assert (balances[Account.WECHAT], balances[Account.OWED_BACK]) == (PRICE_FEN, -PRICE_FEN)
    await paying.check_books()
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay._end_refund(refund.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert await paying.states() == (["waived"], ["refunded"])
    assert set((await ledger.balances(order.id)).values()) == {0}
    await paying.check_books()


async def test_of_an_order_over_a_waived_fee_and_another_the_waived_part_goes_back(
    services: Services, pay: FakePay
) -> None:
    s, school = services, await make.school()
    plan = await paying.priced(s, kind="school")
    gone, rest = [await paying.owing(s, plan, school=school) for _ in range(2)]
    order = await paying.ordered(s, pay, gone, rest)
    await waived(s, gone)
    assert pay._pay(order.number)
    await paying.notify(s, pay, order.number)
    assert await paying.states() == (["waived", "settled"], ["refunding"])
    assert (await FeeRefund.get()).amount_fen == PRICE_FEN
    await paying.check_books()


async def test_a_fee_that_was_paid_in_the_meantime_is_not_waived(services: Services, pay: FakePay) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    await paying.paid(s, pay, fee)
    for wish in (
        waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE),
        waivers.ask(s.clock, fee.id, WHY, actor=FINANCE),
    ):
        with pytest.raises(Conflict) as refused:
            await wish
        assert told(refused) == ("fee_not_owed", "这项费用现在是“已缴”，不能减免；要退的请办退款。")
    await waivers.decline(s.clock, asked.id, actor=OTHER_FINANCE)
    assert ((await Fee.get()).state, (await FeeWaiver.get()).state) == ("settled", "declined")


async def test_one_waiver_of_a_fee_waits_at_a_time(services: Services) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    many = [waivers.ask(s.clock, fee.id, WHY, actor=who) for who in (FINANCE, OTHER_FINANCE) * 2]
    answers = await asyncio.gather(*many, return_exceptions=True)
    refused = [one for one in answers if isinstance(one, Conflict)]
    assert [(one.code, one.message) for one in refused] == [
        ("waiver_open", "这项费用已有一项减免待批准，请等它结束后再提出。")
    ] * 3
    first = await FeeWaiver.get()
    decider = OTHER_FINANCE if first.asked_by == FINANCE.id else FINANCE
    await waivers.decline(s.clock, first.id, actor=decider)
    await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    assert [one.state for one in await FeeWaiver.all().order_by("id")] == ["declined", "asked"]
    assert (await Fee.get()).state == "owed"


@pytest.mark.parametrize("ended", ["approve", "decline", "withdraw"])
async def test_an_ended_waiver_moves_no_more(services: Services, ended: str) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    steps: dict[str, Callable[[], Awaitable[None]]] = {
        "approve": lambda: waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE),
        "decline": lambda: waivers.decline(s.clock, asked.id, actor=OTHER_FINANCE),
        "withdraw": lambda: waivers.withdraw(s.clock, asked.id, actor=FINANCE),
    }
    with pytest.raises(Forbidden) as refused:
        await waivers.withdraw(s.clock, asked.id, actor=OTHER_FINANCE)
    assert told(refused) == ("not_the_asker", "只有提出人可以撤回；不同意的，请选“不批准”。")
    await steps[ended]()
    kept, owed = (await FeeWaiver.get()).state, (await Fee.get()).state
    assert owed == ("waived" if ended == "approve" else "owed")
    for step in steps.values():
        with pytest.raises(Conflict) as moved:
            await step()
        assert moved.value.code == "waiver_moved"
        assert moved.value.message.startswith(f"这项减免现在是“{WaiverState(kept).label}”")
    assert ((await FeeWaiver.get()).state, (await Fee.get()).state) == (kept, owed)


async def test_what_cannot_be_waived(services: Services) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    for reason in ("短", "   ", "长" * 201):
        with pytest.raises(Invalid) as wrong:
            await waivers.ask(s.clock, fee.id, reason, actor=FINANCE)
        assert [(one.pointer, one.code, one.detail) for one in wrong.value.errors] == [
            ("/reason", "reason_length", "请写明减免原因，4 到 200 个字。")
        ]
    with pytest.raises(NotFound) as refused:
        await waivers.ask(s.clock, 0, WHY, actor=FINANCE)
    assert told(refused) == ("fee_unknown", "没有这项费用，请刷新后重试。")
    for wish in (
        waivers.approve(s.clock, s.queue, s.faults, 0, actor=FINANCE),
        waivers.decline(s.clock, 0, actor=FINANCE),
        waivers.withdraw(s.clock, 0, actor=FINANCE),
    ):
        with pytest.raises(NotFound) as refused:
            await wish
        assert told(refused) == ("waiver_unknown", "没有这项减免，请刷新后重试。")
    assert await FeeWaiver.all().count() == 0


async def test_who_may_not_waive(services: Services) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    school = make.school_account(await School.create(name="某某学院"))
    for who in (make.OPERATOR, school):
        for wish in (
            waivers.ask(s.clock, fee.id, WHY, actor=who),
            waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=who),
            waivers.decline(s.clock, asked.id, actor=who),
            waivers.withdraw(s.clock, asked.id, actor=who),
            waiver_queries.waivers_page(actor=who),
        ):
            with pytest.raises(Forbidden) as refused:
                await wish
            assert refused.value.code == "role_not_allowed"
    assert (await FeeWaiver.get()).state == "asked"


async def test_of_two_who_approve_at_once_one_does(services: Services) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    many = [
        waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=who)
        for who in (OTHER_FINANCE, make.ADMIN)
    ]
    answers = await asyncio.gather(*many, return_exceptions=True)
    assert sorted(getattr(one, "code", "") for one in answers if one is not None) == ["waiver_moved"]
    assert ((await Fee.get()).state, (await FeeWaiver.get()).state) == ("waived", "approved")
    assert await AuditEntry.filter(action="waiver.approve").count() == 1


async def test_a_waiver_and_a_payment_at_once_leave_books_that_add_up(
    services: Services, pay: FakePay
) -> None:
    """Whichever comes first: it is waived and the money goes back, or it is settled and the waiver is refused."""
    s = services
    plan = await paying.priced(s)
    for _ in range(4):
        fee = await paying.owing(s, plan)
        asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
        order = await paying.ordered(s, pay, fee)
        assert pay._pay(order.number)
        answers = await asyncio.gather(
            waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE),
            paying.notify(s, pay, order.number),
            return_exceptions=True,
        )
        fee, order = await Fee.get(id=fee.id), await FeeOrder.get(id=order.id)
        lost = [getattr(one, "code", one) for one in answers if one is not None]
        assert (fee.state, order.state, lost) in (
            ("waived", "refunding", []),
            ("settled", "paid", ["fee_not_owed"]),
        )
        await paying.check_books()


@pytest.mark.parametrize(
    ("place", "after"),
    [
        ("waivers.approve: the waiver is approved", ("owed", "asked")),
        ("waivers.approve: before the commit", ("owed", "asked")),
        ("waivers.approve: after the commit", ("waived", "approved")),
    ],
)
async def test_a_process_that_dies_while_waiving_has_done_all_or_nothing(
    services: Services, place: str, after: tuple[str, str]
) -> None:
    s = services
    fee = await paying.owing(s, await paying.priced(s))
    asked = await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    assert isinstance(s.faults, KillerFaultInjector)
    s.faults.place = place
    with pytest.raises(Killed):
        await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    assert ((await Fee.get()).state, (await FeeWaiver.get()).state) == after
    await paying.check_books()


async def test_the_database_refuses_a_waiver_by_one_person_and_a_waived_fee_with_an_order(
    services: Services, pay: FakePay
) -> None:
    s = services
    plan = await paying.priced(s)
    fee = await paying.owing(s, plan)
    await waivers.ask(s.clock, fee.id, WHY, actor=FINANCE)
    await paying.paid(s, pay, await paying.owing(s, plan))
    for statement in (
        "UPDATE fee_waiver SET state = 'approved', decided_by = asked_by",
        "UPDATE fee_waiver SET state = 'approved'",
        "UPDATE fee SET state = 'waived' WHERE state = 'settled'",
    ):
        with pytest.raises(BaseORMException):
            await rows(statement)
