"""What is kept of every call: counted by day, closed when the quota is used up, alarms for what a person must mend."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.adapters.wechat.quota import Quota
from server.domain.ports import WeChatCalls
from server.errors import OutsideFailure, WeChatRefused
from tests.adapters.wechat.world import World
from tests.kit.fakes import FakeClock

SEND = "/cgi-bin/message/template/send"
CODE = "/wxa/getwxacodeunlimit"
TOKEN = "/cgi-bin/stable_token"


@pytest.fixture
async def other(world: World, redis_url: str) -> AsyncIterator[WeChatApi]:
    """Another process on the same Redis."""
    client = cache.connect(redis_url)
    api = WeChatApi(world.settings, client, cache.RedisCache(client), world.clock, seconds=1.0)
    yield api
    await api.close()
    await client.aclose()


async def refused(world: World, errcode: int, **more: str) -> WeChatRefused:
    with pytest.raises(WeChatRefused) as found:
        await world.send(**more)
    assert found.value.errcode == errcode
    return found.value


async def test_calls_of_all_processes_are_counted_by_day_and_outcome(world: World, other: WeChatApi) -> None:
    world.follows()
    await world.send(dedup="a")
    with pytest.raises(WeChatRefused):
        await other.send_template(
            world.openid(), world.settings.oa_template_result, {}, url=None, dedup_id="b"
        )
    appid, quota = world.settings.oa_appid, other.account("oa").books.quota
    assert await quota.today(appid) == {TOKEN: 1, SEND: 2}
    world.fail(SEND, 43101)
    await refused(world, 43101)
    world.turn(slow_seconds=1.5, slow_path=SEND)
    with pytest.raises(OutsideFailure):
        await world.send(dedup="c")
    world.turn(slow_seconds=0.0)
    await world.api.account(
        "oa"
    ).books.quota.close_books()  # of the first process: it counts within milliseconds
    assert (await quota.today(appid))[SEND] == 4
    assert await world.api.calls() == [
        WeChatCalls("oa", SEND, "43101", 1),
        WeChatCalls("oa", SEND, "47001", 1),  # no data: the other process's call
        WeChatCalls("oa", SEND, "ok", 1),
        WeChatCalls("oa", SEND, "timeout", 1),
        WeChatCalls("oa", TOKEN, "ok", 1),
    ]
    world.clock.set(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))  # midnight in Beijing
    assert await quota.today(appid) == {}


async def test_a_used_up_quota_closes_this_api_until_midnight_for_every_process(
    world: World, other: WeChatApi, caplog: pytest.LogCaptureFixture
) -> None:
    world.follows()
    world.fail(SEND, 45009)
    await refused(world, 45009)
    before = world.calls(SEND)
    assert "closed until 2026-11-24T00:00+08:00" in (await refused(world, 45009)).errmsg
    with pytest.raises(WeChatRefused) as elsewhere:
        await other.send_template(world.openid(), "t", {}, url=None, dedup_id="b")
    assert elsewhere.value.errcode == 45009
    assert world.calls(SEND) == before  # not sent
    assert "额度已用完" in caplog.text
    await world.api.create_menu({"button": [{"type": "click", "name": "a", "key": "k"}]})  # others go on
    quota = other.account("oa").books.quota
    assert [(one.path, one.until) for one in await quota.closed(world.settings.oa_appid)] == [
        (SEND, datetime(2026, 11, 23, 16, 0, tzinfo=UTC))
    ]
    world.clock.set(datetime(2026, 11, 23, 15, 59, 59, tzinfo=UTC))
    await refused(world, 45009)
    world.clock.set(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))
    assert (await world.send()).isdigit()
    await quota.close_books()  # of the other process
    assert WeChatCalls("oa", SEND, "closed", 3) in await world.api.calls()


async def test_cleared_counters_open_it_again(world: World, other: WeChatApi) -> None:
    world.follows()
    world.fail(SEND, 45009)
    await refused(world, 45009)
    assert await other.account("oa").books.quota.reopen(world.settings.oa_appid) == 1
    assert (await world.send()).isdigit()


@pytest.mark.parametrize("errcode", [45011, -1, 43117])
async def test_other_refusals_close_nothing(world: World, errcode: int) -> None:
    world.follows()
    world.fail(SEND, errcode)
    await refused(world, errcode)
    assert (await world.send()).isdigit()


async def test_codes_are_counted_by_the_minute(world: World) -> None:
    """45009 of getwxacodeunlimit means 5,000 in a minute (wechat.md §4.3)."""
    world.fail(CODE, 45009)
    world.clock.set(datetime(2026, 11, 23, 4, 0, 20, tzinfo=UTC))
    for _ in range(2):
        with pytest.raises(WeChatRefused) as full:
            await world.api.scan_code_image("abc")
        assert full.value.errcode == 45009
    assert world.calls(CODE) == 1
    world.clock.set(datetime(2026, 11, 23, 4, 1, tzinfo=UTC))
    assert (await world.api.scan_code_image("abc")).startswith(b"\x89PNG")


@pytest.mark.parametrize("path", ["/sns/jscode2session", "/sns/oauth2/access_token", TOKEN, CODE])
async def test_what_is_counted_by_the_minute_never_closes_for_the_day(
    redis_url: str, clock: FakeClock, path: str
) -> None:
    client = cache.connect(redis_url)
    until = await Quota(client, clock).close("wx1", path)
    assert (until - clock.now()).total_seconds() <= 60
    await client.aclose()


async def test_without_redis_calls_go_on_and_this_process_still_closes(world: World) -> None:
    gone = cache.connect("redis://127.0.0.1:1/0")
    api = WeChatApi(world.settings, gone, world.store, world.clock, seconds=1.0)
    button = {"button": [{"type": "click", "name": "a", "key": "k"}]}
    await api.create_menu(button)
    world.fail("/cgi-bin/menu/create", 45009)
    for _ in range(2):
        with pytest.raises(WeChatRefused):
            await api.create_menu(button)
    assert world.calls("/cgi-bin/menu/create") == 2
    await api.close()
    await gone.aclose()


async def test_what_a_person_must_mend_is_said_once_a_minute_and_kept(
    world: World, other: WeChatApi, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world.follows()
    world.turn(ip_whitelist=["203.0.113.9"])
    for _ in range(3):
        await refused(world, 40164)
    world.turn(ip_whitelist=[])
    client = cache.connect(redis_url)
    assert await client.delete("wechat:access:wxsandboxoa00000001:pause") == 1
    await client.aclose()
    world.fail(SEND, 40037, times=2)
    for _ in range(2):
        await refused(world, 40037)
    loud = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [(vars(one)["errcode"], vars(one)["path"]) for one in loud] == [(40164, TOKEN), (40037, SEND)]
    assert all(vars(one)["rid"] and vars(one)["account"] == "oa" for one in loud)
    assert "127.0.0.1 不在白名单" in loud[0].getMessage()
    quiet = [record for record in caplog.records if record.getMessage() == "wechat refused"]
    assert [vars(one)["errcode"] for one in quiet] == [40164, 40037, 40037]
    assert all(vars(one)["rid"] for one in quiet)
    kept = await other.account("oa").books.alarms.last()
    assert [(one.errcode, one.path, one.account) for one in kept] == [
        (40037, SEND, "oa"),
        (40164, TOKEN, "oa"),
    ]
    assert kept[0].at == world.clock.now() and kept[0].rid == vars(loud[1])["rid"]
    assert world.openid() not in str(kept) and world.settings.oa_secret not in str(kept)


async def test_a_wrong_secret_is_asked_about_once(world: World, redis_url: str) -> None:
    """However many calls there are: asking again changes nothing."""
    client = cache.connect(redis_url)
    wrong = dataclasses.replace(world.settings, oa_secret="wrong")
    apis = [WeChatApi(wrong, client, world.store, world.clock, seconds=1.0) for _ in range(2)]
    for number in range(6):
        with pytest.raises(WeChatRefused) as found:
            await apis[number % 2].create_menu({"button": []})
        assert found.value.errcode == 40125
    assert world.calls(TOKEN) == 1
    for api in apis:
        await api.close()
    await client.aclose()


async def test_a_burst_of_refused_tokens_in_two_processes_is_one_renewal(
    world: World, other: WeChatApi
) -> None:
    """WeChat gives the same stable token again; nobody insists."""
    world.follows()
    await world.send(dedup="first")
    before = world.calls(TOKEN)
    world.fail(SEND, 40001, times=12)

    async def send(number: int) -> str:
        api = (world.api, other)[number % 2]
        return await api.send_template(
            world.openid(),
            world.settings.oa_template_result,
            {"thing1": "一", "date2": "2023年9月22日", "time3": "12:00"},
            url=None,
            dedup_id=f"n{number}",
        )

    ended = await asyncio.gather(*(send(number) for number in range(12)), return_exceptions=True)
    assert world.calls(TOKEN) == before + 1
    sent = [one for one in ended if isinstance(one, str)]
    failed = [one for one in ended if isinstance(one, WeChatRefused) and one.errcode == 40001]
    assert len(sent) + len(failed) == 12 and sent
    assert world.calls(SEND) <= 1 + 2 * 12


async def test_a_large_answer_is_read_whole(world: World) -> None:
    """Chunks come one by one; a picture that is cut would still look like a picture."""
    picture = await world.api.scan_code_image("a" * 32)
    assert picture.endswith(b"IEND\xaeB`\x82")
