"""Forms of the pages inside WeChat: something has to say that our own page sent them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sanic import Sanic

from server.domain.auth import web_login
from server.domain.ports import Services, WeChatIdentity
from tests.kit.exchange import exchange

App = Sanic[Any, Any]
ME = WeChatIdentity("oa", "o" + "f" * 27)
OWN, FOREIGN, SISTER = "https://c.example.cn", "https://evil.example", "https://shop.example.cn"


@pytest.mark.parametrize(
    ("said", "is_own"),
    [
        ({"origin": OWN}, True),
        ({"origin": "http://mockserver:1234"}, True),  # the host that was called
        ({"origin": OWN, "sec-fetch-site": "same-origin"}, True),
        ({"origin": OWN, "sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"referer": OWN + "/h5/bind"}, True),  # an old WebView that sends neither of the others
        ({}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "https://[x"}, False),
        ({"origin": FOREIGN}, False),
        ({"origin": SISTER, "sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "same-site", "referer": OWN + "/"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"origin": FOREIGN, "referer": OWN + "/h5/bind"}, False),
        ({"referer": FOREIGN + "/" + OWN}, False),
        ({"referer": "https://c.example.cn.evil.example/"}, False),
    ],
)
@pytest.mark.parametrize("path", ["/h5/unbind", "/h5/logout", "/h5/officer/pairing", "/s/x/confirm"])
async def test_only_our_own_pages_send_forms(
    app: App, services: Services, path: str, said: dict[str, str], is_own: bool
) -> None:
    exchange(services, settings=replace(services.settings, public_url=OWN))
    cookie = f"xcert_h5={web_login.session_for(services, ME)}"
    headers = {"accept": "application/json", "cookie": cookie, **said}
    _, response = await app.asgi_client.post(path, headers=headers, follow_redirects=False)
    refused = response.status == 403 and response.json["code"] == "foreign_form"
    assert refused is not is_own
