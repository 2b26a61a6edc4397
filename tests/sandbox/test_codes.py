"""QR codes and what the scanner makes of them; followers; the JS-SDK (wechat.md §3.2, §4.3, §4.4, §6.2–6.4)."""

from __future__ import annotations

from typing import Any

import pytest

from server.sandbox import crypto, scanner
from tests.sandbox.conftest import MP, OA, Service, WeChat


async def scan(wechat: WeChat, text: str, person: str = "p1") -> dict[str, Any]:
    async with wechat.http.post(
        f"{wechat.url}/phone/api/act/{person}/scan", params={"wait": "1"}, json={"text": text}
    ) as answer:
        return dict(await answer.json())


async def create(wechat: WeChat, **more: Any) -> dict[str, Any]:
    body = {
        "expire_seconds": 300,
        "action_name": "QR_STR_SCENE",
        "action_info": {"scene": {"scene_str": "abc"}},
    }
    return await wechat.call("/cgi-bin/qrcode/create", {**body, **more})


async def test_follower_scans(wechat: WeChat, service: Service) -> None:
    wechat.follows()
    made = await create(wechat)
    assert await scan(wechat, made["url"]) == {"open": "chat"}
    told = service.arrivals[0].opened()
    assert (told["Event"], told["EventKey"], told["Ticket"]) == ("SCAN", "abc", made["ticket"])


async def test_stranger_scans_and_follows(wechat: WeChat, service: Service) -> None:
    made = await create(wechat)
    invited = await scan(wechat, made["url"])
    assert (invited, service.arrivals) == (
        {"open": "follow", "scene": "abc", "ticket": made["ticket"]},
        [],
    )
    await wechat.post("/phone/api/act/p1/follow", invited, wait="1")
    told = service.arrivals[0].opened()
    assert (told["Event"], told["EventKey"], told["Ticket"]) == (
        "subscribe",
        "qrscene_abc",
        made["ticket"],
    )
    token = await wechat.token()
    info = await wechat.get("/cgi-bin/user/info", access_token=token, openid=wechat.openid())
    assert (info["subscribe"], info["subscribe_scene"], info["qr_scene_str"]) == (
        1,
        "ADD_SCENE_QR_CODE",
        "abc",
    )
    assert not {"nickname", "headimgurl"} & set(info)


async def test_codes_expire_in_thirty_seconds_unless_told(wechat: WeChat) -> None:
    wechat.follows()
    body = {"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 7}}}
    made = await wechat.call("/cgi-bin/qrcode/create", body)
    assert made["expire_seconds"] == 30
    wechat.platform.clock.forward(30)
    assert await scan(wechat, made["url"]) == {"problem": "二维码已过期。"}


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"expire_seconds": 2_592_001}, 40097),
        ({"action_name": "QR_X"}, 40053),
        ({"action_info": {}}, 40053),
        ({"action_info": {"scene": {"scene_str": "x" * 65}}}, 40053),
        ({"action_name": "QR_SCENE", "action_info": {"scene": {"scene_id": 0}}}, 40053),
        ({"action_name": "QR_LIMIT_SCENE", "action_info": {"scene": {"scene_id": 100_001}}}, 40053),
    ],
)
async def test_codes_that_are_refused(wechat: WeChat, changed: dict[str, Any], errcode: int) -> None:
    assert (await create(wechat, **changed))["errcode"] == errcode


async def test_the_picture_of_a_ticket_can_be_scanned(wechat: WeChat) -> None:
    made = await create(wechat)
    async with wechat.http.get(
        f"{wechat.url}/cgi-bin/showqrcode", params={"ticket": made["ticket"]}
    ) as answer:
        picture = await answer.read()
        assert (answer.status, answer.content_type) == (200, "image/png")
    async with wechat.http.post(f"{wechat.url}/phone/api/decode", data=picture) as answer:
        assert (await answer.json())["text"] == made["url"]
    async with wechat.http.get(f"{wechat.url}/cgi-bin/showqrcode", params={"ticket": "x"}) as answer:
        assert answer.status == 404


async def code(wechat: WeChat, **body: Any) -> dict[str, Any] | bytes:
    url, token = f"{wechat.url}/wxa/getwxacodeunlimit", await wechat.token(MP)
    async with wechat.http.post(url, params={"access_token": token}, json=body) as answer:
        is_picture = answer.content_type == "image/png"
        return await answer.read() if is_picture else dict(await answer.json(content_type=None))


