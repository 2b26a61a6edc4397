"""Thousands of orders through every weather that callbacks, answers and processes have; told by a seed.

One `Story` is one payer's: a few fees, one or two orders over them (which may share fees), what he pays, and what WeChat
Pay says of it, when, how often and in what order. Whatever the service does may be killed at any await or fault point.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from server.adapters.wechat.pay import WeChatPay
from server.domain.payments import notifications, orders, payment_polling, refund_sending, refunds
from server.domain.payments.orders import Payer
from server.domain.payments.refund_second_looks import ask_to_give_up, give_up
from server.domain.ports import Services
from server.domain.ports.payments import PayRefund
from server.errors import Conflict, OutsideFailure, Unverified
from server.models import Fee, FeeOrder, FeeRefund, PayInboxEntry
from tests.kit import make, paying
from tests.kit.columns import column
from tests.kit.dying import dies_at
from tests.kit.exchange import exchange
from tests.kit.fake_pay import FakePay
from tests.kit.fakes import Killed
from tests.kit.pay_platform import PayPlatform
from tests.kit.paying import FINANCE, OTHER_FINANCE

MORTAL = 0.15  # of all that the service does, so much is killed at some await
LONGEST = (4, 16, 60)  # awaits: of a short step, of an order, of the booking of a payment
AT_FAULT_POINT = 0.01
LOST = 0.05  # of WeChat Pay's answers
SIGNTEST = "WECHATPAY/SIGNTEST/"


@dataclass
class RandomKiller:
    """Kills at any fault point now and then, and counts where."""

    dice: random.Random
    share: float = AT_FAULT_POINT
    reached: Counter[str] = field(default_factory=Counter)
    killed: Counter[str] = field(default_factory=Counter)

    async def reach(self, place: str) -> None:
        self.reached[place] += 1
        if self.dice.random() < self.share or (self.share and not self.killed[place]):
            self.killed[place] += 1
            raise Killed(place)


@dataclass
class Letter:
    """Something WeChat Pay says, to be signed anew at each arrival."""

    id: str
    event: str
    resource: dict[str, Any]


@dataclass
class Weather:
    """The world, and how often what happened."""

    services: Services
    pay: FakePay
    platform: PayPlatform
    door: WeChatPay
    dice: random.Random
    killer: RandomKiller
    counts: Counter[str] = field(default_factory=Counter)
    late: list[Letter] = field(default_factory=list)  # until the day after

    @classmethod
    def begin(cls, services: Services, platform: PayPlatform, seed: int) -> Weather:
        dice = random.Random(seed)
        killer = RandomKiller(dice)
        platform.clock.set(services.clock.now())
        exchange(services, settings=platform.settings(services.settings), faults=killer)
        pay = FakePay(services.settings, services.clock)
        door = WeChatPay(services.settings, services.clock)
        return cls(services, pay, platform, door, dice, killer)

    def forward(self, **span: float) -> None:
        paying.forward(self.services, **span)
        self.platform.clock.set(self.services.clock.now())

    # What the service does, by processes that die

    async def survives(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> bool:
        """Do it once. False: the process died over it, or WeChat Pay's answer was lost."""
        if self.dice.random() < LOST:
            self.pay.losing = 1
        try:
            if self.dice.random() < MORTAL:
                await dies_at(work(), self.dice.randint(1, self.dice.choice(LONGEST)))
            else:
                await work()
        except Killed:
            self.counts["killed processes"] += 1
            return False
        except OutsideFailure:
            self.counts["lost answers"] += 1
            return False
        return True

    async def until_done(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """As people and the schedule do: again, until it is done."""
        while not await self.survives(work):
            pass

    # What WeChat Pay says

    def payment(self, number: str, *, wrong_fen: int = 0) -> Letter:
        said = self.pay._transaction(number)
        assert said.total_fen is not None
        total = said.total_fen + wrong_fen
        resource = {
            "appid": said.appid,
            "mchid": said.mchid,
            "out_trade_no": number,
            "transaction_id": said.transaction_id,
            "trade_type": "JSAPI",
            "trade_state": "SUCCESS",
            "bank_type": "CMC",
            "success_time": said.paid_at.isoformat() if said.paid_at else "",
            "payer": {"openid": "oPayer"},
            "amount": {"total": total, "payer_total": total, "currency": "CNY"},
        }
        kind = "wrong" if wrong_fen else "paid"
        return Letter(f"EV-{kind}-{number}", "TRANSACTION.SUCCESS", resource)

    def refund(self, number: str) -> Letter:
        said = self.pay.refunds[number]
        resource = {
            "mchid": self.services.settings.pay_mchid,
            "out_trade_no": said.out_trade_no,
            "transaction_id": said.transaction_id,
            "out_refund_no": number,
            "refund_id": said.refund_id,
            "refund_status": said.status,
            "success_time": self.services.clock.now().isoformat(),
            "user_received_account": "招商银行信用卡0403",
            "amount": {"total": said.total_fen, "refund": said.refund_fen, "payer_total": said.total_fen,
                       "payer_refund": said.refund_fen},
        }  # fmt: skip
        return Letter(f"EV-{number}-{said.status}", f"REFUND.{said.status}", resource)

    async def arrives(self, letter: Letter) -> None:
        """WeChat Pay sends it until it is answered; the job that books it comes at once, or never."""
        body = self._body(letter)
        headers = self.platform.headers(body, by=self.dice.choice(("public", "certificate")))
        self.counts["callbacks"] += 1

        async def heard() -> None:
            opened = self.door.open_notification(headers, body)
            await notifications.receive(self.services.clock, self.services.queue, opened)

        await self.until_done(heard)
        if self.dice.random() < 0.7:
            await self.survives(lambda: notifications.apply(paying.box(self.services), letter.id))

    def _body(self, letter: Letter) -> bytes:
        made = self.platform.notification(letter.event, letter.resource)
        head, _, rest = made.partition(b'"id": "')
        return head + b'"id": "' + letter.id.encode() + rest[rest.index(b'"') :]

    def forged(self, letter: Letter) -> None:
        """Somebody who has no key of WeChat Pay says it; the door must see that."""
        body = self._body(letter)
        right = self.platform.headers(body)
        signature = right["Wechatpay-Signature"]
        forgeries: tuple[tuple[dict[str, str], bytes], ...] = (
            (right | {"Wechatpay-Signature": SIGNTEST + signature[len(SIGNTEST) :]}, body),
            (right | {"Wechatpay-Signature": signature[::-1]}, body),
            (right | {"Wechatpay-Serial": "PUB_KEY_ID_0000000000000000000000"}, body),
            (self.platform.headers(body, late=301), body),
            (right, body.replace(b"EV-", b"EV+")),
        )
        try:
            self.door.open_notification(*self.dice.choice(forgeries))
        except Unverified:
            self.counts["forged callbacks"] += 1
        else:
            raise AssertionError("a forged notification was opened")

    # The schedule

    async def sweeps(self) -> None:
        """What every minute brings, with processes that die over it."""
        box = paying.box(self.services)
        for sweep in (
            lambda: notifications.sweep(box),
            lambda: payment_polling.sweep(box, self.pay),
            lambda: refund_sending.sweep(box, self.pay),
        ):
            await self.survives(sweep)

    async def catches_up(self) -> None:
        """As many minutes as it takes until nothing that has come waits, and no refund is to be asked after."""
        while True:
            await self.sweeps()
            self.forward(minutes=3)
            await self.two_of_finance_end_what_is_refused()
            waiting = await column(FeeRefund.filter(state__in=("sending", "accepted")), "number")
            unheard = [n for n in waiting if n not in self.pay.refunds or self._has_ended(n)]
            if not unheard and not await PayInboxEntry.filter(applied_at=None).exists():
                return

    async def two_of_finance_end_what_is_refused(self) -> None:
        """Somebody gave back in the merchant console while ours was on its way: WeChat Pay has nothing left to give."""
        box = paying.box(self.services)
        for refund in await FeeRefund.filter(state="sending", trouble__contains="INVALID_REQUEST"):
            self.counts["refunds ended by two"] += 1
            for step, who in ((ask_to_give_up, FINANCE), (give_up, OTHER_FINANCE)):
                await self._as_finance(partial(step, box, self.pay, refund.id, actor=who))
                self.forward(minutes=3)

    async def _as_finance(self, act: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Again until it is done; what was done before the process died is refused as done."""
        try:
            await self.until_done(act)
        except Conflict as done:
            assert done.code in ("refund_wished", "refund_moved"), done.code

    def _has_ended(self, number: str) -> bool:
        return self.pay.refunds[number].status in ("SUCCESS", "CLOSED")


@dataclass
class Story:
    """One payer and his fees."""

    weather: Weather
    fees: list[Fee]
    plan: tuple[tuple[tuple[int, ...], Payer], ...]  # which fees by which order, and who pays it
    numbers: list[str] = field(default_factory=list)

    async def happens(self) -> None:
        w = self.weather
        letters: list[Letter] = []
        for which, payer in self.plan:
            number = await self._ordered(which, payer)
            if number is None:
                continue
            w.counts["orders"] += 1
            if w.dice.random() < 0.1:
                w.counts["never paid"] += 1
                continue
            if w.dice.random() < 0.04:
                wrong = (
                    w.payment(number, wrong_fen=w.dice.choice((-1, 1, 100))) if self._pay(number) else None
                )
                letters += [wrong] if wrong is not None else []
                w.counts["wrong-amount callbacks"] += wrong is not None
            self._pay(number)
            letters += self._said(number)
        w.dice.shuffle(letters)
        w.counts["reordered stories"] += len(letters) > 1
        for letter in letters:
            await w.arrives(letter)

    def _pay(self, number: str) -> bool:
        """The payer pays, once."""
        if self.weather.pay._pay(number):
            self.weather.counts["payments"] += 1
        return self.weather.pay.orders[number].transaction is not None

    async def _ordered(self, which: tuple[int, ...], payer: Payer) -> str | None:
        """Asked for and opened, again until it is there; None when another order has settled a fee meanwhile."""
        w, s = self.weather, self.weather.services
        made: list[FeeOrder] = []

        async def order() -> None:
            made.append(
                await orders.create(s.clock, [self.fees[n].id for n in which], payer, actor=make.ADMIN)
            )

        async def opened() -> None:
            box, order_id = paying.box(s), made[-1].id
            if payer.openid:
                await orders.open_cashier(box, w.pay, order_id, payer, "getBrandWCPayRequest")
            else:
                await orders.native_code(box, w.pay, order_id, payer)

        try:
            await w.until_done(order)
            await w.until_done(opened)
        except Conflict:
            w.counts["refused orders"] += 1
            return None
        self.numbers.append(made[-1].number)
        return made[-1].number

    def _said(self, number: str) -> list[Letter]:
        w, letter = self.weather, self.weather.payment(number)
        weather = w.dice.random()
        if w.dice.random() < 0.1:
            w.forged(letter)
        if weather < 0.15:
            w.counts["lost callbacks"] += 1
            return []
        if weather < 0.30:
            w.counts["24-hour-late callbacks"] += 1
            w.late.append(letter)
            return []
        copies = w.dice.choice((1, 1, 2, 3))
        w.counts["duplicated callbacks"] += copies - 1
        if w.dice.random() < 0.1:  # and once more tomorrow
            w.counts["duplicated callbacks"] += 1
            w.late.append(letter)
        return [letter] * copies


async def all_at_once(stories: list[Story], *, at_once: int = 6) -> None:
    """So many at a time, as they come."""
    waiting = iter(stories)

    async def some() -> None:
        for story in waiting:
            await story.happens()

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(some())


async def give_back(w: Weather) -> None:
    """Finance gives back some of what is paid, in part and whole; some by hand in WeChat Pay's console."""
    for order in await FeeOrder.filter(state="paid", way__in=("jsapi", "native")).order_by("id"):
        chance = w.dice.random()
        if chance < 0.02:
            await _by_hand(w, order)
        elif chance < 0.15:
            await _asked_for(w, order, w.dice.choice((1, order.total_fen // 2, order.total_fen)))
    await w.sweeps()


async def _asked_for(w: Weather, order: FeeOrder, fen: int) -> None:
    s = w.services

    async def ask() -> None:
        if not await FeeRefund.filter(order_id=order.id).exists():
            await refunds.ask(s.clock, order.id, fen, "考生不能参加考试", actor=FINANCE)

    await w.until_done(ask)
    refund = await FeeRefund.get(order_id=order.id)

    async def approve() -> None:
        if (await FeeRefund.get(id=refund.id)).state == "asked":
            await refunds.approve(s.clock, s.queue, s.faults, refund.id, actor=OTHER_FINANCE)

    await w.until_done(approve)
    w.counts["refunds by two people"] += 1
    await w.survives(lambda: refund_sending.send(paying.box(s), w.pay, refund.id))


async def _by_hand(w: Weather, order: FeeOrder) -> None:
    kept = w.pay.orders[order.number]
    assert kept.transaction is not None
    number = f"byhand{order.id}"
    fen = order.total_fen
    kept.state, kept.refunded_fen = "REFUND", fen
    w.pay.refunds[number] = PayRefund(
        order.number, kept.transaction, number, f"5039{order.id:017d}", "SUCCESS", fen, fen,
        created_at=w.services.clock.now(),
    )  # fmt: skip
    w.counts["refunds by hand"] += 1
    await w.arrives(w.refund(number))


async def refunds_end(w: Weather) -> None:
    """The bank has decided; WeChat Pay says so, twice, late, or not at all."""
    for number, known in list(w.pay.refunds.items()):
        if known.status not in ("PROCESSING", "ABNORMAL"):
            continue
        w.pay.refund_status = w.dice.choice(("SUCCESS",) * 8 + ("CLOSED", "ABNORMAL"))
        w.pay._end_refund(number)
        if w.pay.refund_status == "CLOSED":
            kept = w.pay.orders[known.out_trade_no]
            kept.refunded_fen -= known.refund_fen
        w.counts[f"refunds ended {w.pay.refund_status}"] += 1
        letter = w.refund(number)
        if any(one.resource["out_trade_no"] == known.out_trade_no for one in w.late):
            w.counts["refund-before-payment callbacks"] += 1
        least = (
            1 if known.status == "ABNORMAL" else 0
        )  # nobody asks after it: a person decides, and WeChat Pay tells
        for _ in range(w.dice.choice((least, 1, 1, 2))):
            await w.arrives(letter)
        if w.pay.refund_status == "ABNORMAL" or w.dice.random() < 0.1:
            w.late.append(letter)
