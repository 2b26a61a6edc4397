"""What can be made to go wrong on purpose: at every door, before and after acting, the same in every run."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from server.sandbox import app as sandbox
from server.sandbox import limits
from server.sandbox.store import Store
from server.sandbox.switches import SwitchBoard
from tests.sandbox.conftest import MP, OA, Service, WeChat

# Pages that people open, a picture, and the authority that stamps times.
NOT_API = {
    "/connect/oauth2/authorize",
    "/connect/oauth2/answer",
    "/cgi-bin/showqrcode",
    "/mp/subscribemsg",
    "/tsa",
}
MENU = {"button": [{"type": "click", "name": "a", "key": "K"}]}


def doors() -> list[str]:
    """Every path of WeChat's API that the sandbox answers."""
    paths = {str(route.uri) for bp in sandbox.WECHAT for route in bp._future_routes}
    known = {path for path in paths - NOT_API if not path.endswith("<path:path>")}
    return sorted(path for path in known if not path.startswith("/sandbox/"))


def test_there_are_doors() -> None:
    assert len(doors()) > 40
    assert {"/cgi-bin/stable_token", "/sns/jscode2session", "/wxa/getwxacodeunlimit"} <= set(doors())


@pytest.mark.parametrize("errcode", [-1, 40001, 42001, 45009, 43101])
async def test_every_door_answers_an_ordered_error_once(wechat: WeChat, errcode: int) -> None:
    for path in doors():
        order = {"forced": [{"path": path, "errcode": errcode}]}
        assert (await wechat.post("/sandbox/api/switches", order))["forced"][0]["path"] == path
        assert (await wechat.get(path))["errcode"] == errcode, path
    assert wechat.platform.switchboard.now.forced == []


async def test_every_door_can_be_slow(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"slow_seconds": 0.001})
    for path in doors():
        await wechat.get(path)
        assert wechat.platform.timeline.rows()[-1]["verdict"].endswith("（开关：延迟 0.001 秒）"), path


async def test_every_door_loses_a_call_before_it_acts(wechat: WeChat) -> None:
    for path in doors():
        wechat.platform.switchboard.turn({"lose_next": 1})
        with pytest.raises(aiohttp.ClientError):
            await wechat.post(path, {})  # a GET would be sent again by the client itself
        last = wechat.platform.timeline.rows()[-1]
        assert (last["ok"], last["verdict"]) == (False, "开关：没有执行，连接被切断"), path


async def test_lost_before_acting_and_dropped_after_acting(wechat: WeChat) -> None:
    token = await wechat.token()

    async def create() -> bool:
        """Whether there was an answer."""
        try:
            await wechat.post("/cgi-bin/menu/create", MENU, access_token=token)
        except aiohttp.ClientError:
            return False
        return True

    async def exists() -> bool:
        return "menu" in await wechat.get("/cgi-bin/menu/get", access_token=token)

    wechat.platform.switchboard.turn({"lose_next": 1})
    assert [await create(), await exists()] == [False, False]
    wechat.platform.switchboard.turn({"drop_next": 1, "drop_path": "/cgi-bin/menu/create"})
    assert [await create(), await exists()] == [False, True]
    assert [await create(), wechat.platform.switchboard.now.drop_next] == [True, 0]


async def test_a_dropped_call_hangs_first_so_that_the_caller_times_out(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"drop_next": 1, "drop_after_seconds": 30})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await wechat.token()
    assert wechat.platform.store.get("token.current", f"{OA.appid} stable") is not None  # it was carried out


async def test_a_share_of_the_calls_is_the_same_in_every_run(wechat: WeChat) -> None:
    """The same seed meets the same calls of a door, whatever is called between them."""
    path, other = "/cgi-bin/menu/create", "/cgi-bin/menu/get"

    def met(seed: int, *, noise: bool) -> list[int]:
        board = SwitchBoard(Store(None), "safe")
        board.turn({"seed": seed, "drop_share": 0.05, "lose_share": 0.05})
        found = []
        for number in range(2000):
            if noise:
                board.loses_call(other)
            if board.loses_call(path):
                found.append(-number)
            elif board.drops_answer(path):
                found.append(number)
        return found

    quiet = met(1, noise=False)
    assert met(1, noise=True) == quiet
    assert met(2, noise=False) != quiet
    dropped = sum(1 for number in quiet if number > 0)
    assert 60 < dropped < 140, dropped  # 5 % of two thousand
    assert 60 < len(quiet) - dropped < 140
    wechat.platform.switchboard.turn({"drop_share": 1.0})
    with pytest.raises(aiohttp.ClientError):
        await wechat.token()