async def test_mini_program_code_is_a_picture_and_opens_its_page(wechat: WeChat) -> None:
    picture = await code(wechat, scene="a=1&b=~2", page="pages/scan")
    assert isinstance(picture, bytes)
    (text,) = scanner.texts(picture)
    assert await scan(wechat, text) == {
        "open": "miniprogram",
        "page": "pages/scan",
        "query": "scene=a%3D1%26b%3D~2",
        "scene": 1047,
    }


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"scene": "x" * 33}, 40169),
        ({"scene": ""}, 40129),
        ({"scene": "a%20b"}, 40129),
        ({"scene": "中文"}, 40129),
        ({"scene": "a", "page": "/pages/scan"}, 41030),
        ({"scene": "a", "page": "pages/scan?x=1"}, 41030),
        ({"scene": "a", "page": "pages/none"}, 41030),
        ({"scene": "a", "width": 200}, 40097),
        ({"scene": "a", "env_version": "beta"}, 40097),
    ],
)
async def test_scenes_and_pages_that_are_refused(wechat: WeChat, body: dict[str, Any], errcode: int) -> None:
    wechat.platform.switchboard.turn({"published_pages": ["pages/scan"]})
    told = await code(wechat, **body)
    assert isinstance(told, dict)
    assert told["errcode"] == errcode


async def test_unlimited_codes_have_a_limit_a_minute(wechat: WeChat) -> None:
    minute = f"{MP.appid} /wxa/getwxacodeunlimit {wechat.platform.clock.unix() // 60}"
    wechat.platform.store.put("counter.minute", minute, {"n": 5000})
    told = await code(wechat, scene="a")
    assert isinstance(told, dict)
    assert told["errcode"] == 45009


async def test_url_links_live_at_most_thirty_days(wechat: WeChat) -> None:
    body = {"path": "pages/a", "query": "x=1", "expire_type": 1, "expire_interval": 30}
    made = await wechat.call("/wxa/generate_urllink", body, MP)
    opened = {"open": "miniprogram", "page": "pages/a", "query": "x=1", "scene": 1167}
    assert await scan(wechat, made["url_link"]) == opened
    wechat.platform.clock.forward(30 * 86400)
    assert await scan(wechat, made["url_link"]) == {"problem": "链接已失效。"}
    too_long = await wechat.call("/wxa/generate_urllink", {**body, "expire_interval": 31}, MP)
    assert too_long["errcode"] == 85401
    jump = {"jump_wxa": {"path": "pages/a", "query": "x=1"}, "expire_type": 1, "expire_interval": 1}
    made = await wechat.call("/wxa/generatescheme", jump, MP)
    assert await scan(wechat, made["openlink"]) == opened


RULES = [
    {"prefix": "https://a.cn/v/", "page": "pages/v"},
    {"prefix": "https://a.cn/v/draft/", "published": False},
    {"prefix": "https://a.cn/exact"},
]


@pytest.mark.parametrize(
    ("url", "opens"),
    [
        ("https://a.cn/v/x1", "miniprogram"),
        ("https://a.cn/v/draft/x1", "web"),  # the more specific rule decides, though unpublished
        ("http://a.cn/v/x1", "web"),
        ("https://A.cn/v/x1", "web"),
        ("https://a.cn/exact", "miniprogram"),
        ("https://a.cn/exact?q=1", "miniprogram"),
        ("https://a.cn/exact/more", "web"),
    ],
)
async def test_ordinary_links(wechat: WeChat, url: str, opens: str) -> None:
    wechat.platform.switchboard.turn({"link_rules": RULES})
    assert (await scan(wechat, url))["open"] == opens


async def test_an_ordinary_link_arrives_as_q(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"link_rules": RULES})
    assert await scan(wechat, "https://a.cn/v/x?y=1") == {
        "open": "miniprogram",
        "page": "pages/v",
        "query": f"q=https%3A%2F%2Fa.cn%2Fv%2Fx%3Fy%3D1&scancode_time={wechat.platform.clock.unix()}",
        "scene": 1011,
    }


async def test_followers_are_listed(wechat: WeChat) -> None:
    wechat.follows(2)
    token = await wechat.token()
    told = await wechat.get("/cgi-bin/user/get", access_token=token)
    assert told == {
        "total": 1,
        "count": 1,
        "data": {"openid": [wechat.openid(2)]},
        "next_openid": wechat.openid(2),
    }
    info = await wechat.get("/cgi-bin/user/info", access_token=token, openid=wechat.openid(1))
    assert info == {"subscribe": 0, "openid": wechat.openid(1)}
    foreign = await wechat.get("/cgi-bin/user/info", access_token=token, openid=wechat.openid(1, MP))
    assert foreign["errcode"] == 40003


async def test_short_keys(wechat: WeChat) -> None:
    made = await wechat.call("/cgi-bin/shorten/gen", {"long_data": "长数据", "expire_seconds": 10})
    told = await wechat.call("/cgi-bin/shorten/fetch", {"short_key": made["short_key"]})
    assert (len(made["short_key"]), told["long_data"], told["expire_seconds"]) == (15, "长数据", 10)
    wechat.platform.clock.forward(10)
    assert (await wechat.call("/cgi-bin/shorten/fetch", {"short_key": made["short_key"]}))[
        "errcode"
    ] == 9410012


