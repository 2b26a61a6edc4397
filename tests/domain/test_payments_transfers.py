"""Bank transfers: recorded with a proof by one, approved by another; the fees are paid, and the money is at the bank."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from server.domain.payments import (
    bank_proofs,
    ledger,
    refund_sending,
    refunds,
    settlement,
    transfer_queries,
    transfers,
    waivers,
)
from server.domain.payments.ledger import Account
from server.domain.payments.order_states import OrderState
from server.domain.payments.transfer_states import TransferState
from server.domain.payments.yuan import yuan
from server.domain.ports import Services
from server.domain.ports.payments import PayRefund, PayTransaction
from server.errors import Conflict, Forbidden, Invalid, NotFound, Unverified
from server.models import (
    AuditEntry,
    BankTransfer,
    BankTransferLine,
    Fee,
    FeeOrder,
    FeeRefund,
    FinanceAlarm,
    LedgerPosting,
    School,
)
from tests.kit import make, paying
from tests.kit.columns import column
from tests.kit.fake_pay import FakePay
from tests.kit.paying import FINANCE, OTHER_FINANCE, PRICE_FEN
from tests.kit.transferring import PDF, TODAY, files, owing, recorded, told, wanted


async def test_a_transfer_takes_two_and_pays_its_fees(services: Services) -> None:
    s = services
    fees = await owing(s, 3)
    transfer = await recorded(s, *fees, bank_reference=" 20261123 icbc０001 ", received_on=date(2026, 11, 20))
    assert (transfer.state, transfer.bank_reference) == ("recorded", "20261123ICBC0001")
    assert await paying.states() == (["owed"] * 3, [])
    with pytest.raises(Forbidden) as alone:
        await transfers.approve(paying.box(s), transfer.id, actor=FINANCE)
    assert told(alone) == ("same_person", "登记和批准须是两位同事；请由另一位财务处理。")
    assert await FeeOrder.all().count() == 0
    made = await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    order = await FeeOrder.get()
    assert (order.id, order.way, order.account, order.openid, order.transaction_id, order.next_query_at) == (
        made.id,
        "transfer",
        "",
        "",
        None,
        None,
    )
    assert (order.state, order.total_fen, order.paid_at, order.school_id) == (
        "paid",
        3 * PRICE_FEN,
        s.clock.now(),
        fees[0].school_id,
    )
    assert [(fee.state, fee.settled_by_id) for fee in await Fee.all()] == [("settled", order.id)] * 3
    assert await ledger.balances(order.id) == {
        Account.WECHAT: 0,
        Account.BANK: 3 * PRICE_FEN,
        Account.INCOME: -3 * PRICE_FEN,
        Account.OWED_BACK: 0,
        Account.CHARGES: 0,
    }
    kept = await BankTransfer.get()
    assert (kept.state, kept.order_id, kept.decided_by_name) == ("approved", order.id, "财务乙")
    assert list(await column(AuditEntry.all().order_by("id"), "action"))[-4:] == [
        "transfer.record",
        "order.create",
        "transfer.approve",
        "order.receive",
    ]
    await paying.check_books()


async def test_what_is_transferred_is_not_ordered_and_an_open_order_over_it_goes_back(
    services: Services, pay: FakePay
) -> None:
    s = services
    fees = await owing(s)
    order = await paying.ordered(s, pay, *fees)  # the school has the QR open
    transfer = await recorded(s, *fees)
    await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    with pytest.raises(Conflict) as refused:
        await paying.ordered(s, pay, *fees)
    assert refused.value.code == "fee_settled"
    assert pay._pay(order.number)
    await paying.notify(s, pay, order.number)
    [refund] = await FeeRefund.all()
    assert (refund.order_id, refund.amount_fen, refund.is_automatic) == (order.id, 2 * PRICE_FEN, True)
    await paying.check_books()
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay._end_refund(refund.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    assert await paying.states() == (["settled"] * 2, ["refunded", "paid"])
    await paying.check_books()


@pytest.mark.parametrize("fen", [-1, 1, -PRICE_FEN])
async def test_the_amount_has_to_be_the_sum_of_the_fees(services: Services, fen: int) -> None:
    s = services
    fees = await owing(s)
    with pytest.raises(Invalid) as refused:
        await recorded(s, *fees, amount_fen=2 * PRICE_FEN + fen)
    came = yuan(2 * PRICE_FEN + fen)
    assert [(one.pointer, one.code, one.detail) for one in refused.value.errors] == [
        (
            "/amount_fen",
            "transfer_amount",
            f"转账金额 {came} 与所选费用的合计 ¥241.00 不同，请核对金额和费用。",
        )
    ]
    assert (await BankTransfer.all().count(), files(s)) == (0, [])


@pytest.mark.parametrize(
    ("change", "pointer", "code", "sentence"),
    [
        ({"amount_fen": 0}, "/amount_fen", "transfer_range", "转账金额须大于零，不超过 10,000,000 元。"),
        (
            {"received_on": TODAY + timedelta(days=1)},
            "/received_on",
            "date_range",
            "到账日期不能晚于今天，也不能早于两年前，请核对。",
        ),
        (
            {"received_on": date(2016, 11, 23)},
            "/received_on",
            "date_range",
            "到账日期不能晚于今天，也不能早于两年前，请核对。",
        ),
        (
            {"bank_reference": "回单一"},
            "/bank_reference",
            "reference_form",
            "请填银行回单上的流水号：4 到 40 位，只有字母、数字和 - / _。",
        ),
        ({"fee_ids": []}, "/fees", "fees_count", "请选择这笔转账缴的费用，一次最多 500 项。"),
        ({"proof": b""}, "/file", "missing", "请附上银行回单作为凭证。"),
        (
            {"proof": PDF + bytes(5 * 1024 * 1024)},
            "/file",
            "file_size",
            "凭证不能超过 5 MB，请压缩后重新上传。",
        ),
        (
            {"proof": b"<html>%PDF-"},
            "/file",
            "file_type",
            "凭证须是 PDF、JPEG 或 PNG 文件；改文件名不会改变文件的种类。",
        ),
        (
            {"school_id": 10**9},
            "/fees",
            "fees_of_others",
            "一笔转账只能缴一所院校的费用，社会考生的费用由本人缴纳；请重新选择。",
        ),
    ],
)
async def test_transfers_that_cannot_be(
    services: Services, change: dict[str, Any], pointer: str, code: str, sentence: str
) -> None:
    s = services
    fees = await owing(s)
    with pytest.raises(Invalid) as refused:
        await recorded(s, *fees, **change)
    assert [(one.pointer, one.code, one.detail) for one in refused.value.errors] == [
        (pointer, code, sentence)
    ]
    assert (await BankTransfer.all().count(), await BankTransferLine.all().count(), files(s)) == (0, 0, [])


async def test_fees_of_two_schools_or_of_a_person_are_not_paid_by_one_transfer(services: Services) -> None:
    s = services
    [mine], [theirs] = await owing(s, 1), await owing(s, 1)
    persons = await paying.owing(s, await paying.priced(s))
    for fees in ([mine, theirs], [mine, persons], [persons]):
        with pytest.raises(Invalid) as refused:
            await recorded(s, *fees)
        assert [one.code for one in refused.value.errors] == ["fees_of_others"]
    with pytest.raises(NotFound) as unknown:
        await recorded(s, mine, fee_ids=[mine.id, 10**9])
    assert told(unknown) == ("fee_unknown", "其中有费用不存在，请刷新后重新选择。")
    assert files(s) == []


async def test_the_same_bank_reference_is_recorded_once_unless_it_came_to_nothing(services: Services) -> None:
    s = services
    [one], [two] = await owing(s, 1), await owing(s, 1)
    answers = await asyncio.gather(
        *(recorded(s, fee, bank_reference=said) for fee, said in ((one, "AB-0001"), (two, "ab-0001 "))),
        return_exceptions=True,
    )
    [refused] = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (refused.code, refused.message) == (
        "transfer_known",
        "流水号 AB-0001 的转账已经登记过，请勿重复登记；登记有误的，请先撤回那一笔。",
    )
    assert len(files(s)) == 1
    first = await BankTransfer.get()
    await transfers.decline(s.clock, first.id, actor=OTHER_FINANCE)
    first = await recorded(s, one, bank_reference="AB-0001")
    await transfers.withdraw(s.clock, first.id, actor=FINANCE)
    first = await recorded(s, one, bank_reference="AB-0001")
    await transfers.approve(paying.box(s), first.id, actor=OTHER_FINANCE)
    with pytest.raises(Conflict) as known:
        await recorded(s, two, bank_reference="AB-0001")
    assert known.value.code == "transfer_known"


@pytest.mark.parametrize("ended", ["approve", "decline", "withdraw"])
async def test_an_ended_transfer_moves_no_more_and_only_the_approved_one_changes_anything(
    services: Services, ended: str
) -> None:
    s = services
    transfer = await recorded(s, *await owing(s))
    steps: dict[str, Callable[[], Awaitable[object]]] = {
        "approve": lambda: transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE),
        "decline": lambda: transfers.decline(s.clock, transfer.id, actor=OTHER_FINANCE),
        "withdraw": lambda: transfers.withdraw(s.clock, transfer.id, actor=FINANCE),
    }
    with pytest.raises(Forbidden) as alone:
        await transfers.decline(s.clock, transfer.id, actor=FINANCE)
    assert alone.value.code == "same_person"
    with pytest.raises(Forbidden) as another:
        await transfers.withdraw(s.clock, transfer.id, actor=OTHER_FINANCE)
    assert told(another) == ("not_the_recorder", "只有登记人可以撤回；不同意的，请选“不批准”。")
    await steps[ended]()
    after = (["settled"] * 2, ["paid"]) if ended == "approve" else (["owed"] * 2, [])
    assert await paying.states() == after
    assert await LedgerPosting.all().count() == len(after[1])
    label = TransferState((await BankTransfer.get()).state).label
    for step in steps.values():
        with pytest.raises(Conflict) as moved:
            await step()
        assert moved.value.code == "transfer_moved"
        assert moved.value.message.startswith(f"这笔转账现在是“{label}”，不能")
    assert await paying.states() == after
    await paying.check_books()


async def test_a_fee_that_is_not_owed_any_more_is_not_paid_by_a_transfer(
    services: Services, pay: FakePay
) -> None:
    s = services
    paid, waived = await owing(s)
    sentence = "其中有费用已经缴清或减免，不能再由这笔转账缴；请核对后重新选择费用登记。"
    by_paid = await recorded(s, paid, bank_reference="AB-0001")
    by_waived = await recorded(s, waived, bank_reference="AB-0002")
    await paying.paid(s, pay, paid)
    asked = await waivers.ask(s.clock, waived.id, "按规定减免", actor=FINANCE)
    await waivers.approve(s.clock, s.queue, s.faults, asked.id, actor=OTHER_FINANCE)
    for transfer, fee in ((by_paid, paid), (by_waived, waived)):
        with pytest.raises(Conflict) as refused:
            await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
        assert told(refused) == ("fee_not_owed", sentence)
        with pytest.raises(Conflict) as refused:
            await recorded(s, fee, bank_reference="AB-0003")
        assert told(refused) == ("fee_not_owed", sentence)
        await transfers.decline(s.clock, transfer.id, actor=OTHER_FINANCE)
    assert await paying.states() == (["settled", "waived"], ["paid"])
    await paying.check_books()


async def test_what_came_by_bank_does_not_go_back_by_wechat(services: Services) -> None:
    s = services
    transfer = await recorded(s, *await owing(s))
    order = await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)
    with pytest.raises(Conflict) as refused:
        await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加考试", actor=FINANCE)
    assert told(refused) == (
        "paid_by_bank",
        "这个订单是对公转账付的，不能由微信退款；请从银行退回后，在订单页点“登记银行退款”。",
    )
    fen = order.total_fen
    by_hand = PayRefund(order.number, "42", "byhand1", "5031", "SUCCESS", fen, fen)
    assert await refund_sending.hear(paying.box(s), by_hand) is None
    payment = PayTransaction(
        "", s.settings.pay_mchid, order.number, "SUCCESS", transaction_id="42", total_fen=fen
    )
    assert await settlement.settle(paying.box(s), payment) is OrderState.PAID
    assert [alarm.kind for alarm in await FinanceAlarm.all().order_by("id")] == [
        "refund_mismatch",
        "payment_mismatch",
    ]
    assert await FeeRefund.all().count() == 0
    await paying.check_books()


async def test_who_may_not(services: Services) -> None:
    s = services
    fees = await owing(s)
    transfer = await recorded(s, *fees)
    school = make.school_account(await School.get(id=fees[0].school_id))
    auditor = replace(make.OPERATOR, role="auditor")
    for who in (make.OPERATOR, school, auditor):
        for wish in (
            transfers.record(s, wanted(*fees, bank_reference="AB-0002"), actor=who),
            transfers.approve(paying.box(s), transfer.id, actor=who),
            transfers.decline(s.clock, transfer.id, actor=who),
            transfers.withdraw(s.clock, transfer.id, actor=who),
        ):
            with pytest.raises(Forbidden) as refused:
                await wish
            assert refused.value.code == "role_not_allowed"
    for look in (
        transfer_queries.transfers_page(actor=make.OPERATOR),
        transfer_queries.proof(s, transfer.id, actor=make.OPERATOR),
        transfer_queries.proof(s, transfer.id, actor=school),
    ):
        with pytest.raises(Forbidden) as refused:
            await look
        assert refused.value.code == "role_not_allowed"
    another = make.school_account(await make.school())
    assert [len((await transfer_queries.transfers_page(actor=who)).items) for who in (school, another)] == [
        1,
        0,
    ]
    for nobodys in (
        transfers.approve(paying.box(s), 0, actor=OTHER_FINANCE),
        transfers.decline(s.clock, 0, actor=OTHER_FINANCE),
        transfers.withdraw(s.clock, 0, actor=OTHER_FINANCE),
        transfer_queries.proof(s, 0, actor=auditor),
    ):
        with pytest.raises(NotFound) as unknown:
            await nobodys
        assert told(unknown) == ("transfer_unknown", "没有这笔转账，请刷新后重试。")


@pytest.mark.parametrize(
    ("data", "kind"),
    [(PDF, "pdf"), (b"\xff\xd8\xff\xe0rest", "jpeg"), (b"\x89PNG\r\n\x1a\nrest", "png")],
)
async def test_a_proof_is_what_its_first_bytes_say_sealed_and_looking_at_it_leaves_a_trace(
    services: Services, data: bytes, kind: str
) -> None:
    s = services
    transfer = await recorded(s, *await owing(s), proof=data)
    assert transfer.proof_kind == kind
    kept = await s.file_store.get(transfer.proof_key)
    assert data not in kept
    auditor = replace(make.OPERATOR, role="auditor")
    assert await transfer_queries.proof(s, transfer.id, actor=auditor) == bank_proofs.ProofFile(data, kind)
    seen = await AuditEntry.filter(action="transfer.proof").get()
    assert (seen.subject_kind, seen.subject_id, seen.actor_name) == (
        "bank_transfer",
        str(transfer.id),
        auditor.name,
    )
    other = await bank_proofs.keep(s.keys, s.file_store, data, of=BankTransfer)
    await s.file_store.put(transfer.proof_key, await s.file_store.get(other.key))
    with pytest.raises(Unverified):  # another transfer's proof does not open here
        await bank_proofs.opened(s.keys, s.file_store, transfer.proof_key)
