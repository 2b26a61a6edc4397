"""The menu: one that WeChat takes, put again until it is there, compared with what WeChat has (wechat.md §6.1)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from server.domain.ports import Services
from server.domain.wechat_chat import menu
from server.errors import OutsideFailure, Refused
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import FakeWeChatConsole
from tests.kit.fakes import ListQueue

OURS = menu.official("https://cert.example.cn")
More = Callable[[dict[str, Any]], object]


def changed(change: More) -> dict[str, Any]:
    other = copy.deepcopy(OURS)
    change(other)
    return other


def test_ours_is_one_that_wechat_takes() -> None:
    assert menu.problems(OURS) == []


def click(name: str = "a", key: str = "k") -> dict[str, Any]:
    return {"type": "click", "name": name, "key": key}


def view(url: str) -> dict[str, Any]:
    return {"type": "view", "name": "a", "url": url}


@pytest.mark.parametrize(
    ("button", "says"),
    [
        ([], "1 至 3 个按钮"),
        ([click()] * 4, "1 至 3 个按钮"),
        ([{"name": "多", "sub_button": [click()] * 6}], "“多”的二级菜单最多 5 个按钮，现有 6 个"),
        ([click("六个汉字超长")], "“六个汉字超长”的名称应为 1 至 16 字节（汉字每个 3 字节），现为 18 字节"),
        ([click("")], "“（无名称）”的名称应为 1 至 16 字节（汉字每个 3 字节），现为 0 字节"),
        (
            [{"name": "多", "sub_button": [click("长" * 21)]}],
            "应为 1 至 60 字节（汉字每个 3 字节），现为 63 字节",
        ),
        ([click(key="长" * 43)], "“a”的键应为 1 至 128 字节，现为 129 字节"),
        ([click(key="")], "“a”的键应为 1 至 128 字节，现为 0 字节"),
        ([view("https://x.cn/" + "a" * 1012)], "“a”的网址应为 1 至 1024 字节，现为 1025 字节"),
        ([view("/h5/results")], "“a”的网址应为完整的 http(s) 网址"),
        ([{"type": "miniprogram", "name": "a", "url": "https://x.cn/", "appid": "wx"}], "“a”的页面应为 1 至"),
        ([{"type": "media_id", "name": "a"}], "“a”的素材应为 1 至"),
        ([{"type": "jump", "name": "a"}], "“a”的类型“jump”微信没有"),
    ],
)
def test_what_wechat_would_not_take(button: list[dict[str, Any]], says: str) -> None:
    assert says in "；".join(menu.problems({"button": button}))


async def test_a_menu_with_problems_is_refused_before_it_is_sent(services: Services) -> None:
    with pytest.raises(Refused) as refused:
        await menu.apply(services.settings, services.wechat_console, {"button": [click(""), view("/h5")]})
    assert refused.value.code == "menu_invalid"
    assert "（无名称）" in refused.value.message and "http(s)" in refused.value.message
    assert isinstance(services.wechat_console, FakeWeChatConsole) and services.wechat_console.menus == []


def test_limits_are_met_exactly() -> None:
    edge: dict[str, Any] = {
        "button": [
            {"type": "click", "name": "五个汉字一a", "key": "k" * 128},
            {"name": "a", "sub_button": [{"type": "click", "name": "长" * 20, "key": "k"}] * 5},
            view("https://x.cn/" + "a" * 1011),
        ]
    }
    assert len(edge["button"][0]["name"].encode()) == 16
    assert len(edge["button"][2]["url"].encode()) == 1024
    assert menu.problems(edge) == []


async def test_the_menu_is_put_again_while_wechat_does_not_answer(services: Services) -> None:
    class Away(FakeWeChatConsole):
        async def create_menu(self, menu: Mapping[str, Any]) -> None:
            raise OutsideFailure("无法连接微信")

    exchange(services, wechat_console=Away())
    await menu.put(services)
    assert isinstance(services.queue, ListQueue)
    assert services.queue.jobs == [("wechat.menu", {"tries": 2})]
    with pytest.raises(OutsideFailure):
        await menu.put(services, tries=menu.TRIES)
    back = FakeWeChatConsole()
    exchange(services, wechat_console=back)
    await menu.put(services, tries=2)
    assert back.menus == [menu.official(services.settings.public_url)]


def test_no_menu_yet_everything_is_new() -> None:
    assert menu.differences(None, OURS) == [
        "+ 新增 查成绩：点击，键 RESULTS",
        "+ 新增 查证书：点击，键 CERTIFICATES",
        "+ 新增 更多：二级菜单，5 项",
        "+ 新增 更多／身份绑定：打开网页，网址 https://cert.example.cn/h5/bind",
        "+ 新增 更多／我的证书：打开网页，网址 https://cert.example.cn/h5/certificates",
        "+ 新增 更多／证书核验：打开网页，网址 https://cert.example.cn/v",
        "+ 新增 更多／院校签发：打开网页，网址 https://cert.example.cn/h5/officer",
        "+ 新增 更多／帮助：点击，键 HELP",
    ]


def test_what_wechat_adds_is_no_difference() -> None:
    """menu/get gives empty lists and further fields back; get_current_selfmenu_info wraps the second level."""
    as_kept = copy.deepcopy(OURS)
    for button in as_kept["button"]:
        button.setdefault("sub_button", [])
        for sub in button["sub_button"]:
            sub["sub_button"] = []
    assert menu.differences(as_kept, OURS) == []
    wrapped = copy.deepcopy(OURS)
    wrapped["button"][2]["sub_button"] = {"list": wrapped["button"][2]["sub_button"]}
    assert menu.differences(wrapped, OURS) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda m: m["button"][0].update(key="OLD"), ["~ 改动 查成绩：点击，键 OLD → 点击，键 RESULTS"]),
        (lambda m: m["button"][0].update(name="查分"), ["~ 改动 查分：名称 查分 → 查成绩"]),
        (lambda m: m["button"].pop(1), ["+ 新增 查证书：点击，键 CERTIFICATES"]),
        (
            lambda m: m["button"][2]["sub_button"].insert(0, click("旧", "OLD")),
            ["- 删除 更多／旧：点击，键 OLD"],
        ),
        (
            lambda m: m["button"][2]["sub_button"].reverse(),
            [
                "~ 改动 更多／顺序：帮助、院校签发、证书核验、我的证书、身份绑定 → "
                "身份绑定、我的证书、证书核验、院校签发、帮助"
            ],
        ),
        (
            lambda m: m["button"].__setitem__(2, click("更多", "MORE")),
            [
                "~ 改动 更多：点击，键 MORE → 二级菜单，5 项",
                "+ 新增 更多／身份绑定：打开网页，网址 https://cert.example.cn/h5/bind",
                "+ 新增 更多／我的证书：打开网页，网址 https://cert.example.cn/h5/certificates",
                "+ 新增 更多／证书核验：打开网页，网址 https://cert.example.cn/v",
                "+ 新增 更多／院校签发：打开网页，网址 https://cert.example.cn/h5/officer",
                "+ 新增 更多／帮助：点击，键 HELP",
            ],
        ),
    ],
)
def test_each_difference_is_one_line(change: More, told: list[str]) -> None:
    assert menu.differences(changed(change), OURS) == told


def test_the_menu_on_a_terminal() -> None:
    assert menu.lines(OURS)[:4] == [
        "1. 查成绩：点击，键 RESULTS",
        "2. 查证书：点击，键 CERTIFICATES",
        "3. 更多：二级菜单，5 项",
        "   3.1 身份绑定：打开网页，网址 https://cert.example.cn/h5/bind",
    ]
    assert menu.lines(None) == ["（没有菜单）"]
