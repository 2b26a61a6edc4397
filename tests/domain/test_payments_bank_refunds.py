"""Refunds by bank: recorded with a proof by one, approved by another; the order, its fees and the books say so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from server.domain.payments import (
    bank_refund_queries,
    bank_refunds,
    ledger,
)
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.payments.ledger import Account
from server.domain.ports import Services
from server.errors import Conflict, Forbidden, Invalid, NotFound
from server.models import AuditEntry, BankRefund, Fee, FeeOrder, LedgerPosting, School
from server.models.database import rows
from tests.kit import make, paying
from tests.kit.columns import column
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN
from tests.kit.transferring import (
    PDF,
    REASON,
    TODAY,
    files,
    given_back,
    going_back,
    owing,
    paid_by_bank,
    recorded_back,
    told,
)


async def test_a_refund_by_bank_takes_two_and_gives_the_order_back(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s, 3))
    refund = await recorded_back(s, order, bank_reference=" 20261123 back０001 ")
    assert (refund.state, refund.bank_reference, refund.reason) == ("recorded", "20261123BACK0001", REASON)
    assert await paying.states() == (["settled"] * 3, ["paid"])
    assert await LedgerPosting.all().count() == 1
    with pytest.raises(Forbidden) as alone:
        await bank_refunds.approve(s.clock, s.faults, refund.id, actor=FINANCE)
    assert told(alone) == ("same_person", "登记和批准须是两位同事；请由另一位财务处理。")
    assert await paying.states() == (["settled"] * 3, ["paid"])
    await bank_refunds.approve(s.clock, s.faults, refund.id, actor=OTHER_FINANCE)
    assert await paying.states() == (["refunded"] * 3, ["refunded"])
    assert (await FeeOrder.get()).refunded_fen == order.total_fen == 3 * PRICE_FEN
    assert await ledger.balances(order.id) == dict.fromkeys(Account, 0)
    assert await ledger.posted(f"bank_refund:{refund.id}") == {
        Account.INCOME: 3 * PRICE_FEN,
        Account.BANK: -3 * PRICE_FEN,
    }
    kept = await BankRefund.get()
    assert (kept.state, kept.decided_by_name, kept.decided_at) == ("approved", "财务乙", s.clock.now())
    assert list(await column(AuditEntry.all().order_by("id"), "action"))[-3:] == [
        "bank_refund.record",
        "bank_refund.approve",
        "order.return_all",
    ]
    trail = await AuditEntry.get(action="order.return_all")
    assert (trail.was, trail.became) == (
        {"state": "paid"},
        {"state": "refunded", "refunded_fen": order.total_fen},
    )
    await paying.check_books()


async def test_parts_add_up_to_the_whole_and_never_to_more(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    total = order.total_fen
    await given_back(s, order, amount_fen=5_000, bank_reference="BACK-1")
    assert await paying.states() == (["settled"] * 2, ["part"])
    waiting = await recorded_back(s, order, amount_fen=9_000, bank_reference="BACK-2")
    with pytest.raises(Invalid) as much:  # what waits is not given back a second time
        await recorded_back(s, order, amount_fen=total - 14_000 + 1, bank_reference="BACK-3")
    assert [(one.pointer, one.code, one.detail) for one in much.value.errors] == [
        (
            "/amount_fen",
            "refund_too_much",
            "退款金额须大于零，且不超过这个订单还可以退的 ¥101.00（已退的和待批准的不算）；请核对。",
        )
    ]
    rest = await recorded_back(s, order, amount_fen=total - 14_000, bank_reference="BACK-3")
    await bank_refunds.approve(s.clock, s.faults, rest.id, actor=OTHER_FINANCE)
    assert await paying.states() == (["settled"] * 2, ["part"])
    await paying.check_books()
    await bank_refunds.approve(s.clock, s.faults, waiting.id, actor=OTHER_FINANCE)
    assert await paying.states() == (["refunded"] * 2, ["refunded"])
    with pytest.raises(Conflict) as over:
        await recorded_back(s, order, amount_fen=1, bank_reference="BACK-4")
    assert told(over) == ("order_moved", "这个订单现在是“已退款”，不能登记银行退款；请刷新后再看。")
    assert [
        entry.action for entry in await AuditEntry.filter(action__startswith="order.return").order_by("id")
    ] == [
        "order.return_part",
        "order.return_part",
        "order.return_all",
    ]
    await paying.check_books()


async def test_more_than_is_left_is_not_approved_whatever_was_recorded(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    one = await recorded_back(s, order, amount_fen=20_000, bank_reference="BACK-1")
    await rows("UPDATE bank_refund SET amount_fen = $1", order.total_fen + 1)  # by no verb of ours
    with pytest.raises(Invalid) as much:
        await bank_refunds.approve(s.clock, s.faults, one.id, actor=OTHER_FINANCE)
    assert [error.code for error in much.value.errors] == ["refund_too_much"]
    assert await paying.states() == (["settled"] * 2, ["paid"])
    assert (await BankRefund.get()).state == "recorded"
    await bank_refunds.decline(s.clock, one.id, actor=OTHER_FINANCE)
    await paying.check_books()


async def test_what_wechat_pay_has_does_not_go_back_by_bank(services: Services, pay: FakePay) -> None:
    s = services
    school = await make.school()
    [fee] = await owing(s, 1, school)
    paid = await paying.paid(s, pay, fee)
    still_open = await paying.ordered(s, pay, *await owing(s, 1, school))
    for order in (paid, still_open):
        with pytest.raises(Conflict) as refused:
            await recorded_back(s, order)
        assert told(refused) == (
            "paid_by_wechat",
            "这个订单是微信支付付的，不能登记银行退款；请在订单页点“提出退款”，由微信支付原路退回。",
        )
    assert (await BankRefund.all().count(), files(s, "bank-refunds")) == (0, [])
    await paying.check_books()


@pytest.mark.parametrize(
    ("change", "pointer", "code", "sentence"),
    [
        (
            {"amount_fen": 0},
            "/amount_fen",
            "refund_too_much",
            "退款金额须大于零，且不超过这个订单还可以退的 ¥241.00（已退的和待批准的不算）；请核对。",
        ),
        (
            {"amount_fen": 2 * PRICE_FEN + 1},
            "/amount_fen",
            "refund_too_much",
            "退款金额须大于零，且不超过这个订单还可以退的 ¥241.00（已退的和待批准的不算）；请核对。",
        ),
        (
            {"paid_on": TODAY + timedelta(days=1)},
            "/paid_on",
            "date_range",
            "退款日期不能早于这笔款的到账日期（2026年11月20日），也不能晚于今天，请核对。",
        ),
        (
            {"paid_on": date(2026, 11, 19)},
            "/paid_on",
            "date_range",
            "退款日期不能早于这笔款的到账日期（2026年11月20日），也不能晚于今天，请核对。",
        ),
        (
            {"bank_reference": "回单一"},
            "/bank_reference",
            "reference_form",
            "请填银行回单上的流水号：4 到 40 位，只有字母、数字和 - / _。",
        ),
        ({"reason": " 　退 "}, "/reason", "reason_length", "请写明退款原因，4 到 80 个字；院校会看到。"),
        ({"reason": "退" * 81}, "/reason", "reason_length", "请写明退款原因，4 到 80 个字；院校会看到。"),
        ({"proof": b""}, "/file", "missing", "请附上银行回单作为凭证。"),
        (
            {"proof": PDF + bytes(5 * 1024 * 1024)},
            "/file",
            "file_size",
            "凭证不能超过 5 MB，请压缩后重新上传。",
        ),
        (
            {"proof": b"PK a workbook"},
            "/file",
            "file_type",
            "凭证须是 PDF、JPEG 或 PNG 文件；改文件名不会改变文件的种类。",
        ),
    ],
)
async def test_refunds_that_cannot_be(
    services: Services, change: dict[str, Any], pointer: str, code: str, sentence: str
) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s), received_on=date(2026, 11, 20))
    with pytest.raises(Invalid) as refused:
        await recorded_back(s, order, **change)
    assert [(one.pointer, one.code, one.detail) for one in refused.value.errors] == [
        (pointer, code, sentence)
    ]
    assert (await BankRefund.all().count(), files(s, "bank-refunds")) == (0, [])


@pytest.mark.parametrize("paid_on", [date(2026, 11, 20), TODAY])
async def test_the_bank_gives_back_on_the_day_that_it_came_at_the_earliest(
    services: Services, paid_on: date
) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s), received_on=date(2026, 11, 20))
    assert (await given_back(s, order, paid_on=paid_on)).paid_on == paid_on


async def test_the_reason_keeps_no_numbers_of_people(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    refund = await recorded_back(s, order, reason="学员 13900000000 退训")
    assert "13900000000" not in refund.reason
    entry = await AuditEntry.get(action="bank_refund.record")
    assert entry.became == {"order": order.id, "amount_fen": order.total_fen, "reason": refund.reason}


async def test_the_same_bank_reference_is_recorded_once_unless_it_came_to_nothing(services: Services) -> None:
    s, school = services, await make.school()
    one = await paid_by_bank(s, *await owing(s, 1, school), bank_reference="IN-0001")
    two = await paid_by_bank(s, *await owing(s, 1, school), bank_reference="IN-0002")

    async def refused() -> None:
        with pytest.raises(Conflict) as known:
            await recorded_back(s, two, bank_reference="ab-0001 ")
        assert told(known) == (
            "bank_refund_known",
            "流水号 AB-0001 的银行退款已经登记过，请勿重复登记；登记有误的，请先撤回那一笔。",
        )

    first = await recorded_back(s, one, bank_reference="AB-0001")
    await refused()
    assert len(files(s, "bank-refunds")) == 1
    await bank_refunds.decline(s.clock, first.id, actor=OTHER_FINANCE)
    first = await recorded_back(s, one, bank_reference="AB-0001")
    await bank_refunds.withdraw(s.clock, first.id, actor=FINANCE)
    await given_back(s, one, bank_reference="AB-0001")
    await refused()
    # of what came, the bank's number is another
    await recorded_back(s, two, bank_reference="IN-0001")
    await paying.check_books()


@pytest.mark.parametrize("ended", ["approve", "decline", "withdraw"])
async def test_an_ended_one_moves_no_more_and_only_the_approved_one_changes_anything(
    services: Services, ended: str
) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    refund = await recorded_back(s, order)
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "approve": lambda: bank_refunds.approve(s.clock, s.faults, refund.id, actor=OTHER_FINANCE),
        "decline": lambda: bank_refunds.decline(s.clock, refund.id, actor=OTHER_FINANCE),
        "withdraw": lambda: bank_refunds.withdraw(s.clock, refund.id, actor=FINANCE),
    }
    with pytest.raises(Forbidden) as alone:
        await bank_refunds.decline(s.clock, refund.id, actor=FINANCE)
    assert alone.value.code == "same_person"
    with pytest.raises(Forbidden) as another:
        await bank_refunds.withdraw(s.clock, refund.id, actor=OTHER_FINANCE)
    assert told(another) == ("not_the_recorder", "只有登记人可以撤回；不同意的，请选“不批准”。")
    await steps[ended]()
    after = (["refunded"] * 2, ["refunded"]) if ended == "approve" else (["settled"] * 2, ["paid"])
    assert await paying.states() == after
    label = BankRefundState((await BankRefund.get()).state).label
    for name, step in steps.items():
        with pytest.raises(Conflict) as moved:
            await step()
        assert moved.value.code == "bank_refund_moved"
        verb = {"approve": "批准", "decline": "不批准", "withdraw": "撤回"}[name]
        assert moved.value.message == f"这笔银行退款现在是“{label}”，不能{verb}；请刷新后再看。"
    assert await paying.states() == after
    assert await LedgerPosting.all().count() == (2 if ended == "approve" else 1)
    await paying.check_books()


async def test_a_fee_that_was_given_back_by_bank_is_not_owed_again(services: Services) -> None:
    """Whoever wants it paid anew has it raised anew: no transfer pays what went back."""
    s = services
    fees = await owing(s)
    await given_back(s, await paid_by_bank(s, *fees))
    with pytest.raises(Conflict) as refused:
        await paid_by_bank(s, *[await Fee.get(id=fee.id) for fee in fees], bank_reference="IN-0002")
    assert refused.value.code == "fee_not_owed"


async def test_who_may_not(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    refund = await recorded_back(s, order)
    assert order.school_id is not None
    school = make.school_account(await School.get(id=order.school_id))
    auditor = replace(make.OPERATOR, role="auditor")
    for who in (make.OPERATOR, school, auditor):
        for wish in (
            bank_refunds.record(s, going_back(order, bank_reference="AB-0002"), actor=who),
            bank_refunds.approve(s.clock, s.faults, refund.id, actor=who),
            bank_refunds.decline(s.clock, refund.id, actor=who),
            bank_refunds.withdraw(s.clock, refund.id, actor=who),
        ):
            with pytest.raises(Forbidden) as refused:
                await wish
            assert refused.value.code == "role_not_allowed"
    for look in (
        bank_refund_queries.bank_refunds_page(actor=make.OPERATOR),
        bank_refund_queries.detail(refund.id, actor=make.OPERATOR),
        bank_refund_queries.proof(s, refund.id, actor=make.OPERATOR),
        bank_refund_queries.proof(s, refund.id, actor=school),
    ):
        with pytest.raises(Forbidden) as refused:
            await look
        assert refused.value.code == "role_not_allowed"
    for nobodys in (
        bank_refunds.approve(s.clock, s.faults, 0, actor=OTHER_FINANCE),
        bank_refunds.decline(s.clock, 0, actor=OTHER_FINANCE),
        bank_refunds.withdraw(s.clock, 0, actor=OTHER_FINANCE),
        bank_refund_queries.detail(0, actor=auditor),
        bank_refund_queries.proof(s, 0, actor=auditor),
    ):
        with pytest.raises(NotFound) as unknown:
            await nobodys
        assert told(unknown) == ("bank_refund_unknown", "没有这笔银行退款，请刷新后重试。")
    with pytest.raises(NotFound) as no_order:
        await bank_refunds.record(s, going_back(order, order_id=0), actor=FINANCE)
    assert no_order.value.code == "order_unknown"
