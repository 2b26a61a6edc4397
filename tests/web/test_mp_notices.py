"""Subscription messages over real HTTP, both ways: accepts, sends, events and what is lost between them."""

from __future__ import annotations

from typing import Any

import pytest

from server.domain.notices import delivery, grants, sender
from server.models import Delivery, GrantEntry
from server.sandbox import chat as phone
from server.sandbox import subscribing
from tests.web.conftest import World

SEND = "/cgi-bin/message/subscribe/send"
FIELDS = {
    "results_released": {
        "plan": "第四批全国统考",
        "exam_date": "2023年9月22日",
        "released_at": "2026年11月23日 12:00",
    },
    "certificate_issued": {
        "certificate": "社会心理服务职业技能等级证书（初级）",
        "number": "23SPS100000001K",
        "issued_on": "2026年11月23日",
    },
}
PATHS = {"results_released": "/h5/results", "certificate_issued": "/h5/certificates/23SPS100000001K"}


def openid(world: World, kind: str = "mp") -> str:
    account = world.platform.account(kind)
    assert account is not None
    return world.platform.openid(account, world.person)


def accepts(world: World, *names: str, kind: str = "mp") -> None:
    templates = grants.asked_for(world.services.settings, kind)
    subscribing.ask(world.platform, world.person, {templates[name]: "accept" for name in names}, kind=kind)


async def put(world: World, topic: str, dedup: str, channel: str = "mp_subscription") -> None:
    await delivery.enqueue(
        world.services.clock,
        world.services.queue,
        topic,
        dedup=dedup,
        to=delivery.Addressee(openid=openid(world, channel[:2]), channel=channel),
        fields=FIELDS[topic],
        path=PATHS[topic],
    )


async def state(dedup: str) -> tuple[str, str]:
    found = await Delivery.get(dedup=dedup)
    return found.state, found.last_error


async def left(world: World, kind: str = "mp") -> list[int]:
    found = await grants.remaining(kind, openid(world, kind), sorted(FIELDS))
    return [found[name] for name in sorted(FIELDS)]


def pages(world: World) -> list[Any]:
    return [
        card.get("miniprogram") or card.get("url") for card in phone.notices(world.platform, world.person)
    ]


@pytest.mark.parametrize("form", ["xml", "json"])
async def test_accepted_in_one_tap_sent_and_settled(world: World, form: str) -> None:
    world.platform.switchboard.turn({"mp_push_format": form, "push_copies": 2})
    accepts(world, *sorted(FIELDS))
    await grants.report(world.services, "mp", openid(world), ["results_released", "certificate_issued"])
    await world.settled()
    assert await left(world) == [1, 1]
    for topic in FIELDS:
        await put(world, topic, topic)
        await put(world, topic, f"{topic} again")
    await sender.send(world.services)
    await world.settled()
    ended = sorted(
        [await state(topic) for topic in FIELDS] + [await state(f"{topic} again") for topic in FIELDS]
    )
    assert ended == [("delivered", "")] * 2 + [("refused", "对方没有剩余的订阅授权")] * 2
    assert await left(world) == [0, 0]
    assert sorted(pages(world)) == ["pages/certificates/index?number=23SPS100000001K", "pages/results/index"]
    tried = [row for row in world.platform.timeline.rows() if row["what"].endswith(SEND)]
    assert len(tried) == 2, "nothing is asked of WeChat without a grant"


async def test_an_answer_lost_on_the_way_is_settled_by_its_event_and_never_sent_again(world: World) -> None:
    accepts(world, "results_released")
    accepts(world, "certificate_issued")
    await world.settled()
    world.platform.switchboard.turn({"drop_next": 1, "drop_path": SEND, "push_hold": 2})
    await put(world, "results_released", "d")
    await sender.send(world.services)
    assert ((await state("d"))[0], await left(world)) == ("unknown", [1, 0])
    await put(world, "certificate_issued", "e")  # its event lets the held one go, in the wrong order
    await sender.send(world.services)
    await world.settled()
    assert (await state("d"), await state("e")) == (("delivered", ""), ("delivered", ""))
    world.forward(3600)
    assert await sender.send(world.services) == 0
    assert (len(pages(world)), await left(world)) == (2, [0, 0])


async def test_a_call_that_never_arrived_is_unknown_and_stays_so(world: World) -> None:
    accepts(world, "results_released")
    await world.settled()
    world.platform.switchboard.turn({"lose_next": 1, "drop_path": SEND})
    await put(world, "results_released", "d")
    await sender.send(world.services)
    world.forward(3600)
    await sender.sweep(world.services)
    assert await sender.send(world.services) == 0
    assert ((await state("d"))[0], await left(world), pages(world)) == ("unknown", [0, 0], [])


async def test_what_wechat_says_counts_for_more_than_the_ledger(world: World) -> None:
    for _ in range(3):
        accepts(world, "results_released")
        world.forward(2)  # accepts of one second would be one push
    await world.settled()
    assert await left(world) == [0, 3]
    subscribing.main_switch(world.platform, world.person, on=False)  # no event tells of it
    await put(world, "results_released", "d")
    await sender.send(world.services)
    assert (await state("d"), await left(world)) == (
        ("refused", "微信返回错误 43101：对方没有授权或已拒收这类消息"),
        [0, 0],
    )
    subscribing.main_switch(world.platform, world.person, on=True)
    accepts(world, "results_released")
    await world.settled()
    world.forward(2)
    subscribing.revoke(
        world.platform, world.person, grants.asked_for(world.services.settings, "mp")["results_released"]
    )
    await world.settled()
    assert await left(world) == [0, 0]
    assert [entry.kind for entry in await GrantEntry.all().order_by("-id").limit(2)] == [
        "withdrawn",
        "accepted",
    ]


async def test_the_official_accounts_own_notices(world: World) -> None:
    """wx-open-subscribe on a page: without following, bizsend, and an event that alone brings the number."""
    accepts(world, "certificate_issued", kind="oa")
    await world.settled()
    assert await left(world, "oa") == [1, 0]
    await put(world, "certificate_issued", "c", "oa_subscription")
    await sender.send(world.services)
    await world.settled()
    found = await Delivery.get(dedup="c")
    assert (found.state, bool(found.msgid), await left(world, "oa")) == ("delivered", True, [0, 0])
    assert pages(world) == [f"{world.services.settings.public_url}/h5/certificates/23SPS100000001K"]
