"""Refunds that do not come through by themselves: ended, booked or paid to another card, by two people and WeChat Pay's word."""

from __future__ import annotations

import logging

import pytest

from server.domain import beijing
from server.domain.payments import (
    ledger,
    reconciliation_sums,
    refund_redirecting,
    refund_second_looks,
    refund_sending,
    refunds,
)
from server.domain.payments.ledger import Account
from server.domain.payments.refund_states import RefundState
from server.domain.ports import Services
from server.domain.ports.payments import PayRefund
from server.errors import Conflict, Forbidden, Invalid, NotFound, OutsideFailure, PayRefused
from server.models import AuditEntry, FeeOrder, FeeRefund, FinanceAlarm, ReconciliationDay
from server.models.database import rows
from tests.kit import make, paying, reconciling
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN

CARD = refund_redirecting.card("CMB_DEBIT", "6225 8801 2345 6789", "张三丰")


async def approved(s: Services, pay: FakePay) -> FeeRefund:
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    return await FeeRefund.get(id=asked.id).prefetch_related("order")


@pytest.fixture
async def refused(services: Services, pay: FakePay, monkeypatch: pytest.MonkeyPatch) -> FeeRefund:
    """WeChat Pay will never take it."""
    refund = await approved(services, pay)

    async def refuse(*_: object) -> None:
        raise PayRefused("PARAM_ERROR", "参数错误", status=400)

    monkeypatch.setattr(pay, "refund", refuse)
    await refund_sending.send(paying.box(services), pay, refund.id)
    return refund


async def open_kinds() -> list[str]:
    return [one.kind for one in await FinanceAlarm.filter(settled_at=None).order_by("id")]


async def test_a_refund_that_wechat_pay_never_takes_is_ended_by_two(
    services: Services, pay: FakePay, refused: FeeRefund
) -> None:
    s, box = services, paying.box(services)
    with pytest.raises(Conflict) as early:
        await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    assert early.value.code == "refund_on_its_way"  # nobody has asked
    await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=FINANCE)
    with pytest.raises(Conflict) as early:
        await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    assert early.value.code == "refund_on_its_way"  # what was sent before may still arrive
    paying.forward(s, minutes=31)
    await paying.sweep(s, pay)
    assert (await FeeRefund.get()).next_try_at is None  # it is sent no more
    with pytest.raises(Forbidden) as same:
        await refund_second_looks.give_up(box, pay, refused.id, actor=FINANCE)
    assert same.value.code == "same_person"
    assert (await FeeOrder.get()).state == "refunding"
    await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    assert ((await FeeRefund.get()).state, (await FeeOrder.get()).state) == ("ended", "paid")
    assert (await ledger.balances(refused.order_id))[Account.INCOME] == -PRICE_FEN
    assert await open_kinds() == ["refund_ended"]
    await paying.check_books()
    with pytest.raises(Conflict):
        await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    await refunds.ask(s.clock, refused.order_id, 1, "另提一笔退款", actor=FINANCE)  # the way is free


async def test_what_two_people_ended_is_missed_in_no_bill(
    services: Services, pay: FakePay, refused: FeeRefund
) -> None:
    s, box = services, paying.box(services)
    day = beijing.day(s.clock.now())
    await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=FINANCE)
    paying.forward(s, minutes=3)
    await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    paying.forward(s, days=1)
    await reconciling.compared(s, pay, day)
    assert await reconciling.differences() == []
    of = await ReconciliationDay.get(day=day)
    assert [one.what for one in await reconciliation_sums.of_day(of.id, day) if not one.agrees] == []


async def test_what_wechat_pay_knows_is_booked_and_not_ended(
    services: Services, pay: FakePay, refused: FeeRefund
) -> None:
    s, box = services, paying.box(services)
    await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=FINANCE)
    paying.forward(s, minutes=3)
    transaction = pay.orders[refused.order.number].transaction
    assert transaction is not None
    pay.refunds[refused.number] = PayRefund(
        refused.order.number, transaction, refused.number, "5031", "SUCCESS", PRICE_FEN, PRICE_FEN
    )
    with pytest.raises(Conflict) as known:
        await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    assert known.value.code == "refund_known"
    assert await paying.states() == (["refunded"], ["refunded"])
    await paying.check_books()


async def test_nothing_is_ended_while_wechat_pay_does_not_answer(
    services: Services, pay: FakePay, refused: FeeRefund
) -> None:
    box = paying.box(services)
    pay.losing = 1
    with pytest.raises(OutsideFailure):
        await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=FINANCE)
    assert (await FeeRefund.get()).wish == ""
    with pytest.raises(Forbidden):
        await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=make.OPERATOR)


async def test_it_may_go_on_after_all(
    services: Services, pay: FakePay, refused: FeeRefund, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = paying.box(services)
    await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=FINANCE)
    with pytest.raises(Conflict) as asked:
        await refund_second_looks.ask_to_give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    assert asked.value.code == "refund_wished"
    monkeypatch.undo()
    await refund_second_looks.go_on(box, refused.id, actor=OTHER_FINANCE)
    await refund_sending.sweep(box, pay)
    assert (await FeeRefund.get()).state == "accepted"
    with pytest.raises(Conflict):
        await refund_second_looks.give_up(box, pay, refused.id, actor=OTHER_FINANCE)
    await paying.check_books()


