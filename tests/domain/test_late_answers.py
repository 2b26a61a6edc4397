"""Answers that go late: at most one message, inside its window, and a row that tells the truth."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import asyncpg
import pytest
from tortoise import connections

from server import worker
from server.adapters.wechat.errcodes import refusal_of
from server.domain.ports import Push, Services
from server.domain.wechat_chat import late_answers, push_inbox, pushes
from server.domain.wechat_chat.push_states import MOST_ATTEMPTS, STEPS, PushState
from server.errors import OutsideFailure
from server.models import Follower, PushSeen
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatSender
from tests.kit.fakes import FakeClock, Killed, KillerFaultInjector, ListQueue
from tests.kit.lives import without_row

OPENID = "o-candidate-000000000000000"


def asked(s: Services, text: str = "帮助", **more: Any) -> Push:
    """A text message of this second."""
    made = Push(
        "oa", "text", False, OPENID, "gh_1", int(s.clock.now().timestamp()), f"oa:message:{text}", text=text
    )
    return dataclasses.replace(made, **more)


def event(s: Services, kind: str, event_key: str = "", account: str = "oa") -> Push:
    return asked(s, kind=kind, is_event=True, event_key=event_key, account=account, text="", key=f"k:{kind}")


def wechat(s: Services) -> FakeWeChatSender:
    assert isinstance(s.wechat_sender, FakeWeChatSender)
    return s.wechat_sender


async def later(s: Services, **span: float) -> None:
    """Time passes; then the sweep comes by and workers do what is there."""
    assert isinstance(s.clock, FakeClock) and isinstance(s.queue, ListQueue)
    s.clock.forward(**span)
    await late_answers.sweep(s)
    await s.queue.drain(s, worker.TASKS)


async def drained(s: Services) -> PushSeen:
    assert isinstance(s.queue, ListQueue)
    await s.queue.drain(s, worker.TASKS)
    return await PushSeen.get()


async def test_what_was_handed_over_is_told_once(services: Services) -> None:
    push = asked(services)
    assert await pushes.hand_over(services, push) == ""
    waiting = await PushSeen.get()
    assert (waiting.state, waiting.reply) == ("waiting", None)
    assert waiting.push is not None
    assert OPENID.encode() not in bytes(waiting.push) and "帮助".encode() not in bytes(waiting.push)
    assert [await pushes.receive(services, push) for _ in range(3)] == ["", "", ""]
    row = await drained(services)
    ((account, openid, text),) = wechat(services).texts
    assert (account, openid) == ("oa", OPENID)
    assert text.startswith("回复“成绩”查询")
    assert (row.state, row.attempts, row.push, row.last_error) == ("sent", 1, None, "")
    assert await pushes.receive(services, push) == ""
    await later(services, minutes=2)
    await late_answers.answer(services, push.key)
    assert len(wechat(services).texts) == 1


async def test_workers_that_come_together_tell_once(services: Services) -> None:
    push = asked(services)
    await pushes.hand_over(services, push)
    await asyncio.gather(*(late_answers.answer(services, push.key) for _ in range(6)))
    assert (len(wechat(services).texts), (await PushSeen.get()).state) == (1, "sent")


async def test_an_answer_that_was_quicker_is_given_at_once(services: Services) -> None:
    push = asked(services)
    reply = await pushes.receive(services, push)
    assert await pushes.hand_over(services, push) == reply != ""
    row = await drained(services)
    assert (row.state, row.push, wechat(services).texts) == ("answered", None, [])
    other = asked(services, "证书")
    await pushes.hand_over(services, other)
    assert await pushes.settle(services.clock, services.keys, other, "太晚的回答") == ""


@pytest.mark.parametrize(
    ("seconds", "kind", "account", "state"),
    [
        (48 * 3600 - 1, "text", "oa", "sent"),
        (48 * 3600, "text", "oa", "closed"),
        (59, "click", "oa", "sent"),
        (60, "click", "oa", "closed"),
        (59, "subscribe", "oa", "sent"),
        (60, "subscribe", "oa", "closed"),
        (60, "scan", "oa", "closed"),
        (60, "scancode_waitmsg", "oa", "closed"),
        (59, "user_enter_tempsession", "mp", "sent"),
        (60, "user_enter_tempsession", "mp", "closed"),
    ],
)
async def test_nothing_is_sent_outside_the_window(
    services: Services, seconds: int, kind: str, account: str, state: str
) -> None:
    push = asked(services) if kind == "text" else event(services, kind, "HELP", account)
    await pushes.hand_over(services, push)
    assert isinstance(services.clock, FakeClock)
    services.clock.forward(seconds=seconds)
    row = await drained(services)
    assert (row.state, len(wechat(services).texts)) == (state, int(state == "sent"))
    assert row.last_error.endswith("后的时限已过") is (state == "closed")


async def test_work_without_words_is_finished(services: Services) -> None:
    await pushes.hand_over(services, event(services, "unsubscribe"))
    row = await drained(services)
    assert (row.state, wechat(services).texts) == ("done", [])
    assert (await Follower.get(openid=OPENID)).is_following is False


@pytest.mark.parametrize(
    ("answers", "state", "told", "said"),
    [
        (
            [refusal_of(45015, "out of time limit")],
            "refused",
            0,
            "微信返回错误 45015：已过时限或对方已取消关注",
        ),
        ([refusal_of(45047, "too many")], "refused", 0, "微信返回错误 45047：已达条数上限"),
        ([refusal_of(43004, "require subscribe")], "refused", 0, "微信返回错误 43004：对方没有关注"),
        ([refusal_of(40003, "invalid openid")], "refused", 0, "微信返回错误 40003：收件人不属于这个账号"),
        ([OutsideFailure("微信没有回答", unknown=True)], "unknown", 0, "微信没有回答"),
        ([refusal_of(-1, "busy"), OutsideFailure("无法连接微信")], "sent", 1, ""),
        ([refusal_of(-1, "busy")] * MOST_ATTEMPTS, "failed", 0, "微信返回错误 -1"),
    ],
)
async def test_what_wechat_says_decides(
    services: Services, answers: list[Exception], state: str, told: int, said: str
) -> None:
    wechat(services).answers = list(answers)
    await pushes.hand_over(services, asked(services))
    await drained(services)
    for _ in range(MOST_ATTEMPTS + 1):
        await later(services, minutes=10)
    row = await PushSeen.get_or_none()
    assert row is not None
    assert (row.state, len(wechat(services).texts), row.last_error) == (state, told, said)
    assert row.push is None


async def test_a_pause_is_kept(services: Services) -> None:
    wechat(services).answers = [refusal_of(45011, "rate")]
    push = asked(services)
    await pushes.hand_over(services, push)
    await drained(services)
    row = await PushSeen.get()
    assert (row.state, row.last_error) == ("waiting", "微信返回错误 45011")
    await late_answers.answer(services, push.key)
    assert wechat(services).texts == []
    assert isinstance(services.clock, FakeClock)
    services.clock.forward(seconds=5)
    await late_answers.answer(services, push.key)
    assert len(wechat(services).texts) == 1


PLACES = (
    "pushes.receive: taken in",
    "pushes.receive: worked",
    "pushes.hand_over: written",
    "late_answers: begun",
    "late_answers: worked",
    "late_answers: before the send",
    "late_answers: after the send",
)


async def test_every_place_is_reached(services: Services) -> None:
    await pushes.receive(services, asked(services, "成绩"))
    await pushes.hand_over(services, asked(services))
    assert isinstance(services.queue, ListQueue) and isinstance(services.faults, KillerFaultInjector)
    await services.queue.drain(services, worker.TASKS)
    assert set(services.faults.reached) == set(PLACES)


@pytest.mark.parametrize("place", PLACES)
async def test_killed_between_any_two_lines(services: Services, place: str) -> None:
    """At most one message, and the row says whether there was one."""
    exchange(services, faults=KillerFaultInjector(place))
    push = asked(services)
    with pytest.raises(Killed):
        await (pushes.receive if place.startswith("pushes.receive") else pushes.hand_over)(services, push)
        await drained(services)
    assert isinstance(services.queue, ListQueue)
    services.queue.jobs.clear()  # the job died with its worker, or was never there
    for _ in range(3):
        await later(services, minutes=2)
    row = await PushSeen.get_or_none()
    told = len(wechat(services).texts)
    if place.startswith("pushes"):  # WeChat pushes again, and then hears the same
        assert told == 0
        again = await pushes.receive(services, push)
        state = "" if row is None else row.state
        assert (state, again == "") == (
            ("closed", True) if place.startswith("pushes.receive") else ("", False)
        )
        return
    assert row is not None and row.push is None
    expected = {
        "late_answers: begun": ("sent", 1),
        "late_answers: worked": ("sent", 1),
        "late_answers: before the send": ("unknown", 0),
        "late_answers: after the send": ("unknown", 1),
    }
    assert (row.state, told) == expected[place]
    assert row.last_error == ("" if row.state == "sent" else late_answers.NO_ANSWER)


async def test_a_worker_that_was_only_slow_corrects_the_row(services: Services) -> None:
    push = asked(services)
    await pushes.hand_over(services, push)

    class Slow(FakeWeChatSender):
        async def send_text(self, account: str, openid: str, text: str) -> None:
            await later(services, minutes=2)
            assert (await PushSeen.get()).state == "unknown"
            await super().send_text(account, openid, text)

    slow = Slow()
    exchange(services, wechat_sender=slow)
    row = await drained(services)
    assert (row.state, len(slow.texts)) == ("sent", 1)


async def test_a_push_that_everybody_dropped_is_done_but_not_told(services: Services) -> None:
    """WeChat's repeats are over and it has told the person itself; what the push means is still taken in."""
    await push_inbox.take_in(services.clock, services.keys, asked(services))
    assert isinstance(services.queue, ListQueue)
    await late_answers.sweep(services)
    assert services.queue.jobs == []
    await later(services, seconds=61)
    row = await PushSeen.get()
    assert (row.state, row.last_error) == ("closed", "没有及时处理，微信已提示对方稍后再试")
    assert (await Follower.get(openid=OPENID)).is_following is True
    assert wechat(services).texts == []


