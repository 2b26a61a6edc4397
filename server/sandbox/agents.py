"""With which WeChat a person opens pages: the User-Agents of its clients (wechat.md §8)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@dataclass(frozen=True, slots=True)
class Agent:
    """One client.

    Attributes:
        platform: `navigator.platform` in its pages.
        by_entry: its web view answers for the address a page came with, not for the one it shows now (§3.2).
        camera: it can scan.
        jumps: an ordinary link may open the mini-program; clients before 6.5.6 show the web page (§4.4).
    """

    kind: str
    name: str
    user_agent: str
    platform: str
    by_entry: bool = False
    camera: bool = True
    jumps: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


AGENTS = {
    agent.kind: agent
    for agent in (
        Agent(
            "android",
            "安卓手机",
            f"Mozilla/5.0 (Linux; Android 14; sandbox Build/UP1A; wv) {_WEBKIT} Version/4.0 Chrome/126.0.0.0 "
            "Mobile Safari/537.36 XWEB/1260059 MMWEBSDK/20240802 MMWEBID/1 MicroMessenger/8.0.53.2740(0x28003533) "
            "WeChat/arm64 Weixin NetType/WIFI Language/zh_CN ABI/arm64",
            "Linux armv8l",
        ),
        Agent(
            "ios",
            "苹果手机",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Mobile/15E148 MicroMessenger/8.0.53(0x18003531) NetType/WIFI Language/zh_CN",
            "iPhone",
            by_entry=True,
        ),
        Agent(
            "old",
            "旧版（6.5.4）",
            f"Mozilla/5.0 (Linux; Android 6.0; sandbox Build/MRA58K; wv) {_WEBKIT} Version/4.0 Chrome/37.0.0.0 "
            "Mobile MQQBrowser/6.2 TBS/036555 Safari/537.36 MicroMessenger/6.5.4.1000 NetType/WIFI Language/zh_CN",
            "Linux armv7l",
            jumps=False,
        ),
        Agent(
            "windows",
            "电脑版（Windows）",
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/122.0.0.0 Safari/537.36 "
            "MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Windows WindowsWechat/WMPF "
            "WindowsWechat(0x63090c33)XWEB/11581 Flue",
            "Win32",
            camera=False,
        ),
        Agent(
            "wxwork",
            "企业微信",
            f"Mozilla/5.0 (Linux; Android 14; sandbox Build/UP1A; wv) {_WEBKIT} Version/4.0 Chrome/116.0.0.0 "
            "Mobile Safari/537.36 wxwork/4.1.30 MicroMessenger/7.0.1 NetType/WIFI Language/zh Lang/zh ColorScheme/Light",
            "Linux armv8l",
        ),
    )
}


def of(platform: Platform, person: Person) -> Agent:
    """The client this person uses; Android's until another is chosen."""
    choice = platform.store.get("agent", person.id) or {}
    return AGENTS.get(str(choice.get("kind")), AGENTS["android"])


def choose(platform: Platform, person: Person, kind: str) -> Agent:
    """Use another client from now on. Raises KeyError for one that does not exist."""
    agent = AGENTS[kind]
    platform.store.put("agent", person.id, {"kind": kind})
    return agent
