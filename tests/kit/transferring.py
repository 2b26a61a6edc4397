"""Bank transfers of a school whose people owe, and their proofs."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from server.domain.payments import transfers
from server.domain.payments.transfers import NewTransfer
from server.domain.ports import Services
from server.errors import Refused
from server.models import BankTransfer, Fee, School
from tests.kit import make, paying
from tests.kit.fakes import MemoryFileStore
from tests.kit.paying import FINANCE

PDF = b"%PDF-1.7 a receipt of the bank"
TODAY = date(2026, 11, 23)


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


def files(s: Services) -> list[str]:
    assert isinstance(s.file_store, MemoryFileStore)
    return [key for key in s.file_store.files if key.startswith("transfers/")]