async def test_work_that_fails_again_and_again_ends_with_a_word(services: Services) -> None:
    """Whoever asked is told to ask again; an event about which nobody waits just ends."""
    db = connections.get("default")
    await db.execute_query("ALTER TABLE binding RENAME TO away")
    await db.execute_query("ALTER TABLE delivery RENAME TO away_too")
    question, silent = asked(services, "成绩"), event(services, "templatesendjobfinish")
    await pushes.hand_over(services, question)
    await pushes.hand_over(services, silent)
    for turn in range(MOST_ATTEMPTS + 1):
        assert len(wechat(services).texts) == (1 if turn == MOST_ATTEMPTS else 0)
        await later(services, minutes=6)
    assert wechat(services).texts == [("oa", OPENID, pushes.BUSY)]
    rows = {row.key: (row.state, row.attempts, row.last_error) for row in await PushSeen.all()}
    error = "处理出错：OperationalError"
    assert rows == {
        question.key: ("sent", MOST_ATTEMPTS, error),
        silent.key: ("failed", MOST_ATTEMPTS, error),
    }


async def test_work_that_failed_once_is_told_in_full(services: Services) -> None:
    db = connections.get("default")
    await db.execute_query("ALTER TABLE binding RENAME TO away")
    await pushes.hand_over(services, asked(services, "成绩"))
    row = await drained(services)
    assert (row.state, wechat(services).texts) == ("waiting", [])
    await db.execute_query("ALTER TABLE away RENAME TO binding")
    await later(services, minutes=2)
    ((_, _, told),) = wechat(services).texts
    assert told.startswith("尚未绑定考生信息")
    assert ((await PushSeen.get()).state, (await PushSeen.get()).last_error) == ("sent", "")