async def test_a_refund_that_nobody_was_told_of_is_booked_by_its_number(
    services: Services, pay: FakePay
) -> None:
    s, box = services, paying.box(services)
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    transaction = pay.orders[order.number].transaction
    assert transaction is not None
    with pytest.raises(NotFound) as unknown:
        await refund_second_looks.book_by_number(box, pay, "hand1", actor=FINANCE)
    assert unknown.value.code == "refund_unknown_there"
    pay.refunds["hand1"] = PayRefund(order.number, transaction, "hand1", "5031", "PROCESSING", 50, PRICE_FEN)
    with pytest.raises(Conflict) as not_done:
        await refund_second_looks.book_by_number(box, pay, "hand1", actor=FINANCE)
    assert not_done.value.code == "refund_not_booked"
    with pytest.raises(Forbidden):
        await refund_second_looks.book_by_number(box, pay, "hand1", actor=make.OPERATOR)
    pay.refund_status = "SUCCESS"
    pay._end_refund("hand1")
    for _ in range(2):
        booked = await refund_second_looks.book_by_number(box, pay, " hand1 ", actor=FINANCE)
        assert booked is RefundState.DONE
    assert (await FeeOrder.get()).refunded_fen == 50
    await paying.check_books()


@pytest.fixture
async def abnormal(services: Services, pay: FakePay) -> FeeRefund:
    refund = await approved(services, pay)
    await refund_sending.send(paying.box(services), pay, refund.id)
    pay.refund_status = "ABNORMAL"
    pay._end_refund(refund.number)
    paying.forward(services, minutes=3)
    await paying.sweep(services, pay)
    await refund.refresh_from_db()
    assert refund.state == "abnormal"
    return refund


async def test_an_abnormal_refund_goes_to_the_card_that_two_people_typed(
    services: Services,
    pay: FakePay,
    abnormal: FeeRefund,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s, box, keys = services, paying.box(services), services.keys
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Conflict) as unasked:
        await refund_redirecting.confirm(box, keys, pay, abnormal.id, CARD, actor=OTHER_FINANCE)
    assert unasked.value.code == "refund_not_asked"
    await refund_redirecting.ask(box, keys, abnormal.id, CARD, actor=FINANCE)
    with pytest.raises(Forbidden) as same:
        await refund_redirecting.confirm(box, keys, pay, abnormal.id, CARD, actor=FINANCE)
    assert same.value.code == "same_person"
    other = refund_redirecting.card("CMB_DEBIT", "6225880123456780", "张三丰")
    with pytest.raises(Invalid) as differs:
        await refund_redirecting.confirm(box, keys, pay, abnormal.id, other, actor=OTHER_FINANCE)
    assert [one.code for one in differs.value.errors] == ["card_differs"]
    assert pay.redirected == []
    pay.losing = 1  # WeChat Pay cannot be asked first: nothing goes out
    with pytest.raises(OutsideFailure):
        await refund_redirecting.confirm(box, keys, pay, abnormal.id, CARD, actor=OTHER_FINANCE)
    assert pay.redirected == []
    ask = pay.query_refund

    async def ask_and_lose_what_comes_next(number: str) -> PayRefund | None:
        known = await ask(number)
        pay.losing = 1
        return known

    with monkeypatch.context() as patched:
        patched.setattr(pay, "query_refund", ask_and_lose_what_comes_next)
        with pytest.raises(OutsideFailure):  # done, and nobody heard
            await refund_redirecting.confirm(box, keys, pay, abnormal.id, CARD, actor=OTHER_FINANCE)
    assert (await FeeRefund.get()).state == "abnormal"
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert (await FeeRefund.get()).state == "accepted"
    with pytest.raises(Conflict):
        await refund_redirecting.confirm(box, keys, pay, abnormal.id, CARD, actor=OTHER_FINANCE)
    assert pay.redirected == [CARD]
    pay.refund_status = "SUCCESS"
    pay._end_refund(abnormal.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert await paying.states() == (["refunded"], ["refunded"])
    await paying.check_books()
    kept = str(await rows("SELECT r::text, r.card_print FROM fee_refund r"))
    kept += str([(one.was, one.became) for one in await AuditEntry.all()]) + caplog.text
    for secret in (CARD.account, CARD.account[-4:], CARD.holder, repr(CARD.account)):
        assert secret not in kept
    assert (await FeeRefund.get()).card_print is None


@pytest.mark.parametrize(
    ("bank", "account", "holder", "wrong"),
    [
        ("XX", "6225880123456789", "张三丰", "/bank"),
        ("CMB_DEBIT", "6225", "张三丰", "/account"),
        ("CMB_DEBIT", "622588012345678x", "张三丰", "/account"),
        ("CMB_DEBIT", "6225880123456789", " 张 ", "/holder"),
    ],
)
def test_a_card_that_cannot_be_one_is_refused(bank: str, account: str, holder: str, wrong: str) -> None:
    with pytest.raises(Invalid) as refused:
        refund_redirecting.card(bank, account, holder)
    assert [one.pointer for one in refused.value.errors] == [wrong]
    assert "6225880123456789" not in repr(CARD) and "张三丰" not in repr(CARD)


async def test_only_an_abnormal_refund_goes_to_a_card(services: Services, pay: FakePay) -> None:
    refund = await approved(services, pay)
    with pytest.raises(Conflict) as moved:
        await refund_redirecting.ask(paying.box(services), services.keys, refund.id, CARD, actor=FINANCE)
    assert moved.value.code == "refund_moved"