async def test_js_sdk(wechat: WeChat, service: Service) -> None:
    ticket = (await wechat.get("/cgi-bin/ticket/getticket", access_token=await wechat.token(), type="jsapi"))[
        "ticket"
    ]
    page = f"{service.url}/h5/page?x=1"
    signature = crypto.jsapi_signature(ticket, "n", "1", page + "#part")
    body = {"appId": OA.appid, "timestamp": 1, "nonceStr": "n", "signature": signature}
    check = "/sandbox/api/wx-config"
    async with wechat.http.post(wechat.url + check, json=body, headers={"Referer": page}) as answer:
        assert await answer.json() == {"errMsg": "config:ok"}
    assert await wechat.post(check, {**body, "url": page + "&from=x"}) == {
        "errMsg": "config:invalid signature"
    }
    assert await wechat.post(check, {**body, "url": "https://other.cn/"}) == {
        "errMsg": "config:invalid url domain"
    }


async def test_link_rules_need_the_file_in_their_own_folder(wechat: WeChat, service: Service) -> None:
    told = await wechat.call("/cgi-bin/wxopen/qrcodejumpdownload", {"x": 1}, MP)
    rule = {"prefix": f"{service.url}/v/", "path": "pages/v", "is_edit": 0}
    refused = await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", rule, MP)
    assert (
        refused["errcode"],
        f"/v/{told['file_name']}" in wechat.platform.timeline.rows()[-1]["verdict"],
    ) == (
        85069,
        True,
    )
    service.files[f"/v/{told['file_name']}"] = told["file_content"]
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", rule, MP))["errcode"] == 0
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", rule, MP))["errcode"] == 85071
    assert (await scan(wechat, f"{service.url}/v/x"))["open"] == "web"
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumppublish", rule, MP))["errcode"] == 0
    assert (await scan(wechat, f"{service.url}/v/x"))["open"] == "miniprogram"
    edit = {**rule, "is_edit": 1, "path": "pages/other"}
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", edit, MP))[
        "errcode"
    ] == 40097  # it is published
    listed = await wechat.call("/cgi-bin/wxopen/qrcodejumpget", {"x": 1}, MP)
    assert (listed["list_size"], listed["qrcodejump_pub_quota"]) == (1, 99)
    assert listed["rule_list"] == [
        {
            "prefix": rule["prefix"],
            "path": "pages/v",
            "state": 2,
            "open_version": 2,
            "permit_sub_rule": 1,
            "debug_url": [],
        }
    ]
    wechat.platform.clock.forward(1)  # five calls a second
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumpdelete", rule, MP))["errcode"] == 0
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumppublish", rule, MP))["errcode"] == 85066


