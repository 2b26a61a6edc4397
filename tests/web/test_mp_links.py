"""POST /mp/v1/links: the raw `q` of an ordinary link, decoded once, and only addresses of ours."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from sanic import Sanic

from server.domain.wechat_chat import mini_links
from server.errors import Refused

App = Sanic[Any, Any]
TOKEN = "Aa-_" * 8
OURS = "https://cert.example.cn"
CODE = "27182818284590452353602874713526624977572470936999"


def raw(url: str) -> str:
    """As onLoad gets it."""
    return quote(url, safe="")


@pytest.mark.parametrize(
    ("url", "link"),
    [
        (f"{OURS}/s/{TOKEN}", mini_links.Link("scan", TOKEN)),
        (f"{OURS}/v/{CODE}", mini_links.Link("verification", CODE)),
        (f"{OURS}/v/{CODE}?from=timeline#top", mini_links.Link("verification", CODE)),
    ],
)
def test_addresses_of_ours(url: str, link: mini_links.Link) -> None:
    assert mini_links.read(raw(url), OURS) == link
    assert mini_links.read(url, OURS) == link  # a client that decoded already does no harm


@pytest.mark.parametrize(
    ("q", "code"),
    [
        (raw(f"http://cert.example.cn/s/{TOKEN}"), "link_foreign"),
        (raw(f"HTTPS://cert.example.cn/s/{TOKEN}"), "link_foreign"),
        (raw(f"https://Cert.example.cn/s/{TOKEN}"), "link_foreign"),
        (raw(f"https://cert.example.cn:8443/s/{TOKEN}"), "link_foreign"),
        (raw(f"https://cert.example.cn.evil.example/s/{TOKEN}"), "link_foreign"),
        (raw(f"https://cert.example.cn@evil.example/s/{TOKEN}"), "link_foreign"),
        (raw(f"https://evil.example/{OURS}/s/{TOKEN}"), "link_foreign"),
        (raw("weixin://dl/business/?t=x"), "link_foreign"),
        (raw(OURS), "link_foreign"),
        (raw(f"{OURS}/"), "link_unknown"),
        (raw(f"{OURS}//evil.example/s/{TOKEN}"), "link_unknown"),
        (raw(f"{OURS}/s/{TOKEN}/"), "link_unknown"),
        (raw(f"{OURS}/s/{TOKEN[:-1]}"), "link_unknown"),
        (raw(f"{OURS}/v/abc"), "link_unknown"),
        (raw(f"{OURS}/v/"), "link_unknown"),
        (raw(f"{OURS}/console/?next=/s/{TOKEN}"), "link_unknown"),
        (raw(raw(f"{OURS}/s/{TOKEN}")), "link_unreadable"),  # encoded twice
        ("%FF%FE", "link_unreadable"),
        (raw(f"{OURS}/s/{TOKEN}\n"), "link_unreadable"),
        (raw(f"{OURS}/v/１２３"), "link_unreadable"),
        (" ", "link_unreadable"),
    ],
)
def test_everything_else_is_refused(q: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        mini_links.read(q, OURS)
    assert refused.value.code == code
    assert refused.value.message.endswith("。")


async def test_the_door(app: App) -> None:
    async def ask(body: Any) -> Any:
        _, response = await app.asgi_client.post("/mp/v1/links", json=body)
        return response

    found = await ask({"q": raw(f"http://127.0.0.1:8000/s/{TOKEN}")})
    assert (found.status, found.json) == (200, {"kind": "scan", "token": TOKEN})
    assert (await ask({"q": raw(f"http://127.0.0.1:8000/v/{CODE}")})).json == {
        "kind": "verification",
        "code": CODE,
    }
    foreign = await ask({"q": raw(f"{OURS}/s/{TOKEN}")})
    assert (foreign.status, foreign.json["code"]) == (422, "link_foreign")
    for body in ({}, {"q": ""}, {"q": 7}, {"q": "x" * 6001}):
        assert [error["pointer"] for error in (await ask(body)).json["errors"]] == ["/q"]
