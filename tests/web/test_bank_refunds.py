"""银行退款 through the console API, and its pages: who is offered what, and a school its own alone."""

from __future__ import annotations

import re
from typing import Any

import pytest

from server.domain.payments.bank_refund_states import BankRefundState
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, BankRefund, Candidate, FeeOrder, School, Staff
from server.web.console import money_words
from tests.kit import make, paying, transferring
from tests.kit.console_desk import Browser, code, seated
from tests.kit.fake_pay import FakePay
from tests.kit.h5 import App
from tests.kit.paying import PRICE_FEN

PNG = b"\x89PNG\r\n\x1a\n a picture of the bank's slip"
SEEN_BY = {Role.FINANCE, Role.ADMIN, Role.AUDITOR, Role.SCHOOL}


@pytest.fixture
async def school() -> School:
    return await make.school()


@pytest.fixture
async def order(services: Services, school: School) -> FeeOrder:
    return await transferring.paid_by_bank(services, *await transferring.owing(services, 2, school))


async def hand_in(who: Browser, order: FeeOrder, *, proof: bytes | None = PNG, **changes: Any) -> Any:
    said = {
        "order_id": str(order.id),
        "amount_fen": str(order.total_fen),
        "paid_on": "2026-11-23",
        "bank_reference": "20261123-0009",
        "reason": "考生改期，院校申请退回",
        **changes,
    }
    files = {"file": ("回单.pdf", proof or b"", "application/pdf")}  # what it is called proves nothing
    if proof is None:
        files = {"other": ("x", b"x", "text/plain")}
    return await who("POST", "/bank-refunds", data=said, files=files)


