"""The console's hands for refunds that do not come through: what the page offers whom, and what the API does."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain.payments import refund_sending, refunds
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import PayRefused
from server.models import FeeOrder, FeeRefund, FinanceAlarm
from tests.kit import paying
from tests.kit.console_desk import CARD, Browser, code, seated
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.paying import PRICE_FEN

App = Sanic[Any, Any]


@pytest.fixture
def pay(services: Services) -> FakePay:
    fake = FakePay(services.settings, services.clock)
    exchange(services, pay=fake)
    return fake


@pytest.fixture
async def two(app: App, services: Services) -> tuple[Browser, Browser]:
    return (
        await seated(app, services, Role.FINANCE, username="first"),
        await seated(app, services, Role.FINANCE, username="second"),
    )


async def approved(s: Services, pay: FakePay) -> FeeRefund:
    order = await paying.paid(s, pay, await paying.owing(s, await paying.priced(s)))
    asked = await refunds.ask(s.clock, order.id, PRICE_FEN, "考生因病不能参加", actor=paying.FINANCE)
    await refunds.approve(s.clock, s.queue, s.faults, asked.id, actor=paying.OTHER_FINANCE)
    return await FeeRefund.get(id=asked.id)


async def test_two_of_finance_end_what_wechat_pay_refuses(
    services: Services, pay: FakePay, two: tuple[Browser, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    s, (first, second) = services, two
    refund = await approved(s, pay)

    async def refuse(*_: object) -> None:
        raise PayRefused("PARAM_ERROR", "参数错误", status=400)

    monkeypatch.setattr(pay, "refund", refuse)
    await refund_sending.send(paying.box(s), pay, refund.id)
    path = f"/refunds/{refund.id}"
    offered = (await first.page("/console/refunds")).text
    assert "提出终止" in offered and "参数错误" in offered and "确认终止</button>" not in offered
    assert (await first("POST", f"{path}/ask-to-give-up", {})).status == 204
    assert "确认终止</button>" not in (await first.page("/console/refunds")).text
    assert "确认终止</button>" in (await second.page("/console/refunds")).text
    assert code(await second("POST", f"{path}/give-up", {})) == (409, "refund_on_its_way")
    paying.forward(s, minutes=2)
    assert code(await first("POST", f"{path}/give-up", {})) == (403, "same_person")
    listed = (await second("GET", "/refunds")).json["items"][0]
    assert (listed["wish"], listed["state"]) == ("give_up", "sending")
    assert (await second("POST", f"{path}/give-up", {})).status == 204
    assert ((await FeeRefund.get()).state, (await FeeOrder.get()).state) == ("ended", "paid")


async def test_a_dry_balance_is_written_on_the_page(
    services: Services, pay: FakePay, two: tuple[Browser, Browser]
) -> None:
    refund = await approved(services, pay)
    pay.balance_fen = 0
    await refund_sending.send(paying.box(services), pay, refund.id)
    assert refund_sending.SHORT in (await two[0].page("/console/refunds")).text


async def test_two_of_finance_type_the_card(
    services: Services, pay: FakePay, two: tuple[Browser, Browser]
) -> None:
    s, (first, second) = services, two
    refund = await approved(s, pay)
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay.refund_status = "ABNORMAL"
    pay._end_refund(refund.number)
    paying.forward(s, minutes=3)
    await paying.sweep(s, pay)
    path = f"/refunds/{refund.id}"
    assert "改退银行卡</button>" in (await first.page("/console/refunds")).text
    wrong = await first("POST", f"{path}/ask-to-redirect", CARD | {"account": "6225-8801-2345-6789"})
    assert wrong.status == 422 and "6789" not in wrong.text
    assert (await first("POST", f"{path}/ask-to-redirect", CARD)).status == 204
    assert "确认银行卡</button>" not in (await first.page("/console/refunds")).text
    page = (await second.page("/console/refunds")).text
    assert "确认银行卡</button>" in page and "6789" not in page and CARD["holder"] not in page
    assert code(await second("POST", f"{path}/redirect", CARD | {"holder": "李四"}))[0] == 422
    assert (await second("POST", f"{path}/redirect", CARD)).status == 204
    assert (await FeeRefund.get()).state == "accepted"
    assert [card.account for card in pay.redirected] == ["6225880123456789"]


async def test_a_refund_of_the_merchant_console_is_booked_by_its_number(
    app: App, services: Services, pay: FakePay, two: tuple[Browser, Browser]
) -> None:
    s, (first, _) = services, two
    assert code(await first("POST", "/refunds/book", {"number": "hand1"})) == (404, "refund_unknown_there")
    refund = await approved(s, pay)
    await refund_sending.send(paying.box(s), pay, refund.id)
    pay._end_refund(refund.number)
    assert (await first("POST", "/refunds/book", {"number": refund.number})).status == 204
    assert await paying.states() == (["refunded"], ["refunded"])
    operator = await seated(app, s, Role.OPERATOR)
    assert (await operator("POST", "/refunds/book", {"number": "hand1"})).status == 403
    assert await FinanceAlarm.filter(settled_at=None).count() == 0
