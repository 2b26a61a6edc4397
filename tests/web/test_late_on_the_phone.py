"""Slow answers on a real phone: WeChat's own five seconds, windows and refusals, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from server.domain.wechat_chat import late_answers
from server.models import Follower, PushSeen
from server.sandbox import acts, pushes
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed, KillerFaultInjector
from tests.web.conftest import World

UNBOUND = "尚未绑定考生信息"


@asynccontextmanager
async def standing(url: str, table: str) -> AsyncIterator[None]:
    """Nobody gets at this table meanwhile."""
    link = await asyncpg.connect(url)
    try:
        async with link.transaction():
            await link.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await link.close()


async def click(world: World, key: str = "RESULTS") -> str:
    account = world.platform.account("oa")
    assert account is not None
    fields = pushes.event(world.platform, account, world.person, "CLICK", EventKey=key)
    return await pushes.send(world.platform, account, world.person, fields)


@pytest.fixture
async def follower(world: World) -> World:
    acts.follow(world.platform, world.person)
    await world.settled()
    world.platform.timeline.clear()
    await PushSeen.all().delete()
    return world


@pytest.mark.rule("S93")
async def test_what_takes_longer_than_wechat_waits_comes_by_itself(follower: World, db: str) -> None:
    """Even when the same push comes three times at once."""
    world = follower
    world.platform.switchboard.turn({"push_copies": 3})
    async with standing(db, "binding"):
        acts.write(world.platform, world.person, "成绩")
        await world.settled()
        assert (world.verdicts(), len(world.said())) == (["通过"] * 3, 1)
        assert (await PushSeen.get()).state == "waiting"
    await world.jobs()
    _, late = world.said()
    assert late.startswith(UNBOUND)
    row = await PushSeen.get()
    assert (row.state, row.reply, row.push) == ("sent", None, None)


async def test_a_tap_on_the_menu_is_told_within_its_minute_and_never_after(follower: World, db: str) -> None:
    world = follower
    async with standing(db, "binding"):
        assert await click(world) == "通过"
        world.forward(1)
        assert await click(world, "CERTIFICATES") == "通过"
    first, second = await PushSeen.all().order_by("late_since")
    world.forward(30)
    await late_answers.answer(world.services, first.key)
    assert [said[:8] for said in world.said()[1:]] == [UNBOUND]
    world.forward(30)
    await world.jobs()
    await second.refresh_from_db()
    assert (second.state, second.last_error, len(world.said())) == ("closed", "点击菜单后的时限已过", 2)


@pytest.mark.parametrize("place", ["late_answers: before the send", "late_answers: after the send"])
async def test_a_worker_killed_about_the_send_leaves_no_second_message(
    follower: World, db: str, place: str
) -> None:
    world = follower
    exchange(world.services, faults=KillerFaultInjector(place))
    async with standing(db, "binding"):
        acts.write(world.platform, world.person, "成绩")
        await world.settled()
    with pytest.raises(Killed):
        await world.jobs()
    for _ in range(3):
        world.forward(120)
        await late_answers.sweep(world.services)
        await world.jobs()
    row = await PushSeen.get()
    assert (row.state, row.last_error) == ("unknown", late_answers.NO_ANSWER)
    assert len(world.said()) == (1 if place.endswith("before the send") else 2)


async def test_what_wechat_says_no_to_is_not_repeated_and_a_lost_answer_neither(
    follower: World, db: str
) -> None:
    world = follower
    forced = {"path": "/cgi-bin/message/custom/send", "times": 1}
    world.platform.switchboard.turn({"forced": [{**forced, "errcode": 45047}]})
    states = {}
    for text, lost in (("成绩", False), ("证书", True)):
        async with standing(db, "binding"):
            acts.write(world.platform, world.person, text)
            await world.settled()
        if lost:
            world.platform.switchboard.turn({"drop_next": 1})
        await world.jobs()
        world.forward(300)
        await late_answers.sweep(world.services)
        await world.jobs()
        newest = await PushSeen.all().order_by("-late_since").first()
        assert newest is not None
        states[text] = (newest.state, len(world.said()) - 1)
    assert states == {"成绩": ("refused", 0), "证书": ("unknown", 1)}


async def test_somebody_who_left_meanwhile_is_left_alone(follower: World, db: str) -> None:
    world = follower
    async with standing(db, "binding"):
        acts.write(world.platform, world.person, "成绩")
        await world.settled()
        acts.unfollow(world.platform, world.person)
        await world.settled()
    await world.jobs()
    states = {row.state: row.last_error for row in await PushSeen.all()}
    assert states == {"answered": "", "refused": "微信返回错误 45015：已过时限或对方已取消关注"}
    assert (await Follower.get()).is_following is False


@pytest.mark.rule("S93")
async def test_when_the_database_hangs_a_person_is_asked_to_try_again(follower: World, db: str) -> None:
    """Not even handing over works; the words are there within the five seconds, and one answer is all there is."""
    world = follower
    async with standing(db, "push_seen"):
        acts.write(world.platform, world.person, "成绩")
        await world.settled()
        assert world.verdicts() == ["通过"]
        assert world.said()[1:] == ["服务暂时繁忙，请过一会儿再发送一次。"]
    world.forward(600)
    await late_answers.sweep(world.services)
    await world.jobs()
    assert len(world.said()) == 2
    acts.write(world.platform, world.person, "成绩")
    await world.settled()
    assert world.said()[2].startswith(UNBOUND)


async def test_the_mini_programs_chat_is_answered_by_messages(world: World) -> None:
    """It takes no passive reply: `success` first, then a customer-service message of the mini-program."""
    acts.enter_program_chat(world.platform, world.person)
    await world.settled()
    await world.jobs()
    acts.write_to_program(world.platform, world.person, "成绩")
    await world.settled()
    await world.jobs()
    greeting, unbound = world.said("mp")
    assert greeting.startswith("您好，这里可以查询成绩和证书。")
    assert unbound.endswith("请返回小程序绑定考生信息，然后再次查询。")
    assert "/h5/" not in greeting + unbound
    assert (world.verdicts(), world.said("oa")) == (["通过", "通过"], [])
    assert await Follower.all().count() == 0
