"""Calls to WeChat, against the sandbox, which speaks its wire format and can be made to fail."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.adapters.wechat.errcodes import TOKEN_ERRORS, login_failure, login_refusal, refusal_of, rid
from server.adapters.wechat.transport import Transport
from server.domain.ports import WeChatIdentity
from server.domain.wechat_chat.menu import official as menu
from server.errors import (
    Forbidden,
    Misconfigured,
    OutsideFailure,
    Refused,
    Remedy,
    TooMany,
    Unverified,
    WeChatRefused,
)
from server.settings import Settings
from tests.adapters.wechat.world import World
from tests.kit.fakes import FakeClock


async def test_a_template_message_is_accepted(world: World) -> None:
    world.follows()
    msgid = await world.send()
    assert msgid.isdigit()
    assert await world.send() == msgid  # client_msg_id: the second is suppressed
    assert await world.send(dedup="e") != msgid
    assert world.calls("/cgi-bin/stable_token") == 1


@pytest.mark.parametrize("errcode", sorted(TOKEN_ERRORS))
async def test_a_refused_token_is_renewed_once_and_the_call_repeated_once(world: World, errcode: int) -> None:
    world.follows()
    world.fail("/cgi-bin/message/template/send", errcode)
    assert (await world.send()).isdigit()
    assert world.calls("/cgi-bin/message/template/send") == 2
    assert world.calls("/cgi-bin/stable_token") == 2


async def test_a_token_refused_for_ever_is_not_asked_for_for_ever(world: World) -> None:
    world.follows()
    world.fail("/cgi-bin/message/template/send", 40001, times=99)
    with pytest.raises(WeChatRefused) as refused:
        await world.send()
    assert refused.value.errcode == 40001
    assert world.calls("/cgi-bin/message/template/send") == 2
    assert world.calls("/cgi-bin/stable_token") == 2


async def test_a_wrong_secret_is_one_clear_refusal(world: World, redis_url: str) -> None:
    client = cache.connect(redis_url)
    wrong = dataclasses.replace(world.settings, oa_secret="wrong")
    api = WeChatApi(wrong, client, world.store, FakeClock())
    with pytest.raises(WeChatRefused) as refused:
        await api.create_menu(menu("http://127.0.0.1:8000"))
    assert (refused.value.errcode, refused.value.remedy) == (40125, Remedy.MEND)
    assert world.calls("/cgi-bin/stable_token") == 1
    await api.close()
    await client.aclose()


@pytest.mark.parametrize(
    ("errcode", "prepare"),
    [(43004, "stranger"), (40003, "other account"), (47003, "value"), (45009, "forced"), (-1, "forced")],
)
async def test_refusals_keep_their_errcode(world: World, errcode: int, prepare: str) -> None:
    if prepare != "stranger":
        world.follows()
    if prepare == "forced":
        world.fail("/cgi-bin/message/template/send", errcode)
    with pytest.raises(WeChatRefused) as refused:
        if prepare == "value":
            await world.api.send_template(
                world.openid(),
                world.settings.oa_template_result,
                {"thing1": "长" * 21},
                url=None,
                dedup_id="d",
            )
        else:
            await world.send(world.openid("mp") if prepare == "other account" else None)
    assert refused.value.errcode == errcode
    assert rid(refused.value.errmsg) != ""


async def test_an_answer_that_is_lost_is_unknown(world: World) -> None:
    world.follows()
    await world.send(dedup="first")
    world.turn(drop_next=1)
    with pytest.raises(OutsideFailure) as lost:
        await world.send()
    assert lost.value.unknown is True
    assert (await world.send()).isdigit()  # suppressed by WeChat, answered as the first


async def test_an_answer_that_comes_too_late_is_unknown(world: World) -> None:
    world.follows()
    world.turn(slow_seconds=2.0, slow_path="/cgi-bin/message/template/send")
    with pytest.raises(OutsideFailure) as late:
        await world.send()
    assert late.value.unknown is True


async def test_nobody_there_is_certainly_not_sent(settings: Settings, redis_url: str) -> None:
    client = cache.connect(redis_url)
    nowhere = dataclasses.replace(settings, api_url="http://127.0.0.1:1")
    api = WeChatApi(nowhere, client, cache.RedisCache(client), FakeClock())
    with pytest.raises(OutsideFailure) as failed:
        await api.send_template("o", "t", {}, url=None, dedup_id="d")
    assert failed.value.unknown is False
    await api.close()
    await client.aclose()


async def test_the_menu_arrives_as_raw_chinese(world: World) -> None:
    await world.api.create_menu(menu("http://127.0.0.1:8000"))
    kept = world.platform.store.get("menu", "menu") or next(
        iter(world.platform.store.all("menu", "").values()), None
    )
    assert kept is not None
    assert "查成绩" in str(kept)


async def test_the_authorize_address_is_as_wechat_wants_it(world: World) -> None:
    url = world.api.authorize_url("http://127.0.0.1:8000/h5/oauth", "a" * 32)
    parts = urlsplit(url)
    assert [pair.partition("=")[0] for pair in parts.query.split("&")] == [
        "appid",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ]
    assert parse_qs(parts.query)["scope"] == ["snsapi_base"]
    assert (parts.path, parts.fragment) == ("/connect/oauth2/authorize", "wechat_redirect")


async def test_an_oauth_code_is_exchanged_once(world: World) -> None:
    code = world.code("oauth", "oa", scope="snsapi_base", snapshot=False)
    assert await world.api.exchange_oauth_code(code) == WeChatIdentity("oa", world.openid())
    with pytest.raises(Unverified) as used:
        await world.api.exchange_oauth_code(code)
    assert used.value.code == "code_used"
    with pytest.raises(Unverified) as invented:
        await world.api.exchange_oauth_code("0" * 32)
    assert invented.value.code == "code_invalid"


async def test_a_snapshot_user_is_refused(world: World) -> None:
    code = world.code("oauth", "oa", scope="snsapi_base", snapshot=True)
    with pytest.raises(Forbidden) as refused:
        await world.api.exchange_oauth_code(code)
    assert refused.value.code == "snapshot_user"


async def test_a_log_in_code_keeps_its_session_key_here(world: World) -> None:
    code = world.code("login", "mp")
    who = await world.api.exchange_login_code(code)
    assert (who.account, who.openid) == ("mp", world.openid("mp"))
    assert "session_key" not in repr(who)
    with pytest.raises(Unverified) as used:
        await world.api.exchange_login_code(code)
    assert used.value.code == "code_used"


@pytest.mark.parametrize(
    ("errcode", "kind", "code"),
    [
        (40163, Unverified, "code_used"),
        (40029, Unverified, "code_invalid"),
        (40226, Forbidden, "risky_user"),
        (50002, Forbidden, "user_limited"),
        (45011, TooMany, "too_many_logins"),
    ],
)
def test_what_a_person_is_told_about_a_code(errcode: int, kind: type[Refused], code: str) -> None:
    refusal = login_refusal(refusal_of(errcode, ""))
    assert isinstance(refusal, kind)
    assert refusal.code == code


@pytest.mark.parametrize("errcode", [40013, 40125, 40164])
def test_wrong_settings_are_the_operators_and_not_the_persons(errcode: int) -> None:
    assert login_refusal(refusal_of(errcode, "")) is None
    assert type(login_failure(refusal_of(errcode, ""))) is Misconfigured


def test_what_passes_stays_what_wechat_said() -> None:
    passing = refusal_of(-1, "system error")
    assert login_failure(passing) is passing


@pytest.mark.parametrize("kind", ["oa", "mp"])
async def test_a_passing_trouble_costs_no_log_in(world: World, kind: str) -> None:
    path = {"oa": "/sns/oauth2/access_token", "mp": "/sns/jscode2session"}[kind]
    exchange = {"oa": world.api.exchange_oauth_code, "mp": world.api.exchange_login_code}[kind]
    codes: dict[str, Callable[[], str]] = {
        "oa": lambda: world.code("oauth", "oa", scope="snsapi_base", snapshot=False),
        "mp": lambda: world.code("login", "mp"),
    }
    code = codes[kind]
    world.fail(path, -1)
    assert (await exchange(code())).openid == world.openid(kind)
    world.fail(path, -1, times=2)
    with pytest.raises(WeChatRefused):
        await exchange(code())


async def test_nothing_secret_is_logged(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    world.fail("/cgi-bin/message/template/send", 45009)
    with pytest.raises(WeChatRefused):
        await world.send()
    with pytest.raises(Unverified):
        await world.api.exchange_oauth_code("thecodethatnobodymaysee")
    ours = "\n".join(
        str(record.__dict__) for record in caplog.records if record.name.startswith(("xcert", "wechatpy"))
    )
    assert "rid" in ours and "45009" in ours
    for secret in (world.settings.oa_secret, world.openid(), "thecodethatnobodymaysee", "access_token="):
        assert secret not in ours


@pytest.mark.parametrize("scene", ["", "a" * 33, "有中文", "a%20b", "a b"])
async def test_a_scene_that_wechat_would_refuse_is_refused_here(world: World, scene: str) -> None:
    with pytest.raises(Refused) as refused:
        await world.api.scan_code_image(scene)
    assert refused.value.code == "scene_invalid"


async def test_js_config_is_signed_with_a_kept_ticket(world: World) -> None:
    first = await world.api.js_config("http://127.0.0.1:8000/h5/results?x=1#part")
    again = await world.api.js_config("http://127.0.0.1:8000/h5/results?x=1")
    assert set(first) == {"appId", "timestamp", "nonceStr", "signature"}
    assert first["appId"] == world.settings.oa_appid
    assert first["nonceStr"] != again["nonceStr"]
    assert world.calls("/cgi-bin/ticket/getticket") == 1


async def test_answers_that_are_not_json_are_failures(world: World) -> None:
    transport = Transport(world.settings.api_url)
    with pytest.raises(OutsideFailure):
        await transport.call("GET", "/phone/static/nothing.css")
    await transport.close()
