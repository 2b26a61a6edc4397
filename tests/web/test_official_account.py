"""The address that WeChat pushes to: verified, once, in time, in the same wrapping as the push."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest
from sanic import Sanic
from tortoise import connections

from server import worker
from server.domain.notices import delivery, sender
from server.domain.ports import Push, Services
from server.domain.wechat_chat import late_answers, push_inbox, pushes
from server.models import Delivery, Follower, PushSeen
from server.web import official_account
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatSender
from tests.kit.fakes import FakeClock, ListQueue, MemoryCache
from tests.kit.reused_apps import ReusedApps
from tests.kit.wechat_platform import GenuinePushes, Platform, mini_program, xml
from tests.kit.wechat_platform import official_account as platform_of

App = Sanic[Any, Any]
OPENID = "o-candidate-000000000000000"


@pytest.fixture
def oa(services: Services) -> Platform:
    return platform_of(services.settings)


@pytest.fixture
def door(services: Services, reused_apps: ReusedApps) -> App:
    exchange(services, wechat_pushes=GenuinePushes(services.settings))
    return reused_apps.take(services)


def text(content: str, serial: int = 1, **more: Any) -> str:
    return xml(
        ToUserName="gh_1",
        FromUserName=OPENID,
        CreateTime=1_700_000_000,
        MsgType="text",
        Content=content,
        MsgId=serial,
        **more,
    )


def event(name: str, created: int = 1_700_000_000, **more: Any) -> str:
    return xml(
        ToUserName="gh_1", FromUserName=OPENID, CreateTime=created, MsgType="event", Event=name, **more
    )


async def post(app: App, query: dict[str, str], body: bytes, path: str = "/wechat/oa") -> Any:
    _, response = await app.asgi_client.post(f"{path}?{urlencode(query)}", content=body)
    return response


async def push(app: App, oa: Platform, message: str) -> Any:
    return await post(app, *oa.push(message))


async def test_verification_echoes_byte_for_byte(door: App, oa: Platform) -> None:
    query = oa.query(echostr="4375120948345356249")
    _, response = await door.asgi_client.get(f"/wechat/oa?{urlencode(query)}")
    assert (response.status, response.body) == (200, b"4375120948345356249")
    assert "set-cookie" not in response.headers
    _, refused = await door.asgi_client.get(f"/wechat/oa?{urlencode({**query, 'nonce': 'x'})}")
    assert (refused.status, refused.json["code"]) == (401, "push_signature")


async def test_a_message_is_answered_encrypted(door: App, oa: Platform) -> None:
    response = await push(door, oa, text("帮助"))
    assert response.status == 200
    reply = oa.read_reply(response.body)
    assert (reply["ToUserName"], reply["FromUserName"], reply["MsgType"]) == (OPENID, "gh_1", "text")
    assert reply["Content"].startswith("回复“成绩”查询")
    assert "set-cookie" not in response.headers


@pytest.mark.parametrize("without", [{"ToUserName": ""}, {"ToUserName": None}])
async def test_a_message_that_says_not_to_whom_is_answered_late(
    door: App, oa: Platform, services: Services, caplog: pytest.LogCaptureFixture, without: dict[str, Any]
) -> None:
    """An answer from nobody would be refused by WeChat; the person hears by customer-service message."""
    now = int(services.clock.now().timestamp())
    given = {"ToUserName": "gh_1", "FromUserName": OPENID, "CreateTime": now, "MsgType": "text"}
    given |= {"Content": "帮助", "MsgId": 5} | without
    response = await push(
        door, oa, xml(**{name: value for name, value in given.items() if value is not None})
    )
    assert (response.status, response.body) == (200, b"success")
    said = [line.message for line in caplog.records if "ToUserName" in line.message]
    assert said == ["a push without ToUserName: answered late"]
    assert OPENID not in caplog.text
    assert (await PushSeen.get()).state == "waiting"
    assert isinstance(services.queue, ListQueue) and isinstance(services.wechat_sender, FakeWeChatSender)
    await services.queue.drain(services, worker.TASKS)
    ((account, openid, told),) = services.wechat_sender.texts
    assert (account, openid, told.startswith("回复“成绩”查询")) == ("oa", OPENID, True)


async def test_an_event_that_says_not_to_whom_is_done_and_acknowledged(
    door: App, oa: Platform, services: Services
) -> None:
    gone = xml(FromUserName=OPENID, CreateTime=1_700_000_000, MsgType="event", Event="unsubscribe")
    response = await push(door, oa, gone)
    assert (response.status, response.body) == (200, b"success")
    assert (await Follower.get(openid=OPENID)).is_following is False


@pytest.mark.parametrize("sender", [{"FromUserName": ""}, {}])
async def test_a_push_of_nobody_is_acknowledged_with_one_line_in_the_log(
    door: App, oa: Platform, caplog: pytest.LogCaptureFixture, sender: dict[str, str]
) -> None:
    response = await push(
        door, oa, xml(ToUserName="gh_1", CreateTime=1_700_000_000, MsgType="text", Content="成绩", **sender)
    )
    assert (response.status, response.body) == (200, b"success")
    assert [getattr(line, "why", "") for line in caplog.records if "push" in line.message] == [
        "push_no_sender"
    ]
    assert await PushSeen.all().count() == 0


async def test_the_same_message_again_gets_the_same_answer(
    door: App, oa: Platform, services: Services
) -> None:
    first = oa.read_reply((await push(door, oa, text("成绩"))).body)["Content"]
    await PushSeen.all().update(reply=services.keys.encrypt("第一次的回答", about="push_seen.reply"))
    again = oa.read_reply((await push(door, oa, text("成绩"))).body)["Content"]
    other = oa.read_reply((await push(door, oa, text("成绩", serial=2))).body)["Content"]
    assert ("尚未绑定" in first, again, other) == (True, "第一次的回答", first)
    assert await PushSeen.all().count() == 2


async def test_many_arrivals_at_once_have_one_answer(services: Services) -> None:
    exchange(services, wechat_pushes=GenuinePushes(services.settings))
    opened = Push("oa", "text", False, OPENID, "gh_1", 1_700_000_000, "oa:message:x", text="帮助")
    answers = await asyncio.gather(*(pushes.receive(services, opened) for _ in range(8)))
    assert len(set(answers)) == 1
    assert await PushSeen.all().count() == 1


async def test_kept_answers_are_sealed_and_forgotten_after_two_hours(
    door: App, oa: Platform, services: Services
) -> None:
    await push(door, oa, text("帮助"))
    kept = await PushSeen.get()
    assert kept.reply is not None and "回复".encode() not in kept.reply
    assert OPENID not in kept.key
    assert isinstance(services.clock, FakeClock)
    services.clock.forward(minutes=119)
    await pushes.sweep(services)
    assert await PushSeen.all().count() == 1
    services.clock.forward(minutes=2)
    await pushes.sweep(services)
    assert await PushSeen.all().count() == 0


async def test_following_is_kept_in_the_order_it_happened(door: App, oa: Platform) -> None:
    reply = oa.read_reply((await push(door, oa, event("subscribe", EventKey=""))).body)
    assert reply["Content"].startswith("欢迎关注")
    assert (await Follower.get(openid=OPENID)).is_following is True
    gone = await push(door, oa, event("unsubscribe", 1_700_000_100))
    assert gone.body == b"success"
    assert (await Follower.get(openid=OPENID)).is_following is False
    await push(door, oa, event("subscribe", 1_700_000_050))  # came late
    assert (await Follower.get(openid=OPENID)).is_following is False
    await push(door, oa, text("帮助", serial=9).replace("1700000000", "1700000200"))
    assert (await Follower.get(openid=OPENID)).is_following is True


async def test_two_events_of_one_second_are_two(door: App, oa: Platform) -> None:
    await push(door, oa, event("subscribe", EventKey="qrscene_abc", Ticket="t"))
    await push(door, oa, event("SCAN", EventKey="abc", Ticket="t"))
    assert await PushSeen.all().count() == 2


async def test_menu_clicks(door: App, oa: Platform) -> None:
    for key, said in (("RESULTS", "尚未绑定"), ("CERTIFICATES", "尚未绑定"), ("HELP", "回复“成绩”")):
        reply = oa.read_reply((await push(door, oa, event("CLICK", EventKey=key))).body)
        assert reply["Content"].startswith(said)
    assert (await push(door, oa, event("VIEW", EventKey="https://x", MenuId=1))).body == b"success"


async def test_a_finished_job_settles_its_delivery(door: App, oa: Platform, services: Services) -> None:
    await delivery.enqueue(
        services.clock,
        services.queue,
        "results_released",
        dedup="d",
        to=delivery.Addressee(openid=OPENID),
        fields={"plan": "第四批", "exam_date": "2023年9月22日", "released_at": "2026年11月23日 12:00"},
        path="/h5/results",
    )
    await sender.send(services)
    response = await push(door, oa, event("TEMPLATESENDJOBFINISH", MsgID=1001, Status="success"))
    assert response.body == b"success"
    assert (await Delivery.get(dedup="d")).state == "delivered"
    assert await Follower.all().count() == 0


async def test_unknown_fields_and_kinds_are_tolerated(door: App, oa: Platform) -> None:
    assert (await push(door, oa, event("brand_new", Strange="<b>"))).body == b"success"
    reply = oa.read_reply((await push(door, oa, text("帮助", BusinessId="0", bizmsgmenuid=7))).body)
    assert reply["Content"].startswith("回复“成绩”")


async def test_clear_pushes_are_refused_unless_configured(
    door: App, oa: Platform, services: Services
) -> None:
    query, body = oa.query(openid=OPENID), text("帮助").encode()
    refused = await post(door, query, body)
    assert (refused.status, refused.json["code"]) == (401, "push_clear")
    exchange(services, wechat_pushes=GenuinePushes(dataclasses.replace(services.settings, oa_mode="plain")))
    clear = await post(door, query, body)
    assert "<MsgType><![CDATA[text]]></MsgType>" in clear.text and "回复“成绩”" in clear.text
    forged = await post(door, {**query, "signature": "0" * 40}, body)
    assert (forged.status, forged.json["code"]) == (401, "push_signature")
    sealed = await push(door, oa, text("帮助", serial=3))
    assert oa.read_reply(sealed.body)["Content"].startswith("回复“成绩”")


async def test_a_body_under_another_signature_is_refused(door: App, oa: Platform) -> None:
    query, _ = oa.push(text("帮助"))
    _, other = oa.push(text("成绩"))
    refused = await post(door, query, other)
    assert (refused.status, refused.json["code"]) == (401, "push_signature")
    assert await PushSeen.all().count() == 0


async def test_a_refused_push_says_why_in_the_log(
    door: App, oa: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    """WeChat shows our answer to nobody; the chat only says that the account is out of service."""
    query, body = oa.push(text("帮助"))
    other = dataclasses.replace(oa, aes_key="z" * 43)
    logging.getLogger("xcert").addHandler(caplog.handler)
    try:
        await post(door, {**query, "msg_signature": "0" * 40}, body)
        await post(door, *other.push(text("帮助")))
        await post(door, oa.query(), text("帮助").encode())
        await post(door, *oa.push("not xml"), "/wechat/mp")
        await door.asgi_client.get("/wechat/oa?signature=x")
    finally:
        logging.getLogger("xcert").removeHandler(caplog.handler)
    told = [
        (vars(line)["why"], vars(line)["account"], line.levelname)
        for line in caplog.records
        if line.name == "xcert.wechat"
    ]
    assert told == [
        ("push_signature", "oa", "WARNING"),
        ("push_unreadable", "oa", "WARNING"),
        ("push_clear", "oa", "WARNING"),
        ("push_signature", "mp", "WARNING"),
        ("push_signature", "oa", "WARNING"),
    ]


async def test_ten_megabytes_are_refused(door: App, oa: Platform) -> None:
    query, _ = oa.push(text("帮助"))
    response = await post(door, query, b"<xml>" + b"a" * 10_000_000 + b"</xml>")
    assert response.status == 413


def test_both_tries_fit_into_wechats_five_seconds() -> None:
    """One second is left for the way there and back."""
    assert official_account.ANSWER_WITHIN + official_account.HAND_OVER_WITHIN <= 4


async def test_late_is_answered_with_success_and_goes_on(door: App, oa: Platform, services: Services) -> None:
    """The work is not lost with the answer: a job does it to the end."""
    waiting = services.cache

    class Stuck(type(services.cache)):  # type: ignore[misc]
        async def set(self, key: str, value: bytes, *, seconds: float) -> None:
            await asyncio.Event().wait()

    assert isinstance(services.clock, FakeClock) and isinstance(services.queue, ListQueue)
    exchange(services, cache=Stuck(services.clock))
    finished = event("TEMPLATESENDJOBFINISH", MsgID=5, Status="success")
    response = await push(door, oa, finished)
    assert (response.status, response.body) == (200, b"success")
    row = await PushSeen.get()
    assert (row.state, services.queue.jobs) == ("waiting", [(pushes.JOB, {"key": row.key})])
    exchange(services, cache=waiting)
    assert (await push(door, oa, finished)).body == b"success"
    await services.queue.drain(services, worker.TASKS)
    assert (await PushSeen.get()).state == "done"
    assert isinstance(waiting, MemoryCache)
    assert [key for key in waiting.values if key.startswith("notices:early")] != [], "kept for its delivery"


async def test_when_we_are_broken_a_person_is_asked_to_try_again_and_an_event_comes_again(
    door: App, oa: Platform, services: Services
) -> None:
    db = connections.get("default")
    for table in ("binding", "delivery"):
        await db.execute_query(f"ALTER TABLE {table} RENAME TO {table}_away")
    for said in (text("成绩"), event("CLICK", EventKey="RESULTS")):
        first, again = [oa.read_reply((await push(door, oa, said)).body)["Content"] for _ in range(2)]
        assert first == again == pushes.BUSY
    finished = event("TEMPLATESENDJOBFINISH", MsgID=5, Status="success")
    assert [(await push(door, oa, finished)).status for _ in range(4)] == [503] * 4
    for table in ("binding", "delivery"):
        await db.execute_query(f"ALTER TABLE {table}_away RENAME TO {table}")
    assert sorted([row.state for row in await PushSeen.all()]) == ["answered", "answered", "taken"]
    # WeChat's repeats are over; what they told us is found again.
    assert isinstance(services.clock, FakeClock) and isinstance(services.queue, ListQueue)
    services.clock.forward(minutes=2)
    await late_answers.sweep(services)
    await services.queue.drain(services, worker.TASKS)
    assert sorted([row.state for row in await PushSeen.all()]) == ["answered", "answered", "done"]
    assert isinstance(services.wechat_sender, FakeWeChatSender)
    assert services.wechat_sender.texts == []


async def test_an_event_that_cannot_even_be_handed_over_comes_again(
    door: App, oa: Platform, services: Services, db: str
) -> None:
    link = await asyncpg.connect(db)
    async with link.transaction():
        await link.execute("LOCK TABLE push_seen IN ACCESS EXCLUSIVE MODE")
        response = await push(door, oa, event("unsubscribe"))
    await link.close()
    assert response.status == 503
    assert (await push(door, oa, event("unsubscribe"))).body == b"success"
    assert (await Follower.get(openid=OPENID)).is_following is False


async def test_the_mini_program_pushes_json(door: App, services: Services) -> None:
    mp = mini_program(services.settings)
    said = (
        '{"ToUserName":"gh_2","FromUserName":"o-mini","CreateTime":1700000000,"MsgType":"event",'
        '"Event":"subscribe_msg_popup_event","List":{"TemplateId":"t"}}'
    )
    encrypted = mp.encrypt(said)
    body = ('{"ToUserName":"gh_2","Encrypt":"' + encrypted + '"}').encode()
    response = await post(door, mp.query(encrypted), body, "/wechat/mp")
    assert (response.status, response.body) == (200, b"success")
    wrong = await post(door, mp.query(encrypted), body, "/wechat/oa")
    assert wrong.json["code"] == "push_signature"


@pytest.mark.parametrize(
    ("minutes", "status"), [(0, 200), (-29, 200), (29, 200), (-31, 401), (31, 401), (-3 * 24 * 60, 401)]
)
async def test_a_push_signed_long_ago_is_refused(
    door: App, services: Services, caplog: pytest.LogCaptureFixture, minutes: int, status: int
) -> None:
    """Whoever kept a genuine push cannot make it happen again, days later (dedup has forgotten it by then)."""
    exchange(services, settings=dataclasses.replace(services.settings, oa_appid="wx0123456789abcdef"))
    exchange(services, wechat_pushes=GenuinePushes(services.settings))
    assert isinstance(services.clock, FakeClock)
    then = FakeClock()
    then.forward(seconds=60 * minutes)
    query, body = platform_of(services.settings, then).push(text("帮助"))
    with caplog.at_level(logging.WARNING, "xcert.wechat"):
        _, response = await door.asgi_client.post(f"/wechat/oa?{urlencode(query)}", content=body)
    assert response.status == status
    assert await PushSeen.all().count() == (1 if status == 200 else 0)
    whys = [getattr(record, "why", "") for record in caplog.records]
    assert ("push_stale" in whys) == (status == 401)


async def test_a_push_is_remembered_longer_than_it_is_fresh() -> None:
    assert push_inbox.REMEMBERED > 2 * push_inbox.FRESH
