"""Access tokens: overlap, force, families, and every way to be refused (wechat.md §2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.conftest import MP, OA, WeChat, without_rid

STABLE = {"grant_type": "client_credential", "appid": OA.appid, "secret": OA.secret}


async def stable(wechat: WeChat, **more: Any) -> dict[str, Any]:
    return await wechat.post("/cgi-bin/stable_token", {**STABLE, **more})


async def plain(wechat: WeChat) -> dict[str, Any]:
    return await wechat.get("/cgi-bin/token", **STABLE)


async def use(wechat: WeChat, token: str) -> int:
    answer = await wechat.get("/cgi-bin/ticket/getticket", access_token=token, type="jsapi")
    return int(answer.get("errcode", 0))


async def test_stable_token_stays_and_counts_down(wechat: WeChat) -> None:
    first = await stable(wechat)
    assert (first["expires_in"], len(first["access_token"])) == (7200, 512)
    wechat.platform.clock.forward(1000)
    assert await stable(wechat) == {"access_token": first["access_token"], "expires_in": 6200}


async def test_last_five_minutes_give_the_next_and_both_live(wechat: WeChat) -> None:
    first = (await stable(wechat))["access_token"]
    wechat.platform.clock.forward(7200 - 250)
    second = await stable(wechat)
    assert second["access_token"] != first
    assert second["expires_in"] == 7200
    wechat.platform.clock.forward(299)
    assert [await use(wechat, first), await use(wechat, second["access_token"])] == [0, 0]
    wechat.platform.clock.forward(2)
    assert [await use(wechat, first), await use(wechat, second["access_token"])] == [40001, 0]


async def test_plain_token_kills_the_one_before_after_five_minutes(wechat: WeChat) -> None:
    first = (await plain(wechat))["access_token"]
    second = (await plain(wechat))["access_token"]
    assert first != second
    wechat.platform.clock.forward(299)
    assert await use(wechat, first) == 0
    wechat.platform.clock.forward(1)
    assert [await use(wechat, first), await use(wechat, second)] == [40001, 0]


async def test_the_families_do_not_touch_each_other(wechat: WeChat) -> None:
    one, other = (await plain(wechat))["access_token"], (await stable(wechat))["access_token"]
    await stable(wechat, force_refresh=True)
    assert [await use(wechat, one), await use(wechat, other)] == [0, 40001]


async def test_force_refresh_not_twice_in_thirty_seconds_nor_more_than_twenty_a_day(wechat: WeChat) -> None:
    first = (await stable(wechat))["access_token"]
    second = (await stable(wechat, force_refresh=True))["access_token"]
    third = (await stable(wechat, force_refresh=True))["access_token"]
    assert (first != second, second == third) == (True, True)
    for _ in range(19):
        wechat.platform.clock.forward(30)
        third = (await stable(wechat, force_refresh=True))["access_token"]
    wechat.platform.clock.forward(30)
    assert (await stable(wechat, force_refresh=True))["access_token"] == third
    wechat.platform.switchboard.turn({"force_refresh_excess": "45009"})
    assert (await stable(wechat, force_refresh=True))["errcode"] == 45009


async def test_expired_missing_malformed_and_unknown(wechat: WeChat) -> None:
    token = (await stable(wechat))["access_token"]
    wechat.platform.clock.forward(7200)
    assert await use(wechat, token) == 42001
    assert await use(wechat, token[:200]) == 40014
    assert await use(wechat, "") == 41001
    assert await use(wechat, token[:-4] + "zzzz") == 40001


@pytest.mark.parametrize(
    ("changed", "errcode", "said"),
    [
        ({"grant_type": "x"}, 40002, "invalid grant_type"),
        ({"appid": ""}, 41002, "appid missing"),
        ({"appid": "wx0"}, 40013, "invalid appid"),
        ({"secret": ""}, 41004, "appsecret missing"),
        ({"secret": MP.secret}, 40125, "invalid appsecret"),
    ],
)
async def test_wrong_credentials(wechat: WeChat, changed: dict[str, Any], errcode: int, said: str) -> None:
    assert without_rid(await stable(wechat, **changed)) == {"errcode": errcode, "errmsg": said}


async def test_bodies_and_methods(wechat: WeChat) -> None:
    path = f"{wechat.url}/cgi-bin/stable_token"
    for method, body, errcode in (("GET", b"", 43002), ("POST", b"", 44002), ("POST", b"{", 47001)):
        async with wechat.http.request(method, path, data=body or None) as answer:
            assert (answer.status, (await answer.json(content_type=None))["errcode"]) == (200, errcode)


async def test_whitelist_names_the_address(wechat: WeChat) -> None:
    wechat.platform.switchboard.turn({"ip_whitelist": ["10.1.1.1"]})
    assert without_rid(await stable(wechat)) == {
        "errcode": 40164,
        "errmsg": "invalid ip 127.0.0.1, not in whitelist",
    }


async def test_daily_quota_ends_at_midnight_in_beijing(wechat: WeChat) -> None:
    for _ in range(2000):
        wechat.platform.store.count("day", f"{OA.appid} /cgi-bin/token {wechat.platform.clock.day()}")
    assert (await plain(wechat))["errcode"] == 45009
    wechat.platform.clock.forward(14 * 3600)  # it was 10:00
    assert "access_token" in await plain(wechat)


async def test_forced_errors_are_used_up(wechat: WeChat) -> None:
    token = (await stable(wechat))["access_token"]
    wechat.platform.switchboard.turn(
        {"forced": [{"path": "/cgi-bin/ticket/getticket", "errcode": -1, "times": 2}]}
    )
    assert [await use(wechat, token) for _ in range(3)] == [-1, -1, 0]


async def test_token_of_the_other_account(wechat: WeChat) -> None:
    assert await use(wechat, await wechat.token(MP)) == 48001


async def test_a_rid_tells_what_happened(wechat: WeChat) -> None:
    refused = await wechat.call("/cgi-bin/menu/create", {"button": []})
    rid = str(refused["errmsg"]).rpartition(" rid: ")[2]
    told = await wechat.call("/cgi-bin/openapi/rid/get", {"rid": rid})
    assert told["request"]["request_url"] == "/cgi-bin/menu/create"
    assert (await wechat.call("/cgi-bin/openapi/rid/get", {"rid": "x"}))["errcode"] == 76001


async def test_quota_is_counted_and_cleared_ten_times_a_month(wechat: WeChat) -> None:
    async def used() -> int:
        told = await wechat.call("/cgi-bin/openapi/quota/get", {"cgi_path": "/cgi-bin/menu/create"})
        return int(told["quota"]["used"])

    await wechat.call("/cgi-bin/menu/create", {"button": []})
    assert await used() == 1
    cleared = [(await wechat.call("/cgi-bin/clear_quota", {"appid": OA.appid}))["errcode"] for _ in range(11)]
    assert cleared == [0] * 10 + [48006]
    assert await used() == 0
