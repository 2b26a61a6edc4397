"""Bank transfers of a school whose people owe, what goes back of them by bank, and their proofs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from server.domain.payments import bank_refunds, transfers
from server.domain.payments.bank_refunds import NewBankRefund
from server.domain.payments.transfers import NewTransfer
from server.domain.ports import Services
from server.errors import Refused
from server.models import BankRefund, BankTransfer, Fee, FeeOrder, School
from tests.kit import make, paying
from tests.kit.fakes import MemoryFileStore
from tests.kit.paying import FINANCE, OTHER_FINANCE

PDF = b"%PDF-1.7 a receipt of the bank"
TODAY = date(2026, 11, 23)
REASON = "院校合并，考生改期"


async def owing(s: Services, count: int = 2, school: School | None = None) -> list[Fee]:
    """本校考生 of one school who owe."""
    of = school or await make.school()
    plan = await paying.priced(s, kind="school")
    return [await paying.owing(s, plan, school=of) for _ in range(count)]


def wanted(*fees: Fee, **changes: Any) -> NewTransfer:
    told: dict[str, Any] = {
        "amount_fen": sum(fee.amount_fen for fee in fees),
        "received_on": TODAY,
        "bank_reference": "20261123ICBC0001",
        "fee_ids": [fee.id for fee in fees],
        "proof": PDF,
    }
    return NewTransfer(**{**told, **changes})


async def recorded(s: Services, *fees: Fee, **changes: Any) -> BankTransfer:
    return await transfers.record(s, wanted(*fees, **changes), actor=FINANCE)


def told(refused: pytest.ExceptionInfo[Refused]) -> tuple[str, str]:
    return refused.value.code, refused.value.message


async def paid_by_bank(s: Services, *fees: Fee, **changes: Any) -> FeeOrder:
    """The order of a transfer that two have seen."""
    transfer = await recorded(s, *fees, **changes)
    return await transfers.approve(paying.box(s), transfer.id, actor=OTHER_FINANCE)


def going_back(order: FeeOrder, **changes: Any) -> NewBankRefund:
    """All of the order, paid back today."""
    told: dict[str, Any] = {
        "order_id": order.id,
        "amount_fen": order.total_fen,
        "paid_on": TODAY,
        "bank_reference": "20261123BACK0001",
        "reason": REASON,
        "proof": PDF,
    }
    return NewBankRefund(**{**told, **changes})


async def recorded_back(s: Services, order: FeeOrder, **changes: Any) -> BankRefund:
    return await bank_refunds.record(s, going_back(order, **changes), actor=FINANCE)


async def given_back(s: Services, order: FeeOrder, **changes: Any) -> BankRefund:
    """A refund by bank that two have seen."""
    made = await recorded_back(s, order, **changes)
    await bank_refunds.approve(s.clock, s.faults, made.id, actor=OTHER_FINANCE)
    return await BankRefund.get(id=made.id)


def files(s: Services, folder: str = "transfers") -> list[str]:
    assert isinstance(s.file_store, MemoryFileStore)
    return [key for key in s.file_store.files if key.startswith(f"{folder}/")]