async def test_what_hangs_does_not_hold_up_a_worker(services: Services, db: str) -> None:
    push = asked(services, "成绩")
    await pushes.hand_over(services, push)
    link = await asyncpg.connect(db)
    async with link.transaction():
        await link.execute("LOCK TABLE binding IN ACCESS EXCLUSIVE MODE")
        await late_answers.answer(services, push.key, within=0.1)
    await link.close()
    row = await PushSeen.get()
    assert (row.state, row.last_error) == ("waiting", "处理出错：TimeoutError")
    await later(services, minutes=2)
    assert ((await PushSeen.get()).state, len(wechat(services).texts)) == ("sent", 1)


@pytest.mark.parametrize("state", PushState, ids=lambda state: state.value)
async def test_settled_pushes_are_forgotten_after_two_hours(services: Services, state: PushState) -> None:
    now = services.clock.now()
    await PushSeen.create(
        key="k",
        at=now,
        state=state.value,
        push=None if state.is_settled else push_inbox.sealed(services.keys, asked(services)),
        reply=services.keys.encrypt("78.5 分", about="push_seen.reply")
        if state is PushState.ANSWERED
        else None,
        late_since=now,
        next_try_at=now,
        settled_at=now if state.is_settled else None,
    )
    assert isinstance(services.clock, FakeClock)
    services.clock.forward(minutes=119)
    await pushes.sweep(services)
    assert await PushSeen.all().count() == 1
    services.clock.forward(minutes=2)
    await pushes.sweep(services)
    assert await PushSeen.all().count() == (0 if state.is_settled else 1)


async def test_rows_of_the_release_before_are_forgotten_and_never_answered(services: Services) -> None:
    """It knows neither states nor late answers, and may write its reply into a row that this release put."""
    now = services.clock.now()
    sealed, reply = (
        push_inbox.sealed(services.keys, asked(services)),
        services.keys.encrypt("答", about="push_seen.reply"),
    )
    await PushSeen.create(key="without an outcome", at=now)
    await PushSeen.create(key="answered", at=now, reply=reply)
    await PushSeen.create(key="answered, our row", at=now, reply=reply, push=sealed)
    assert await pushes.receive(services, asked(services, key="answered, our row")) == "答"
    await later(services, minutes=121)
    assert set(await PushSeen.all().values_list("state", flat=True)) == {"taken"}  # type: ignore[comparison-overlap]
    await pushes.sweep(services)
    assert await PushSeen.all().count() == 0
    assert wechat(services).texts == []


@pytest.mark.parametrize(
    ("name", "becomes"), [("answer", PushState.ANSWERED), ("hand_over", PushState.WAITING)]
)
async def test_what_a_row_of_the_table_allows_it_alone_allows(
    services: Services, name: str, becomes: PushState
) -> None:
    push = asked(services)
    await push_inbox.take_in(services.clock, services.keys, push)

    async def act() -> bool:
        if name == "answer":
            return await push_inbox.answer(services.clock, services.keys, push.key, "好的")
        return await push_inbox.hand_over(services.clock, services.keys, push)

    with without_row(STEPS, name):
        with pytest.raises(KeyError):
            await act()
        assert (await PushSeen.get()).state == "taken"
    assert await act() and (await PushSeen.get()).state == becomes.value
    assert not await act()
