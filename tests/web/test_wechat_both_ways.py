"""Service and WeChat over real HTTP, both ways: following, chatting, menu, notices and their events, in every mode."""

from __future__ import annotations

import pytest

from server.domain.notices import delivery, sender
from server.domain.wechat_chat import menu
from server.models import Binding, Delivery, Follower, PushSeen
from server.sandbox import acts
from server.sandbox import chat as phone
from tests.kit import make
from tests.web.conftest import World

FIELDS = {"plan": "第四批全国统考", "exam_date": "2023年9月22日", "released_at": "2026年11月23日 12:00"}


@pytest.mark.rule("S93")
@pytest.mark.parametrize("mode", ["safe", "compat"])
async def test_following_and_asking(world: World, mode: str) -> None:
    world.platform.switchboard.turn({"push_mode": mode})
    await menu.apply(world.services.settings, world.services.wechat_console)
    acts.follow(world.platform, world.person)
    await world.settled()
    assert (await Follower.get(openid=world.openid)).is_following is True
    acts.write(world.platform, world.person, "查成绩")
    await world.settled()
    who = await make.candidate(world.services)
    await Binding.create(
        account="oa", openid=world.openid, candidate=who, bound_at=world.services.clock.now()
    )
    on = await make.plan("第四批全国统考", release_at=world.services.clock.now())
    await make.registration(world.services, who, on=on)
    acts.write(world.platform, world.person, "成绩")
    await world.settled()
    welcome, unbound, result = world.said()
    assert welcome.startswith("欢迎关注")
    assert unbound.startswith("尚未绑定考生信息")
    assert "社会心理服务（机考）：78.5 分" in result


async def test_a_clear_push_is_not_believed(world: World) -> None:
    world.platform.switchboard.turn({"push_mode": "plain"})
    acts.follow(world.platform, world.person)
    await world.settled()
    assert await Follower.all().count() == 0
    assert world.said() == []


async def test_copies_of_a_push_are_one(world: World) -> None:
    acts.follow(world.platform, world.person)
    await world.settled()
    world.platform.switchboard.turn({"push_copies": 3})
    acts.write(world.platform, world.person, "帮助")
    await world.settled()
    assert await PushSeen.all().count() == 2


@pytest.mark.parametrize("answer_is_lost", [False, True])
async def test_a_notice_arrives_and_its_event_settles_it(world: World, answer_is_lost: bool) -> None:
    acts.follow(world.platform, world.person)
    await world.settled()
    await delivery.enqueue(
        world.services.clock,
        world.services.queue,
        "results_released",
        dedup="results:1:1",
        to=delivery.Addressee(openid=world.openid),
        fields={
            "plan": "第四批全国统考",
            "exam_date": "2023年9月22日",
            "released_at": "2026年11月23日 12:00",
        },
        path="/h5/results",
    )
    if answer_is_lost:
        world.platform.switchboard.turn(
            {"forced": [{"path": "/cgi-bin/message/template/send", "errcode": 40001, "times": 1}]}
        )
    await sender.send(world.services)
    await world.settled()
    row = await Delivery.get(dedup="results:1:1")
    assert (row.state, row.attempts) == ("delivered", 1)
    (card,) = phone.notices(world.platform, world.person)
    assert "第四批全国统考" in str(card["fields"])
    assert card["url"] == f"{world.services.settings.public_url}/h5/results"


async def test_an_answer_lost_on_the_way_is_settled_by_its_event(world: World) -> None:
    acts.follow(world.platform, world.person)
    await world.settled()
    await world.services.wechat_console.create_menu(
        menu.official(world.services.settings.public_url)
    )  # a token is there
    await delivery.enqueue(
        world.services.clock,
        world.services.queue,
        "results_released",
        dedup="d",
        to=delivery.Addressee(openid=world.openid),
        fields=FIELDS,
        path="/h5/results",
    )
    world.platform.switchboard.turn({"drop_next": 1})
    await sender.send(world.services)
    await world.settled()
    row = await Delivery.get(dedup="d")
    assert (row.state, row.attempts) == ("delivered", 1)
    assert len(phone.notices(world.platform, world.person)) == 1


async def test_a_person_who_blocked_us_is_refused(world: World) -> None:
    acts.follow(world.platform, world.person)
    await world.settled()
    acts.block(world.platform, world.person, on=True)
    await delivery.enqueue(
        world.services.clock,
        world.services.queue,
        "results_released",
        dedup="d",
        to=delivery.Addressee(openid=world.openid),
        fields=FIELDS,
        path="/h5/results",
    )
    await sender.send(world.services)
    await world.settled()
    assert (await Delivery.get(dedup="d")).state == "refused"
