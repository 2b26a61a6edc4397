"""对公转账 through the console API."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, BankTransfer, Fee, FeeOrder, School
from tests.kit import make, paying
from tests.kit.console_desk import Browser, code, seated
from tests.kit.h5 import App
from tests.kit.paying import PRICE_FEN

PNG = b"\x89PNG\r\n\x1a\n a picture of the bank's receipt"


@pytest.fixture
async def school() -> School:
    return await make.school()


@pytest.fixture
async def fees(services: Services, school: School) -> list[Fee]:
    plan = await paying.priced(services, kind="school")
    return [await paying.owing(services, plan, school=school) for _ in range(2)]


async def hand_in(who: Browser, owed: list[Fee], *, proof: bytes | None = PNG, **changes: Any) -> Any:
    said = {
        "amount_fen": str(2 * PRICE_FEN),
        "received_on": "2026-11-20",
        "bank_reference": "20261120-0001",
        "fees": ",".join(str(fee.id) for fee in owed),
        **changes,
    }
    files = {"file": ("回单.pdf", proof or b"", "application/pdf")}  # what it is called proves nothing
    if proof is None:
        files = {"other": ("x", b"x", "text/plain")}
    return await who("POST", "/transfers", data=said, files=files)


async def test_finance_records_another_approves_and_the_fees_are_paid(
    app: App, services: Services, school: School, fees: list[Fee]
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    made = await hand_in(finance, fees, school_id=str(school.id))
    assert made.status == 201, made.text
    path = f"/transfers/{made.json['id']}"
    assert code(await finance("POST", f"{path}/approve")) == (403, "same_person")
    assert code(await other("POST", f"{path}/withdraw")) == (403, "not_the_recorder")
    assert (await other("POST", f"{path}/approve")).status == 204
    assert code(await other("POST", f"{path}/decline")) == (409, "transfer_moved")
    assert code(await hand_in(other, fees)) == (409, "fee_not_owed")
    order = await FeeOrder.get()
    assert (await finance("GET", "/transfers?state=approved")).json == {
        "items": [
            {
                "id": (await BankTransfer.get()).id,
                "school": school.name,
                "amount_fen": 2 * PRICE_FEN,
                "received_on": "2026-11-20",
                "bank_reference": "20261120-0001",
                "fees": [fee.id for fee in fees],
                "proof_kind": "png",
                "state": "approved",
                "state_label": "已入账",
                "order_number": order.number,
                "recorded_by_name": "王敏",
                "recorded_at": "2026-11-23T12:00:00+08:00",
                "decided_by_name": "王敏",
                "decided_at": "2026-11-23T12:00:00+08:00",
            }
        ],
        "next_cursor": None,
        "before": None,
    }
    assert (await finance("GET", "/transfers?state=recorded")).json["items"] == []
    seat = await seated(app, services, Role.SCHOOL, school=school)
    [seen] = (await seat("GET", "/orders")).json["items"]
    assert (seen["number"], seen["state"], seen["transaction_id"]) == (order.number, "paid", None)
    refund = {"amount_fen": 1, "reason": "考生因病不能参加"}
    assert code(await finance("POST", f"/orders/{order.id}/refund", refund)) == (409, "paid_by_bank")


async def test_only_finance_and_auditors_have_the_proof_and_it_leaves_a_trace(
    app: App, services: Services, school: School, fees: list[Fee]
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    auditor = await seated(app, services, Role.AUDITOR)
    made = await hand_in(finance, fees)
    path = f"/transfers/{made.json['id']}/proof"
    file = await auditor("GET", path)
    assert (file.status, file.content, file.headers["content-type"]) == (200, PNG, "image/png")
    assert file.headers["content-disposition"].startswith("attachment;")
    for role in (Role.SCHOOL, Role.OPERATOR, Role.ISSUER, Role.NOTIFIER):
        who = await seated(app, services, role, school=school if role is Role.SCHOOL else None)
        assert code(await who("GET", path)) == (403, "role_not_allowed")
        if role is not Role.SCHOOL:
            assert code(await who("GET", "/transfers")) == (403, "role_not_allowed")
    assert await AuditEntry.filter(action="transfer.proof").count() == 1


@pytest.mark.parametrize(
    ("changes", "pointer", "code_of_field"),
    [
        ({"proof": None}, "/file", "missing"),
        ({"proof": b"a table"}, "/file", "file_type"),
        ({"amount_fen": str(2 * PRICE_FEN - 1)}, "/amount_fen", "transfer_amount"),
        ({"received_on": "2026-11-24"}, "/received_on", "date_range"),
        ({"bank_reference": "-"}, "/bank_reference", "reference_form"),
        ({"fees": "1,two"}, "/fees", "not_numbers"),
        ({"fees": "1,,2"}, "/fees", "not_numbers"),
    ],
)
async def test_what_is_refused(
    app: App, services: Services, fees: list[Fee], changes: dict[str, Any], pointer: str, code_of_field: str
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    answer = await hand_in(finance, fees, **changes)
    assert code(answer) == (422, "invalid")
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [(pointer, code_of_field)]
    assert await BankTransfer.all().count() == 0


async def test_the_same_post_again_is_the_same_transfer_and_it_is_declined_or_withdrawn(
    app: App, services: Services, fees: list[Fee]
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    for who, end in ((other, "decline"), (finance, "withdraw")):
        finance.extra["idempotency-key"] = f"recorded-once-{end}"
        first, again = [await hand_in(finance, fees) for _ in range(2)]
        assert (first.status, first.json) == (201, again.json)
        finance.extra.clear()
        assert code(await hand_in(finance, fees)) == (409, "transfer_known")
        assert (await who("POST", f"/transfers/{first.json['id']}/{end}")).status == 204
    assert [one.state for one in await BankTransfer.all().order_by("id")] == ["declined", "withdrawn"]
    assert await paying.states() == (["owed"] * 2, [])