async def test_test_links_open_an_unpublished_rule_in_the_trial_version(
    wechat: WeChat, service: Service
) -> None:
    file = await wechat.call("/cgi-bin/wxopen/qrcodejumpdownload", {"x": 1}, MP)
    service.files[f"/v/{file['file_name']}"] = file["file_content"]
    links = [f"{service.url}/v/{number}" for number in range(5)]
    rule = {"prefix": f"{service.url}/v/", "path": "pages/v", "is_edit": 0, "debug_url": links}
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", rule, MP))["errcode"] == 0
    opened = await scan(wechat, links[0])
    assert (opened["open"], opened["version"]) == ("miniprogram", "trial")
    assert (await scan(wechat, f"{service.url}/v/other"))["open"] == "web"
    wechat.platform.switchboard.turn({"published": False})
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumppublish", rule, MP))["errcode"] == 85074
    wechat.platform.clock.forward(1)
    wechat.platform.switchboard.turn({"published": True})
    month = f"{MP.appid} {wechat.platform.clock.day()[:7]}"
    wechat.platform.store.put("counter.rules.published", month, {"n": 100})
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumppublish", rule, MP))["errcode"] == 886000


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"prefix": "HTTPS://a.cn/v/"}, 85069),  # the scheme is case-blind; the file is what is missing
        ({"prefix": "https://A.cn/v/"}, 85066),
        ({"prefix": "gopher://a.cn/v/"}, 85066),
        ({"prefix": "a.cn/v/"}, 85066),
        ({"debug_url": ["https://b.cn/v/1"]}, 85068),
        ({"debug_url": [f"https://127.0.0.1:1/v/{number}" for number in range(6)]}, 85068),
        ({"open_version": 4}, 40097),
        ({"permit_sub_rule": 3}, 40097),
        ({"is_edit": 1}, 40097),
    ],
)
async def test_rules_that_are_refused(wechat: WeChat, changed: dict[str, Any], errcode: int) -> None:
    rule = {"prefix": "https://127.0.0.1:1/v/", "path": "pages/v", "is_edit": 0, **changed}
    assert (await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", rule, MP))["errcode"] == errcode


async def test_rules_are_a_hundred_and_changed_five_times_a_second(wechat: WeChat) -> None:
    rules = [{"prefix": f"https://a.cn/{number}"} for number in range(100)]
    wechat.platform.switchboard.turn({"link_rules": rules})
    rule = {"prefix": "https://127.0.0.1:1/v/", "path": "pages/v", "is_edit": 0}
    told = [(await wechat.call("/cgi-bin/wxopen/qrcodejumpadd", rule, MP))["errcode"] for _ in range(6)]
    assert told == [85073] * 5 + [44990]


async def test_limited_codes_carry_their_query_and_are_counted_for_life(wechat: WeChat) -> None:
    async def made(call: str, **body: Any) -> dict[str, Any] | bytes:
        url, token = wechat.url + call, await wechat.token(MP)
        async with wechat.http.post(url, params={"access_token": token}, json=body) as answer:
            is_picture = answer.content_type == "image/png"
            return await answer.read() if is_picture else dict(await answer.json(content_type=None))

    for path in ("/wxa/getwxacode", "/cgi-bin/wxaapp/createwxaqrcode"):
        picture = await made(path, path="pages/a?x=1")
        assert isinstance(picture, bytes)
        opened = await scan(wechat, scanner.texts(picture)[0])
        assert (opened["page"], opened["query"]) == ("pages/a", "x=1")
    too_long = await made("/cgi-bin/wxaapp/createwxaqrcode", path="p" * 129)
    assert isinstance(too_long, dict)
    assert too_long["errcode"] == 40097
    wechat.platform.store.put("counter.codes.limited", MP.appid, {"n": 100_000})
    used_up = await made("/wxa/getwxacode", path="pages/a")
    assert isinstance(used_up, dict)
    assert used_up["errcode"] == 45029


async def test_links_are_counted_together_and_open_from_outside_with_more_in_their_query(
    wechat: WeChat,
) -> None:
    body = {"path": "/pages/a", "query": "x=1", "expire_type": 1, "expire_interval": 1}
    link = (await wechat.call("/wxa/generate_urllink", body, MP))["url_link"]
    outside = {"text": f"{link}?cq=y%3D2", "outside": True}
    opened = await wechat.post("/phone/api/act/p1/scan", outside)
    assert opened == {"open": "miniprogram", "page": "pages/a", "query": "x=1&y=2", "scene": 1194}
    assert (await scan(wechat, f"{link}?cq={'y' * 257}"))["problem"].startswith("cq 超过")
    day = f"{MP.appid} {wechat.platform.clock.day()}"
    wechat.platform.store.put("counter.links.made", day, {"n": 499_999})
    jump = {"jump_wxa": {"path": "pages/a"}, "expire_type": 1, "expire_interval": 1}
    assert (await wechat.call("/wxa/generatescheme", jump, MP))["errcode"] == 0
    assert (await wechat.call("/wxa/generate_urllink", body, MP))["errcode"] == 85400
    wechat.platform.switchboard.turn({"link_opens_a_day": 1})
    assert await scan(wechat, link) == {"problem": "今天打开的次数已用完。"}


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"path": "pages/a?x=1"}, 40165),
        ({"query": "x" * 1025}, 40097),
        ({"env_version": "beta"}, 40097),
        ({"expire_type": 2}, 40097),
        ({"expire_interval": "1"}, 40097),
        ({"expire_interval": 0}, 85401),
        ({"path": "pages/none"}, 41030),
    ],
)
async def test_links_that_are_refused(wechat: WeChat, changed: dict[str, Any], errcode: int) -> None:
    wechat.platform.switchboard.turn({"published_pages": ["pages/a"]})
    body = {"path": "pages/a", "expire_type": 1, "expire_interval": 1, **changed}
    assert (await wechat.call("/wxa/generate_urllink", body, MP))["errcode"] == errcode


async def test_nothing_opens_while_the_mini_program_is_not_published(wechat: WeChat) -> None:
    made = await wechat.call("/wxa/generate_urllink", {"path": "pages/a"}, MP)
    wechat.platform.switchboard.turn({"published": False, "link_rules": RULES})
    assert (await wechat.call("/wxa/generate_urllink", {"path": "pages/a"}, MP))["errcode"] == 85079
    assert await scan(wechat, made["url_link"]) == {"problem": "链接已失效。"}
    assert (await scan(wechat, "https://a.cn/v/x1"))["open"] == "web"
    told = await code(wechat, scene="a", page="pages/a")
    assert isinstance(told, dict)
    assert told["errcode"] == 41030