async def test_what_a_switch_does_not_take(wechat: WeChat) -> None:
    before = await wechat.get("/sandbox/api/switches")
    for change in (
        {"no_such": 1},
        {"push_mode": "open"},
        {"drop_share": 1.5},
        {"lose_next": -1},
        {"js_domains": ["a"] * (limits.JS_DOMAINS + 1)},
        {"push_key": "short"},
        {"snapshot": "yes"},
        {"slow_seconds": 1, "no_such": 1},
    ):
        async with wechat.http.post(f"{wechat.url}/sandbox/api/switches", json=change) as answer:
            assert (answer.status, list(await answer.json())) == (400, ["problem"]), change
    assert await wechat.get("/sandbox/api/switches") == before


async def test_quota_of_one_api_is_cleared_fifty_times_a_month(wechat: WeChat) -> None:
    path = "/cgi-bin/menu/get"

    async def used() -> dict[str, Any]:
        return dict((await wechat.call("/cgi-bin/openapi/quota/get", {"cgi_path": path}))["quota"])

    await wechat.get(path, access_token=await wechat.token())
    assert await used() == {"daily_limit": 10_000, "used": 1, "remain": 9_999}
    told = [
        (await wechat.call("/cgi-bin/openapi/quota/clear", {"cgi_path": path}))["errcode"] for _ in range(51)
    ]
    assert told == [0] * 50 + [48006]
    assert (await used())["used"] == 0
    wrong = await wechat.call("/cgi-bin/openapi/quota/get", {"cgi_path": "https://api.weixin.qq.com/x"})
    assert wrong["errcode"] == 76021


@pytest.mark.parametrize("path", sorted(limits.A_DAY))
async def test_every_daily_figure_ends_in_45009_and_begins_anew_at_midnight_in_beijing(
    wechat: WeChat, path: str
) -> None:
    """The clock stands at 10:00 in Beijing."""
    account = MP if "/subscribe/send" in path else OA
    key = f"{account.appid} {path} {wechat.platform.clock.day()}"
    token = await wechat.token(account)
    body = {"grant_type": "client_credential", "appid": account.appid, "secret": account.secret}

    async def errcode() -> int:
        method = "GET" if path in GETS else "POST"
        sent: dict[str, Any] = {"json": body} if method == "POST" else {}
        query = {"access_token": token, **(body if method == "GET" else {})}
        async with wechat.http.request(method, wechat.url + path, params=query, **sent) as answer:
            return int((await answer.json(content_type=None)).get("errcode", 0))

    wechat.platform.store.put("counter.day", key, {"n": limits.A_DAY[path] - 1})
    assert [await errcode() == 45009, await errcode()] == [False, 45009]
    wechat.platform.clock.forward(14 * 3600)
    if path != "/cgi-bin/token":
        token = await wechat.token(account)
    assert await errcode() != 45009


GETS = (
    "/cgi-bin/menu/get",
    "/cgi-bin/menu/delete",
    "/cgi-bin/user/get",
    "/cgi-bin/user/info",
    "/cgi-bin/token",
)


@pytest.mark.parametrize(
    ("path", "errcode"),
    [
        ("/cgi-bin/stable_token", 45011),
        ("/sns/oauth2/access_token", 45011),
        ("/wxa/getwxacodeunlimit", 45009),
    ],
)
async def test_figures_a_minute(wechat: WeChat, service: Service, path: str, errcode: int) -> None:
    account = MP if path.startswith("/wxa/") else OA
    minute = f"{account.appid} {path} {wechat.platform.clock.unix() // 60}"
    token = await wechat.token(account)
    wechat.platform.store.put("counter.minute", minute, {"n": limits.A_MINUTE[path]})
    body = {"grant_type": "client_credential", "appid": account.appid, "secret": account.secret}
    if path.startswith("/sns/"):
        told = await wechat.get(path, **{**body, "grant_type": "authorization_code", "code": "x"})
    else:
        told = await wechat.post(path, body, access_token=token)
    assert told["errcode"] == errcode
    wechat.platform.clock.forward(60)
    assert (await wechat.token(account)) == token
