"""What finance, auditors and the school that paid see of refunds by bank, and who has the proofs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from server.domain.paging import Turn
from server.domain.payments import bank_proofs, bank_refund_queries, bank_refunds, order_detail
from server.domain.payments.bank_proofs import ProofFile
from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.ports import Services
from server.errors import NotFound, Unverified
from server.models import AuditEntry, BankRefund, School
from tests.kit import make
from tests.kit.paying import FINANCE, OTHER_FINANCE
from tests.kit.transferring import TODAY, given_back, owing, paid_by_bank, recorded_back


@pytest.mark.rule("S57")
async def test_a_school_sees_its_own_and_what_went_back_of_its_order(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    refund = await given_back(s, order, amount_fen=5_000)
    assert order.school_id is not None
    mine = make.school_account(await School.get(id=order.school_id))
    stranger = make.school_account(await make.school())
    listed = [
        [one.id for one in (await bank_refund_queries.bank_refunds_page(actor=who)).items]
        for who in (mine, stranger)
    ]
    assert listed == [[refund.id], []]
    with pytest.raises(NotFound):
        await bank_refund_queries.detail(refund.id, actor=stranger)
    shown, transfer = await bank_refund_queries.detail(refund.id, actor=mine)
    assert (shown.amount_fen, shown.order_number, shown.state) == (
        5_000,
        order.number,
        BankRefundState.APPROVED,
    )
    assert (transfer.amount_fen, transfer.refunded_fen, transfer.received_on) == (
        order.total_fen,
        5_000,
        TODAY,
    )
    seen = await order_detail.detail(order.id, actor=mine)
    assert (seen.bank_refunds, seen.transfer, seen.postings) == ([shown], transfer, [])
    assert (seen.order.refunded_fen, seen.order.state.value) == (5_000, "part")


async def test_the_lists_by_state_and_school_page_by_page(services: Services) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s, 3))
    made = [await recorded_back(s, order, amount_fen=1_000, bank_reference=f"BACK-{n}") for n in range(3)]
    await bank_refunds.approve(s.clock, s.faults, made[1].id, actor=OTHER_FINANCE)
    assert order.school_id is not None
    name = (await School.get(id=order.school_id)).name

    async def found(**wanted: Any) -> list[int]:
        return [
            one.id for one in (await bank_refund_queries.bank_refunds_page(actor=FINANCE, **wanted)).items
        ]

    assert await found() == [one.id for one in reversed(made)]
    assert await found(state="approved") == [made[1].id]
    assert await found(state="withdrawn") == []
    assert await found(school=name[1:3]) == [one.id for one in reversed(made)]
    assert await found(school="没有这所") == []
    page = await bank_refund_queries.bank_refunds_page(actor=FINANCE, turn=Turn(limit=2))
    assert page.next_cursor == str(made[1].id)
    assert await found(turn=Turn(cursor=page.next_cursor, limit=2)) == [made[0].id]


async def test_the_proof_is_sealed_bound_to_its_place_and_looking_at_it_leaves_a_trace(
    services: Services,
) -> None:
    s = services
    order = await paid_by_bank(s, *await owing(s))
    data = b"\x89PNG\r\n\x1a\nthe account 6222 0000"
    refund = await recorded_back(s, order, proof=data)
    assert refund.proof_kind == "png" and refund.proof_key.startswith("bank-refunds/")
    assert data not in await s.file_store.get(refund.proof_key)
    auditor = replace(make.OPERATOR, role="auditor")
    assert await bank_refund_queries.proof(s, refund.id, actor=auditor) == ProofFile(data, "png")
    seen = await AuditEntry.filter(action="bank_refund.proof").get()
    assert (seen.subject_kind, seen.subject_id, seen.actor_name) == (
        "bank_refund",
        str(refund.id),
        auditor.name,
    )
    other = await bank_proofs.keep(s.keys, s.file_store, data, of=BankRefund)
    await s.file_store.put(refund.proof_key, await s.file_store.get(other.key))
    with pytest.raises(Unverified):  # another's proof does not open here
        await bank_refund_queries.proof(s, refund.id, actor=auditor)
