"""An API address that does not exist: HTTP 200 and 40066 as WeChat says it, not a page of ours."""

from __future__ import annotations

import aiohttp
import pytest

from tests.sandbox.conftest import WeChat, without_rid

UNKNOWN = (
    "/cgi-bin/nothing",
    "/cgi-bin/tools/shorturl",  # the very one that was written wrong (wechatpy #289)
    "/cgi-bin/message/template",
    "/wxa/nothing/at/all",
    "/wxaapi/newtmpl/nothing",
    "/sns/nothing",
    "/datacube/getusersummary",
    "/customservice/kfaccount/add",
)


@pytest.mark.parametrize("path", UNKNOWN)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_an_unknown_path_is_refused_as_wechat_does(wechat: WeChat, path: str, method: str) -> None:
    url = wechat.platform.own_url + path
    async with aiohttp.ClientSession() as client, client.request(method, url, json={"a": 1}) as answer:
        assert (answer.status, answer.headers["content-type"]) == (
            200,
            "application/json; encoding=utf-8",
        )
        said = await answer.json()
    assert without_rid(said) == {"errcode": 40066, "errmsg": "invalid url"}
    last = wechat.platform.timeline.rows()[-1]
    assert (last["ok"], last["what"]) == (False, f"{method} {path}")


async def test_another_method_on_a_known_path_is_refused_in_json_too(wechat: WeChat) -> None:
    async with aiohttp.ClientSession() as client:
        for method, path, errcode in (
            ("PUT", "/cgi-bin/token", 43001),
            ("DELETE", "/cgi-bin/stable_token", 43002),
        ):
            async with client.request(method, wechat.platform.own_url + path) as answer:
                assert (answer.status, (await answer.json())["errcode"]) == (200, errcode)


async def test_the_rid_of_an_unknown_path_can_be_asked_about(wechat: WeChat) -> None:
    said = await wechat.get("/cgi-bin/nothing")
    rid = said["errmsg"].rpartition(" rid: ")[2]
    told = wechat.platform.store.get("rid", rid)
    assert told is not None and told["request_url"] == "/cgi-bin/nothing"


async def test_a_page_that_does_not_exist_is_still_a_404(wechat: WeChat) -> None:
    async with aiohttp.ClientSession() as client:
        for path in ("/nothing", "/phone/nothing", "/connect/nothing"):
            async with client.get(wechat.platform.own_url + path) as answer:
                assert answer.status == 404