async def test_finance_records_another_approves_and_the_order_is_given_back(
    app: App, services: Services, school: School, order: FeeOrder
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    made = await hand_in(finance, order)
    assert made.status == 201, made.text
    path = f"/bank-refunds/{made.json['id']}"
    assert code(await finance("POST", f"{path}/approve")) == (403, "same_person")
    assert code(await other("POST", f"{path}/withdraw")) == (403, "not_the_recorder")
    assert (await other("POST", f"{path}/approve")).status == 204
    assert code(await other("POST", f"{path}/decline")) == (409, "bank_refund_moved")
    assert code(await hand_in(other, order, bank_reference="20261123-0010")) == (409, "order_moved")
    assert (await finance("GET", "/bank-refunds?state=approved")).json == {
        "items": [
            {
                "id": made.json["id"],
                "order_id": order.id,
                "order_number": order.number,
                "school": school.name,
                "amount_fen": 2 * PRICE_FEN,
                "paid_on": "2026-11-23",
                "bank_reference": "20261123-0009",
                "reason": "考生改期，院校申请退回",
                "proof_kind": "png",
                "state": "approved",
                "state_label": "已退回",
                "recorded_by_name": "王敏",
                "recorded_at": "2026-11-23T12:00:00+08:00",
                "decided_by_name": "王敏",
                "decided_at": "2026-11-23T12:00:00+08:00",
            }
        ],
        "next_cursor": None,
        "before": None,
    }
    assert (await finance("GET", "/bank-refunds?state=recorded")).json["items"] == []
    assert (await finance("GET", "/bank-refunds?school=没有这所")).json["items"] == []
    seat = await seated(app, services, Role.SCHOOL, school=school)
    shown = (await seat("GET", f"/orders/{order.id}")).json
    assert (shown["state"], shown["refunded_fen"]) == ("refunded", 2 * PRICE_FEN)
    await paying.check_books()


@pytest.mark.parametrize(
    ("changes", "pointer", "code_of_field"),
    [
        ({"proof": None}, "/file", "missing"),
        ({"proof": b""}, "/file", "missing"),
        ({"proof": b"a table"}, "/file", "file_type"),
        ({"amount_fen": str(2 * PRICE_FEN + 1)}, "/amount_fen", "refund_too_much"),
        ({"order_id": "0"}, "/order_id", "out_of_range"),
        ({"amount_fen": "0"}, "/amount_fen", "out_of_range"),
        ({"paid_on": "2026-11-24"}, "/paid_on", "date_range"),
        ({"paid_on": "2026-11-22"}, "/paid_on", "date_range"),
        ({"bank_reference": "-"}, "/bank_reference", "reference_form"),
        ({"reason": "退　　 款"}, "/reason", "reason_length"),
        ({"reason": "退"}, "/reason", "text_length"),
    ],
)
async def test_what_is_refused(
    app: App, services: Services, order: FeeOrder, changes: dict[str, Any], pointer: str, code_of_field: str
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    answer = await hand_in(finance, order, **changes)
    assert code(answer) == (422, "invalid")
    assert [(one["pointer"], one["code"]) for one in answer.json["errors"]] == [(pointer, code_of_field)]
    assert await BankRefund.all().count() == 0


async def test_an_order_that_is_not_there(app: App, services: Services, order: FeeOrder) -> None:
    finance = await seated(app, services, Role.FINANCE)
    for number in (987_654, 2**62):
        assert code(await hand_in(finance, order, order_id=str(number))) == (404, "order_unknown")
    assert await BankRefund.all().count() == 0


async def test_an_order_that_wechat_pay_has_says_where_it_is_given_back(
    app: App, services: Services, school: School
) -> None:
    pay = FakePay(services.settings, services.clock)
    paid = await paying.paid(services, pay, *await transferring.owing(services, 1, school))
    finance = await seated(app, services, Role.FINANCE)
    answer = await hand_in(finance, paid)
    assert code(answer) == (409, "paid_by_wechat")
    assert "请在订单页点“提出退款”" in answer.json["detail"]
    page = (await finance.page(f"/console/orders/{paid.id}")).text
    assert 'data-open="bank-refund"' not in page and 'data-open="ask-refund"' in page


async def test_the_same_post_again_is_the_same_refund_and_it_is_declined_or_withdrawn(
    app: App, services: Services, order: FeeOrder
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    for who, end in ((other, "decline"), (finance, "withdraw")):
        finance.extra["idempotency-key"] = f"recorded-once-{end}"
        first, again = [await hand_in(finance, order, amount_fen="5000") for _ in range(2)]
        assert (first.status, first.json) == (201, again.json)
        finance.extra.clear()
        assert code(await hand_in(finance, order, amount_fen="5000")) == (409, "bank_refund_known")
        assert (await who("POST", f"/bank-refunds/{first.json['id']}/{end}")).status == 204
    assert [one.state for one in await BankRefund.all().order_by("id")] == ["declined", "withdrawn"]
    assert await paying.states() == (["settled"] * 2, ["paid"])


async def test_only_finance_and_auditors_have_the_proof_and_it_leaves_a_trace(
    app: App, services: Services, school: School, order: FeeOrder
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    auditor = await seated(app, services, Role.AUDITOR)
    path = f"/bank-refunds/{(await hand_in(finance, order)).json['id']}/proof"
    file = await auditor("GET", path)
    assert (file.status, file.content, file.headers["content-type"]) == (200, PNG, "image/png")
    assert file.headers["content-disposition"].startswith("attachment;")
    for role in (Role.SCHOOL, Role.OPERATOR, Role.ISSUER, Role.NOTIFIER):
        who = await seated(app, services, role, school=school if role is Role.SCHOOL else None)
        assert code(await who("GET", path)) == (403, "role_not_allowed")
        assert (code(await hand_in(who, order, bank_reference="AB-0002"))) == (403, "role_not_allowed")
    assert await AuditEntry.filter(action="bank_refund.proof").count() == 1


# The pages


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_open_the_pages(
    app: App, services: Services, school: School, order: FeeOrder, role: Role
) -> None:
    refund = await transferring.recorded_back(services, order, amount_fen=5_000)
    who = await seated(app, services, role, school=school if role is Role.SCHOOL else None)
    expected = 200 if role in SEEN_BY else 403
    for path in ("bank-refunds", f"bank-refunds/{refund.id}"):
        assert (await who.page(f"/console/{path}")).status == expected, path
    if role in SEEN_BY:
        assert 'href="/console/bank-refunds"' in (await who.page("/console/transfers")).text


@pytest.mark.rule("S57")
async def test_a_school_sees_its_own_refunds_without_their_proof(
    app: App, services: Services, school: School, order: FeeOrder
) -> None:
    refund = await transferring.given_back(services, order, amount_fen=5_000)
    mine = await seated(app, services, Role.SCHOOL, school=school, username="mine")
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    path = f"/console/bank-refunds/{refund.id}"
    shown = (await mine.page(path)).text
    assert refund.bank_reference in shown and "¥50.00" in shown and transferring.REASON in shown
    assert "/proof" not in shown and "data-post" not in shown
    assert refund.bank_reference in (await mine.page("/console/bank-refunds")).text
    own = (await mine.page(f"/console/orders/{order.id}")).text
    assert "部分退款" in own and "已退回" in own and "对公转账" in own
    assert 'data-open="bank-refund"' not in own and "登记银行退款" not in own
    assert not any(one.name in shown + own for one in await Candidate.all())
    assert (await stranger.page(path)).status == 404
    assert "还没有登记过银行退款" in (await stranger.page("/console/bank-refunds")).text
    listed = [(await who("GET", "/bank-refunds")).json["items"] for who in (mine, stranger)]
    assert [len(one) for one in listed] == [1, 0]


async def test_who_recorded_is_offered_no_approval_and_another_no_withdrawal(
    app: App, services: Services, order: FeeOrder
) -> None:
    refund = await transferring.recorded_back(services, order)
    recorder = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    auditor = await seated(app, services, Role.AUDITOR)
    me = (await Staff.get(username="user-finance")).id
    await BankRefund.filter(id=refund.id).update(recorded_by=me)
    pages = [
        (await who.page(f"/console/bank-refunds/{refund.id}")).text for who in (recorder, other, auditor)
    ]
    offered = [re.findall(rf'data-post="/bank-refunds/{refund.id}/(\w+)"', page) for page in pages]
    assert offered == [["withdraw"], ["approve", "decline"], []]
    assert "由另一位财务核对凭证后批准" in pages[0]
    assert "订单变为“已退款”" in pages[1]


async def test_the_order_offers_the_form_while_something_is_left(
    app: App, services: Services, order: FeeOrder
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    address = f"/console/orders/{order.id}"
    shown = (await finance.page(address)).text
    assert 'data-open="bank-refund"' in shown and "还可以退 <b>¥241.00</b>。" in shown
    assert 'data-least="2026-11-23"' in shown and "没有退款。银行退回以后" in shown
    await transferring.recorded_back(services, order, amount_fen=5_000, bank_reference="BACK-1")
    shown = (await finance.page(address)).text
    assert "还可以退 <b>¥191.00</b>，另有 ¥50.00 待批准。" in shown and "BACK-1" in shown
    await transferring.recorded_back(services, order, amount_fen=19_100, bank_reference="BACK-2")
    shown = (await finance.page(address)).text
    assert 'data-open="bank-refund"' not in shown and "BACK-2" in shown
    auditor = await seated(app, services, Role.AUDITOR)
    assert (await auditor.page(f"/console/bank-refunds/{(await BankRefund.first()).id}")).status == 200  # type: ignore[union-attr]  # it is there


def test_every_state_has_its_tone() -> None:
    assert {one.value for one in BankRefundState} <= money_words.TONES.keys()
