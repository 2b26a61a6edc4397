"""The phone: its pages, two people at once, the web view, and everything outliving a restart."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from server.sandbox.app import create_sandbox, serving
from server.sandbox.config import registered_people
from server.sandbox.platform import Platform
from tests.sandbox.conftest import CONFIG, OA, Arrival, Service, WeChat


@pytest.mark.parametrize(
    "path", ["/", "/phone", "/phone/?person=p1", "/sandbox", "/sandbox/", "/sandbox/switches"]
)
async def test_pages_open(wechat: WeChat, path: str) -> None:
    async with wechat.http.get(wechat.url + path) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert "微信沙箱" in await answer.text()


async def test_feed_is_empty_until_something_happens(wechat: WeChat) -> None:
    seen = (await wechat.get("/phone/api/feed/p1"))["revision"]
    async with wechat.http.get(f"{wechat.url}/phone/api/feed/p1", params={"seen": seen}) as answer:
        assert answer.status == 204
    wechat.follows()
    assert (await wechat.get("/phone/api/feed/p1", seen=seen))["oa"]["follows"] is True


async def test_more_people_can_be_invented(wechat: WeChat) -> None:
    added = await wechat.post("/phone/api/people", {"name": "新人"})
    assert (added["id"], added["name"], added["mobile"]) == ("p7", "新人", "19900000007")
    told = await wechat.get("/phone/api/people")
    assert [one["id"] for one in told["people"]] == ["p1", "p2", "p3", "p4", "p5", "p6", "p7"]


async def act(wechat: WeChat, name: str, body: dict[str, Any]) -> tuple[int, str]:
    async with wechat.http.post(f"{wechat.url}/phone/api/act/p1/{name}", json=body) as answer:
        return answer.status, (await answer.json()).get("problem", "")


async def test_what_the_phone_refuses(wechat: WeChat) -> None:
    assert await act(wechat, "write", {"text": "x"}) == (409, "请先关注服务号。")
    assert await act(wechat, "unfollow", {}) == (409, "还没有关注。")
    wechat.follows()
    assert await act(wechat, "follow", {}) == (409, "已经关注了。")
    assert await act(wechat, "write", {"text": " "}) == (409, "不能发送空白消息。")
    assert await act(wechat, "menu", {"path": "0"}) == (409, "菜单里没有这个按钮。")
    assert await act(wechat, "dance", {}) == (404, "没有这个人或这个动作。")


@pytest.mark.parametrize("kind", ["image", "voice", "video", "shortvideo", "location", "link"])
async def test_messages_of_every_kind(wechat: WeChat, service: Service, kind: str) -> None:
    wechat.follows()
    await wechat.post("/phone/api/act/p1/send", {"kind": kind}, wait="1")
    told = service.arrivals[0].opened()
    assert (told["MsgType"], "MsgId" in told) == (kind, True)


async def browse(wechat: WeChat, person: str, path: str, **more: Any) -> tuple[int, str, dict[str, str]]:
    host = f"{person}.localhost:{wechat.url.rpartition(':')[2]}"
    method = more.pop("method", "GET")
    headers = {"Host": host, **more.pop("headers", {})}
    async with wechat.http.request(
        method, wechat.url + path, headers=headers, allow_redirects=False, **more
    ) as told:
        return told.status, await told.text(), dict(told.headers)


async def test_web_view_keeps_cookies_for_each_person(wechat: WeChat, service: Service) -> None:
    seen: list[tuple[str, str, str, str]] = []

    async def page(request: web.Request) -> web.StreamResponse:
        who = request.cookies.get("who", "nobody")
        seen.append((request.method, request.path_qs, who, request.headers.get("Origin", "")))
        assert "MicroMessenger" in request.headers["User-Agent"]
        assert request.headers["Accept-Encoding"] == "identity"
        if request.method == "POST":
            answer = web.Response(status=302, headers={"Location": f"{service.url}/h5/done"})
            answer.set_cookie("who", (await request.post())["name"], httponly=True)  # type: ignore[arg-type]
            return answer
        return web.Response(
            text=f'<a href="{service.url}/h5/x">{who}</a>',
            content_type="text/html",
            headers={"X-Frame-Options": "DENY", "Content-Security-Policy": "frame-ancestors 'none'"},
        )

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = wechat.platform.service_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        own = f"http://p2.localhost:{wechat.url.rpartition(':')[2]}"
        status, _, headers = await browse(
            wechat, "p2", "/h5/bind?a=1", method="POST", data={"name": "two"}, headers={"Origin": own}
        )
        assert (status, headers["Location"], "Set-Cookie" in headers) == (302, f"{own}/h5/done", False)
        two, one = await browse(wechat, "p2", "/h5/done"), await browse(wechat, "p1", "/sandbox/")
        assert two[1].startswith('<script src="/.wechat/bridge.js" ')
        assert two[1].endswith(f'</script><a href="{own}/h5/x">two</a>')
        assert "nobody" in one[1]
        assert not {"X-Frame-Options", "Content-Security-Policy"} & set(two[2])
        assert seen == [
            ("POST", "/h5/bind?a=1", "nobody", service.url),
            ("GET", "/h5/done", "two", ""),
            ("GET", "/sandbox/", "nobody", ""),
        ]
    finally:
        await runner.cleanup()


async def test_web_view_streams(wechat: WeChat, service: Service) -> None:
    """The first event is read while the service still holds the second back."""
    release = asyncio.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: 1\n\n")
        await release.wait()
        await stream.write(b"data: 2\n\n")
        return stream

    app = web.Application()
    app.router.add_get("/events", events)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    wechat.platform.service_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    headers = {"Host": f"p1.localhost:{wechat.url.rpartition(':')[2]}"}
    try:
        async with wechat.http.get(f"{wechat.url}/events", headers=headers) as answer:
            assert await answer.content.readuntil(b"\n\n") == b"data: 1\n\n"
            release.set()
            assert await answer.content.readuntil(b"\n\n") == b"data: 2\n\n"
    finally:
        await runner.cleanup()


async def test_requests_of_the_mini_program_go_to_the_service_only(wechat: WeChat, service: Service) -> None:
    async def answer(arrival: Arrival) -> web.Response:
        return web.json_response({"said": arrival.body})

    service.answer = answer
    asked = {"method": "POST", "path": "/mp/v1/session", "token": "t", "body": '{"code":1}'}
    told = await wechat.post("/phone/proxy", asked)
    assert (told["status"], told["text"]) == (200, '{"said": "{\\"code\\":1}"}')
    assert service.arrivals[0].path == "/mp/v1/session"
    told = await wechat.post("/phone/proxy", {"path": "@evil.example/"})
    assert told == {"problem": f"路径应以 / 开头，只能请求 {service.url}"}


async def test_dropped_answers_were_carried_out(wechat: WeChat, service: Service) -> None:
    token = await wechat.token()
    wechat.platform.switchboard.turn({"drop_next": 1})
    with pytest.raises(aiohttp.ClientError):
        await wechat.post("/cgi-bin/menu/create", {"button": [{"type": "click", "name": "a", "key": "b"}]},
                          access_token=token)  # fmt: skip
    assert (await wechat.get("/cgi-bin/menu/get", access_token=token))["menu"]["button"][0]["name"] == "a"


async def test_switches_know_their_values(wechat: WeChat) -> None:
    async with wechat.http.post(f"{wechat.url}/sandbox/api/switches", json={"push_mode": "loud"}) as answer:
        assert (answer.status, await answer.json()) == (400, {"problem": "开关 push_mode 不能设为 'loud'"})
    turned = await wechat.post("/sandbox/api/switches", {"slow_seconds": 1, "snapshot": True})
    assert (turned["slow_seconds"], turned["snapshot"]) == (1.0, True)
    assert (await wechat.post("/sandbox/api/switches", {"reset": True}))["snapshot"] is False


async def test_the_clock_moves(wechat: WeChat) -> None:
    moved = await wechat.post("/sandbox/api/clock", {"forward": 3600})
    assert moved["now"] == "2026-11-23T11:00:00.000+08:00"
    moved = await wechat.post("/sandbox/api/clock", {"set": "2027-01-01T00:00:00+08:00"})
    assert moved["now"] == "2027-01-01T00:00:00.000+08:00"


async def test_timeline_shortens_secrets(wechat: WeChat) -> None:
    token = await wechat.token()
    await wechat.get("/cgi-bin/menu/get", access_token=token)
    text = str((await wechat.get("/sandbox/api/timeline"))["items"])
    assert OA.secret not in text
    assert token not in text
    assert f"{token[:4]}…{token[-2:]}（512 位）" in text


async def test_state_outlives_a_restart(service: Service, tmp_path: Path) -> None:
    config = replace(CONFIG, service_url=service.url, data_path=tmp_path / "sandbox" / "state.sqlite3")
    kept: list[tuple[str, str, bool]] = []
    body = {"grant_type": "client_credential", "appid": OA.appid, "secret": OA.secret}
    for _ in range(2):
        app = create_sandbox(config)
        platform: Platform = app.ctx.platform
        async with serving(app) as url, aiohttp.ClientSession() as http:
            person = platform.people.get("p1")
            assert person is not None
            if platform.people.following(OA, person) is None:
                platform.people.follow(OA, person, 1, "ADD_SCENE_SEARCH")
            async with http.post(f"{url}/cgi-bin/stable_token", json=body) as answer:
                token = (await answer.json(content_type=None))["access_token"]
            kept.append((token, platform.openid(OA, person), platform.store.revision > 0))
    assert kept[0] == kept[1]


def test_it_does_not_start_in_production(tmp_path: Path) -> None:
    """With every secret there, so that nothing else stops it."""
    names = ("APPID", "SECRET", "TOKEN", "AES_KEY")
    secrets = {f"WECHAT_{kind}_{name}": "a" * 43 for kind in ("OA", "MP") for name in names}
    started = subprocess.run(
        [sys.executable, "-m", "server.sandbox"],
        env={
            "XCERT_ENV": "production",
            "XCERT_PUBLIC_URL": "https://example.com",
            "XCERT_DATABASE_URL": "postgresql://db/x",
            "XCERT_REDIS_URL": "redis://cache",
            "XCERT_DATA_DIR": str(tmp_path),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PATH": "",
            **secrets,
        },
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert (started.returncode, started.stderr) == (
        2,
        "微信沙箱不能在生产环境（XCERT_ENV=production）启动。\n",
    )


async def test_registered_people_stand_first_with_what_they_are_there_for(tmp_path: Path) -> None:
    file = tmp_path / "people.json"
    file.write_text(
        json.dumps([{"name": "王建华", "mobile": "19900008201", "role": "值班老师"}], ensure_ascii=False),
        "utf-8",
    )
    config = replace(CONFIG, data_path=tmp_path / "state.sqlite3", people=tuple(registered_people(file)))
    for _start in range(2):  # added once, however often the sandbox starts
        found = Platform(config).people.everyone()
        assert (found[0].name, found[0].mobile, found[0].role, found[0].id) == (
            "王建华", "19900008201", "值班老师", "p7",
        )  # fmt: skip
        assert [one.id for one in found[1:]] == ["p1", "p2", "p3", "p4", "p5", "p6"]
    assert registered_people(tmp_path / "none.json") == []
