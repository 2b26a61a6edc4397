"""The pages on which two of finance decide: who is offered what, and a school its own transfers only."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.payments import alarms, transfers, waivers
from server.domain.payments.transfer_states import TransferState
from server.domain.payments.waiver_states import WaiverState
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import (
    AuditEntry,
    BankRefund,
    BankTransfer,
    Candidate,
    FeeRefund,
    FeeWaiver,
    FinanceAlarm,
    School,
    Staff,
)
from server.web.console import money_words
from tests.kit import make, paying, reconciling, transferring
from tests.kit.console_desk import code, seated
from tests.kit.home import told
from tests.kit.money_desk import WAIVED, Till, a_busy_till, waiting_for_another

App = Sanic[Any, Any]
SEEN_BY = {
    "finance-alarms": {Role.FINANCE, Role.ADMIN},
    "waivers": {Role.FINANCE, Role.ADMIN, Role.AUDITOR},
    "transfers": {Role.FINANCE, Role.ADMIN, Role.AUDITOR, Role.SCHOOL},
    "transfers/new": {Role.FINANCE, Role.ADMIN},
}


@pytest.fixture
async def school() -> School:
    return await make.school()


@pytest.fixture
async def till(services: Services, school: School) -> Till:
    return await a_busy_till(services, school)


@pytest.fixture
async def waiting(services: Services, till: Till) -> tuple[FeeWaiver, BankTransfer]:
    return await waiting_for_another(services, till)


@pytest.mark.parametrize("role", list(Role))
async def test_who_may_open_which_page(
    app: App, services: Services, waiting: tuple[FeeWaiver, BankTransfer], role: Role
) -> None:
    who = await seated(app, services, role, school=await make.school() if role is Role.SCHOOL else None)
    home = (await who.page("/console/")).text
    for name, roles in SEEN_BY.items():
        assert (await who.page(f"/console/{name}")).status == (200 if role in roles else 403), name
        if "/" not in name:
            assert (f'href="/console/{name}"' in home) is (role in roles), name


@pytest.mark.rule("S57")
async def test_a_school_sees_its_own_transfers_without_their_proof(
    app: App, services: Services, school: School, waiting: tuple[FeeWaiver, BankTransfer]
) -> None:
    _, transfer = waiting
    mine = await seated(app, services, Role.SCHOOL, school=school, username="mine")
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    path = f"/console/transfers/{transfer.id}"
    shown = (await mine.page(path)).text
    assert transfer.bank_reference in shown and "¥241.00" in shown
    assert "/proof" not in shown and "data-post" not in shown
    assert transfer.bank_reference in (await mine.page("/console/transfers")).text
    assert (await stranger.page(path)).status == 404
    assert "还没有登记过转账" in (await stranger.page("/console/transfers")).text
    listed = [(await who("GET", "/transfers")).json["items"] for who in (mine, stranger)]
    assert [len(one) for one in listed] == [2, 0]


async def test_who_asked_is_offered_no_approval_and_another_no_withdrawal(
    app: App, services: Services, waiting: tuple[FeeWaiver, BankTransfer]
) -> None:
    waiver, transfer = waiting
    asker, other = (
        await seated(app, services, Role.FINANCE),
        await seated(app, services, Role.FINANCE, username="finance-two"),
    )
    auditor = await seated(app, services, Role.AUDITOR)
    me = (await Staff.get(username="user-finance")).id
    await FeeWaiver.filter(id=waiver.id).update(asked_by=me)
    await BankTransfer.filter(id=transfer.id).update(recorded_by=me)
    for page, thing in (
        ("/console/waivers", f"/waivers/{waiver.id}"),
        (f"/console/transfers/{transfer.id}", f"/transfers/{transfer.id}"),
    ):
        offered = [
            re.findall(rf'data-post="{thing}/(\w+)"', (await who.page(page)).text)
            for who in (asker, other, auditor)
        ]
        assert offered == [["withdraw"], ["approve", "decline"], []], page
    assert "由另一位财务核对凭证后批准" in (await asker.page(f"/console/transfers/{transfer.id}")).text


async def test_waivers_by_state_plan_and_school(
    app: App, services: Services, school: School, waiting: tuple[FeeWaiver, BankTransfer]
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    plan = await paying.priced(services)
    own = await waivers.ask(
        services.clock, (await paying.owing(services, plan)).id, WAIVED, actor=paying.FINANCE
    )
    await waivers.approve(services.clock, services.queue, services.faults, own.id, actor=paying.OTHER_FINANCE)

    async def count(query: str) -> int:
        page = await finance.page(f"/console/waivers?{query}")
        assert page.status == 200
        return len(re.findall(r"<tr>\s*<td", page.text))

    assert [await count(q) for q in ("", "state=asked", "state=approved", "state=withdrawn")] == [3, 1, 1, 0]
    assert [await count(q) for q in (f"plan_id={plan.id}", f"school={school.name}", "school=没有这所")] == [
        1,
        2,
        0,
    ]
    shown = (await finance.page("/console/waivers?state=approved")).text
    assert WAIVED in shown and "财务甲" in shown and "财务乙" in shown and "已减免" in shown
    assert not any(one.name in shown for one in await Candidate.all())
    assert "没有这样的减免" in (await finance.page("/console/waivers?state=withdrawn")).text


async def test_a_waiver_is_asked_for_from_the_list_of_fees(
    app: App, services: Services, school: School, waiting: tuple[FeeWaiver, BankTransfer], till: Till
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    shown = (await finance.page("/console/fees?state=owed")).text
    offered = [int(one) for one in re.findall(r'data-set-fee="(\d+)"', shown)]
    assert till.owed[1].id in offered and till.owed[0].id not in offered and "减免待批准" in shown
    mine = await seated(app, services, Role.SCHOOL, school=school)
    assert "ask-waiver" not in (await mine.page("/console/fees")).text


async def test_the_form_lists_what_one_school_owes(
    app: App, services: Services, school: School, till: Till
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    [another] = await transferring.owing(services, 1)
    start = (await finance.page("/console/transfers/new")).text
    assert f"{school.name}（4 项，¥482.00）" in start and "data-fen" not in start
    chosen = (await finance.page(f"/console/transfers/new?school_id={school.id}")).text
    assert chosen.count('data-fen="12050"') == 4 and f'value="{another.id}" data-fen' not in chosen
    other = (await finance.page(f"/console/transfers/new?school_id={another.school_id}")).text
    assert f'<input type="checkbox" value="{another.id}" data-fen="12050"' in other
    assert "这所院校没有待缴的费用" in (await finance.page("/console/transfers/new?school_id=987654")).text


async def test_a_transfer_that_cannot_be_approved_any_more_says_so_and_one_that_was_names_its_order(
    app: App, services: Services, waiting: tuple[FeeWaiver, BankTransfer]
) -> None:
    waiver, transfer = waiting
    finance = await seated(app, services, Role.FINANCE)
    path = f"/console/transfers/{transfer.id}"
    assert "不能批准" not in (await finance.page(path)).text
    await waivers.approve(
        services.clock, services.queue, services.faults, waiver.id, actor=paying.OTHER_FINANCE
    )
    assert "这笔转账不能批准" in (await finance.page(path)).text
    by_bank = await transferring.recorded(
        services, *await transferring.owing(services), bank_reference="20261123ICBC0003"
    )
    order = await transfers.approve(paying.box(services), by_bank.id, actor=paying.OTHER_FINANCE)
    page = f"/console/transfers/{by_bank.id}"
    auditor = await seated(app, services, Role.AUDITOR)
    assert f'href="/console/orders/{order.id}"' in (await finance.page(page)).text
    seen = (await auditor.page(page)).text
    assert order.number in seen and "/console/orders/" not in seen
    assert (
        await AuditEntry.filter(action="transfer.proof").count() == 0
    )  # opening the page is not looking at the proof


async def test_home_says_what_waits_for_whom_and_where(
    app: App, services: Services, till: Till, waiting: tuple[FeeWaiver, BankTransfer]
) -> None:
    """One refund, waiver, transfer and refund by bank wait for another than who asked; an alarm and a day for everybody."""
    waiver, transfer = waiting
    fees = await transferring.owing(services)
    await transferring.recorded_back(
        services, await transferring.paid_by_bank(services, *fees, bank_reference="IN-0009")
    )
    today = reconciling.today(services)
    paying.forward(services, days=1)
    till.pay.misprint = reconciling.nothing
    await reconciling.compared(services, till.pay, today)
    asker = await seated(app, services, Role.FINANCE)
    other = await seated(app, services, Role.FINANCE, username="finance-two")
    me = (await Staff.get(username="user-finance")).id
    await FeeRefund.filter(state="asked").update(asked_by=me)
    await FeeWaiver.filter(id=waiver.id).update(asked_by=me)
    await BankTransfer.filter(id=transfer.id).update(recorded_by=me)
    await BankRefund.filter(state="recorded").update(recorded_by=me)

    names = [label for label, _ in money_words.WAITING.values()]
    alarms = await FinanceAlarm.filter(settled_at=None).count()
    assert await told(other) == dict(zip(names, (1, 1, 1, 1, alarms, 1), strict=True))
    assert await told(asker) == dict(zip(names[4:], (alarms, 1), strict=True))
    assert "最早的已等 24 小时" in (await other.page("/console/")).text
    for _, href in money_words.WAITING.values():
        assert (await other.page(href)).status == 200
    operator = await seated(app, services, Role.OPERATOR)
    assert names[0] not in (await operator.page("/console/")).text


async def test_an_alarm_says_what_to_do_and_keeps_how_it_was_settled(
    app: App, services: Services, till: Till
) -> None:
    finance = await seated(app, services, Role.FINANCE)
    [alarm] = await FinanceAlarm.all()
    page = "/console/finance-alarms"
    shown = (await finance.page(page)).text
    assert "同一笔费用付了两次" in shown and "多付 ¥120.50" in shown and till.twice.number in shown
    assert money_words.ADVICE["paid_twice"] in shown and "待处理（1）" in shown
    settle = f"/finance-alarms/{alarm.id}/settle"
    assert code(await finance("POST", settle, {})) == (422, "invalid")
    assert code(await finance("POST", settle, {"note": " 　 　 "})) == (422, "invalid")
    note = "已与考生核对，多付的已退回"
    assert (await finance("POST", settle, {"note": note})).status == 204
    assert (await finance("POST", settle, {"note": "再写一次试试"})).status == 204
    assert "没有要处理的提醒" in (await finance.page(page)).text
    settled = (await finance.page(f"{page}?settled=1")).text
    assert (
        note in settled and "王敏" in settled and "再写一次" not in settled and "settle-alarm" not in settled
    )
    [entry] = await AuditEntry.filter(action="finance_alarm.settle")
    assert entry.became == {"kind": "paid_twice", "note": note}


def test_every_alarm_has_its_advice() -> None:
    assert alarms.KINDS.keys() <= money_words.ADVICE.keys()


def test_every_state_has_its_tone() -> None:
    assert {one.value for life in (WaiverState, TransferState) for one in life} <= money_words.TONES.keys()
