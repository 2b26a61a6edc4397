"""WeChat's verification files: byte for byte at their address, and in nobody's way."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import aiohttp
import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.wechat_chat import site_files
from server.errors import NotFound, Refused
from server.sandbox import acts, agents
from tests.web.conftest import World

App = Sanic[Any, Any]


async def get(app: App, path: str, **headers: str) -> Any:
    _, response = await app.asgi_client.get(path, headers=headers, follow_redirects=False)
    return response


async def test_each_folder_shows_its_own_files(app: App, services: Services) -> None:
    await site_files.add(services.file_store, "/", "MP_verify_a1B2.txt", b"a1B2")
    await site_files.add(services.file_store, "/v/", "0123456789.txt", b"rule\r\n\xe8\xaf\x81")
    answer = await get(app, "/v/0123456789.txt")
    assert (answer.status, answer.body) == (200, b"rule\r\n\xe8\xaf\x81")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (await get(app, "/MP_verify_a1B2.txt")).body == b"a1B2"
    for path in (
        "/0123456789.txt",
        "/s/0123456789.txt",
        "/v/MP_verify_a1B2.txt",
        "/v/other.txt",
        "/s/a-b.txt",
    ):
        assert (await get(app, path)).status == 404, path
    assert (await get(app, "/v/../wechat-files/index.json")).status == 404
    assert [(file.path, size) for file, size in await site_files.listing(services)] == [
        ("/MP_verify_a1B2.txt", 4),
        ("/v/0123456789.txt", 9),
    ]


async def test_another_content_takes_its_place_and_a_removed_file_is_gone(
    app: App, services: Services
) -> None:
    for content in (b"first", b"second"):
        await site_files.add(services.file_store, "/s/", "x.txt", content)
        assert (await get(app, "/s/x.txt")).body == content
    await site_files.remove(services.file_store, "/s/", "x.txt")
    assert (await get(app, "/s/x.txt")).status == 404
    assert await site_files.listing(services) == []
    with pytest.raises(NotFound):
        await site_files.remove(services.file_store, "/s/", "x.txt")


@pytest.mark.parametrize(
    ("under", "name", "data", "code"),
    [
        ("/h5/", "a.txt", b"x", "file_folder"),
        ("/v", "a.txt", b"x", "file_folder"),
        ("/", "../a.txt", b"x", "file_name"),
        ("/", "a.html", b"x", "file_name"),
        ("/", "a.txt\n", b"x", "file_name"),
        ("/", "证.txt", b"x", "file_name"),
        ("/", "a.txt", b"", "file_size"),
        ("/", "a.txt", b"x" * 1025, "file_size"),
    ],
)
async def test_what_is_no_verification_file_is_refused(
    services: Services, under: str, name: str, data: bytes, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await site_files.add(services.file_store, under, name, data)
    assert refused.value.code == code
    assert services.file_store.files == {}  # type: ignore[attr-defined]


async def test_codes_and_tokens_keep_their_pages(app: App, services: Services) -> None:
    """A file lies where codes and tokens are read: neither takes the other's address."""
    await site_files.add(services.file_store, "/v/", "A.txt", b"x")
    page = await get(app, "/v/notacode", accept="text/html")
    assert (page.status, "无法确认，请勿采信" in page.text) == (404, True)
    page = await get(app, f"/s/{'A' * 32}", accept="text/html")
    assert page.status == 303  # to WeChat's log-in
    assert (await get(app, "/v")).status == 200


async def test_a_printed_link_opens_the_mini_program_once_its_rule_is_proven(world: World) -> None:
    """wechat.md §4.4, with WeChat's own check of the file; a client that knows no rules shows the web page."""
    s, platform = world.services, world.platform
    printed = f"{s.settings.public_url}/v/CODE"
    rule = {"prefix": f"{s.settings.public_url}/v/", "path": "pages/verify/index", "is_edit": 0}
    rule |= {"permit_sub_rule": 1, "open_version": 2, "debug_url": []}
    login = {"appid": s.settings.mp_appid, "secret": s.settings.mp_secret, "grant_type": "client_credential"}
    async with aiohttp.ClientSession(s.settings.api_url) as http:

        async def call(path: str, body: Any) -> Any:
            async with http.post(path, json=body, params=token) as answer:
                return await answer.json(content_type=None)

        token: dict[str, str] = {}
        token = {"access_token": (await call("/cgi-bin/stable_token", login))["access_token"]}
        file = await call("/cgi-bin/wxopen/qrcodejumpdownload", {})
        assert (await call("/cgi-bin/wxopen/qrcodejumpadd", rule))["errcode"] == 85069
        proof = file["file_content"].encode()
        await site_files.add(s.file_store, "/", file["file_name"], proof)  # not this rule's folder
        assert (await call("/cgi-bin/wxopen/qrcodejumpadd", rule))["errcode"] == 85069
        await site_files.add(s.file_store, "/v/", file["file_name"], proof)
        assert (await call("/cgi-bin/wxopen/qrcodejumpadd", rule))["errcode"] == 0
        assert acts.scan(platform, world.person, printed)["open"] == "web"  # not published yet
        assert (await call("/cgi-bin/wxopen/qrcodejumppublish", {"prefix": rule["prefix"]}))["errcode"] == 0
    arrived = acts.scan(platform, world.person, printed)
    assert (arrived["open"], arrived["page"], arrived["scene"]) == ("miniprogram", "pages/verify/index", 1011)
    assert parse_qs(arrived["query"])["q"] == [printed]
    agents.choose(platform, world.person, "old")
    assert acts.scan(platform, world.person, printed) == {"open": "web", "url": printed}
