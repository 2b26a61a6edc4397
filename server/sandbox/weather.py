"""Bad weather by one click: presets, each made of switches that there are anyway; several at once are possible.

Whether one is on is read from the switches themselves, so that what is shown cannot be wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from server.sandbox import limits, switches, tokens
from server.sandbox.pay import switches as pay_switches
from server.sandbox.pay.switches import PaySwitchBoard
from server.sandbox.platform import Platform

SENDING = (
    "/cgi-bin/message/template/send",
    "/cgi-bin/message/subscribe/send",
    "/cgi-bin/message/subscribe/bizsend",
    "/cgi-bin/message/custom/send",
)


@dataclass(frozen=True, slots=True)
class Preset:
    """One kind of bad weather.

    Attributes:
        about: what the service meets, for people.
        switches, pay: the switches and their values; no two presets share one.
        errcode: what every call that sends a message is answered with.
        ahead: seconds that the platform's clock goes before the service's.
        is_moment: it happens once, and is over.
    """

    name: str
    title: str
    about: str
    switches: Mapping[str, Any] = field(default_factory=dict)
    pay: Mapping[str, Any] = field(default_factory=dict)
    errcode: int = 0
    ahead: float = 0.0
    is_moment: bool = False


PRESETS = (
    Preset("slow", "慢", "每次回答都晚 3 秒。", {"slow_seconds": 3.0}),
    Preset(
        "patchy",
        "时断时续",
        "一成的调用没有执行就断开，一成执行了却没有回答。",
        {"lose_share": 0.1, "drop_share": 0.1},
    ),
    Preset(
        "token",
        "令牌被别处刷新",
        "另一台机器刚刚强制刷新，手里的 access_token 立刻失效（40001）。",
        is_moment=True,
    ),
    Preset("quota", "额度用完（45009）", "模板消息、订阅消息和客服消息今天的次数都用完了。", errcode=45009),
    Preset("triple", "推送重复三次", "每条推送同时到三份。", {"push_copies": 3}),
    Preset(
        "shuffled",
        "推送乱序",
        "攒够 3 条后倒着发，攒不够的等 3 秒。",
        {"push_hold": 3, "push_hold_seconds": 3.0},
    ),
    Preset("late", "推送迟到", "每条推送随机晚到，最多 8 秒。", {"push_delay_seconds": 8.0}),
    Preset(
        "blocked", "用户拒收", "模板消息受理了，结局是 failed:user block。", {"template_status": "failed:user block"}
    ),
    Preset("snapshot", "快照页", "网页授权得到的是虚拟账号，不是本人。", {"snapshot": True}),
    Preset("unpublished", "小程序没有发布", "小程序码和链接都打不开，接口回答 41030。", {"published": False}),
    Preset("callbacks", "支付回调丢失", "钱付了，通知一条也不来，只能自己查单。", pay={"notify_lost": True}),
    Preset("refunds", "退款异常", "退款受理了，结局是 ABNORMAL。", pay={"refund_outcome": "ABNORMAL"}),
    Preset("balance", "余额不足", "申请退款立即被拒绝（NOT_ENOUGH）。", pay={"not_enough": True}),
    Preset("clock", "时钟偏差", "微信的时钟比服务快 10 分钟：签名、令牌和二维码的时限都错开。", ahead=limits.CLOCK_AHEAD),
)  # fmt: skip
BY_NAME = {preset.name: preset for preset in PRESETS}


def presets(pay: PaySwitchBoard | None) -> list[Preset]:
    """Those that can be had: without a merchant none of WeChat Pay's."""
    return [one for one in PRESETS if pay is not None or not one.pay]


def is_on(platform: Platform, pay: PaySwitchBoard | None, preset: Preset) -> bool:
    """Whether this weather holds now."""
    if preset.is_moment:
        return False
    if preset.ahead:
        return not platform.clock.is_real
    if preset.errcode:
        return any(_is_of(order, preset) for order in platform.switchboard.now.forced)
    on = all(getattr(platform.switchboard.now, name) == value for name, value in preset.switches.items())
    return on and all(
        pay is not None and getattr(pay.now, name) == value for name, value in preset.pay.items()
    )


def _is_of(order: Mapping[str, Any], preset: Preset) -> bool:
    return order.get("errcode") == preset.errcode and order.get("path") in SENDING


def turn(platform: Platform, pay: PaySwitchBoard | None, preset: Preset, *, on: bool) -> None:
    """Let it come, or go; the other weather stays as it is."""
    if preset.is_moment:
        if on:
            tokens.refreshed_elsewhere(platform)
        return
    if preset.ahead:
        platform.clock.reset()
        if on:
            platform.clock.forward(preset.ahead)
    if preset.errcode:
        others = [order for order in platform.switchboard.now.forced if not _is_of(order, preset)]
        mine = (
            [{"path": path, "errcode": preset.errcode, "times": limits.UNNUMBERED_A_DAY} for path in SENDING]
            if on
            else []
        )
        platform.switchboard.turn({"forced": [*others, *mine]})
    if preset.switches:
        begin = switches.Switches()
        platform.switchboard.turn(
            dict(preset.switches) if on else {name: getattr(begin, name) for name in preset.switches}
        )
    if preset.pay and pay is not None:
        usual = pay_switches.PaySwitches()
        pay.turn(dict(preset.pay) if on else {name: getattr(usual, name) for name in preset.pay})


def fair(platform: Platform, pay: PaySwitchBoard | None) -> None:
    """Every switch as at the beginning, and real time."""
    platform.switchboard.reset()
    platform.clock.reset()
    if pay is not None:
        pay.reset()


def report(platform: Platform, pay: PaySwitchBoard | None) -> dict[str, Any]:
    """Every preset with whether it is on, and how many switches are set by hand beside them."""
    items = [
        {
            "name": one.name,
            "title": one.title,
            "about": one.about,
            "is_moment": one.is_moment,
            "on": is_on(platform, pay, one),
        }
        for one in presets(pay)
    ]
    return {"items": items, "by_hand": _by_hand(platform, pay)}


def _by_hand(platform: Platform, pay: PaySwitchBoard | None) -> int:
    """Switches that are not as at the beginning, for which no preset that is on accounts."""
    on = [one for one in presets(pay) if is_on(platform, pay, one)]
    mine = {name for one in on for name in (*one.switches, *one.pay)}
    begin = switches.Switches(push_mode=platform.config.push_mode)
    changed = {
        name
        for name in switches.Switches.__slots__
        if name != "forced" and getattr(platform.switchboard.now, name) != getattr(begin, name)
    }
    orders = platform.switchboard.now.forced
    if pay is not None:
        usual = pay_switches.PaySwitches()
        changed |= {
            name
            for name in pay_switches.PaySwitches.__slots__
            if name != "forced" and getattr(pay.now, name) != getattr(usual, name)
        }
        orders = [*orders, *pay.now.forced]
    quota = [one for one in on if one.errcode]
    others = [order for order in orders if not any(_is_of(order, one) for one in quota)]
    return len(changed - mine) + len(others)
