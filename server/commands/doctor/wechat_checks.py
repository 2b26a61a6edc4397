"""The accounts at WeChat: credentials, whitelist, clock, reachability, templates, menu, JS-SDK, and past alarms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta

from server.adapters.wechat.errcode_help import NAMES, PUSH_PLACES, advice
from server.adapters.wechat.errcodes import STABLE_TOKEN, rid
from server.adapters.wechat.reachability import CHECK
from server.commands.doctor.findings import Finding, bad, look, ok
from server.domain.beijing import BEIJING
from server.domain.notices.wanted_templates import CHANNEL_NAMES, Wanted, needed, template_faults
from server.domain.ports import Alarm, MessageTemplate, Services
from server.domain.wechat_chat import menu
from server.errors import OutsideFailure, Refused, WeChatRefused

CLOCK_LOOK, CLOCK_BAD = 60, 300  # seconds; beyond 300 WeChat Pay refuses everything (wechat.md §7.1)
RECENT = timedelta(days=7)
_TEMPLATE_PLACES = {
    "template": "公众号后台 → 广告与服务 → 模板消息",
    "oa_subscription": "公众号后台 → 广告与服务 → 订阅通知",
    "mp_subscription": "小程序后台 → 功能 → 订阅消息",
}


async def check(s: Services) -> AsyncIterator[Finding]:
    """Asks WeChat; changes nothing there."""
    usable = []
    for kind in ("oa", "mp"):
        finding, is_usable = await _credentials(s, kind)
        yield finding
        usable += [kind] if is_usable else []
    yield _clock([s.wechat_health.seconds_ahead(kind) for kind in ("oa", "mp")])
    if "oa" in usable:
        yield await _finding_of("微信能否访问服务器", _reachable(s))
    for kind in usable:
        for finding in await _templates(s, kind):
            yield finding
    if "oa" in usable:
        yield await _finding_of("公众号菜单", _menu(s))
        yield await _finding_of("JS-SDK 票据", _ticket(s))


async def history(s: Services) -> AsyncIterator[Finding]:
    """What went wrong lately, though it may be mended by now, and which APIs are closed."""
    now = s.clock.now()
    for kind in ("oa", "mp"):
        for one in await s.wechat_quota.closed(kind):
            until = one.until.astimezone(BEIJING).strftime("%m-%d %H:%M")
            text = (
                f"{one.path} 今日额度已用完，{until} 前不再调用；可用 xcert wechat quota 查看、--clear 清零"
            )
            yield look(f"{NAMES[kind]}接口额度", text)
    alarms: dict[tuple[str, int, str], list[Alarm]] = {}
    for alarm in await s.wechat_health.alarms():
        if now - alarm.at < RECENT:
            alarms.setdefault((alarm.account, alarm.errcode, alarm.path), []).append(alarm)
    for same in alarms.values():
        yield look("最近告警", _alarm(same))
    if not alarms:
        yield ok("最近告警", "七天内没有")


def _alarm(same: list[Alarm]) -> str:
    """The latest of some alarms for one cause, newest first."""
    latest = same[0]
    at = latest.at.astimezone(BEIJING).strftime("%m-%d %H:%M")
    request = f"，rid {latest.rid}" if latest.rid else ""
    often = f"，近期至少 {len(same)} 次" if len(same) > 1 else ""
    what = f"{at} {NAMES[latest.account]} {latest.path} 被拒绝（{latest.errcode}{request}{often}）"
    return f"{what}：{latest.advice}"


async def _credentials(s: Services, kind: str) -> tuple[Finding, bool]:
    """Whether WeChat takes the account's appid and secret, and whether it is worth asking more."""
    title, of = f"{NAMES[kind]}账号", s.settings
    appid, secret = (of.oa_appid, of.oa_secret) if kind == "oa" else (of.mp_appid, of.mp_secret)
    if not appid or not secret:
        return bad(title, f"没有填写 WECHAT_{kind.upper()}_APPID 或 WECHAT_{kind.upper()}_SECRET"), False
    try:
        await s.wechat_health.check_credentials(kind)
    except WeChatRefused as refusal:
        return bad(title, _why(refusal, STABLE_TOKEN, kind)), False
    except OutsideFailure as failure:
        return bad(title, f"{failure}，请检查服务器的网络、域名解析和 WECHAT_API_URL"), False
    return ok(title, f"{appid}，AppSecret 正确，本机地址在 IP 白名单内"), True


def _clock(ahead: list[float | None]) -> Finding:
    offsets = [one for one in ahead if one is not None]
    if not offsets:
        return look("时钟", "微信没有告知时间，无法比较")
    seconds = max((round(one) for one in offsets), key=abs)
    way = "快" if seconds > 0 else "慢"
    if abs(seconds) >= CLOCK_BAD:
        return bad("时钟", f"本机比微信{way} {abs(seconds)} 秒，签名会被拒绝，请用 NTP 校准服务器时间")
    if abs(seconds) >= CLOCK_LOOK:
        return look("时钟", f"本机比微信{way} {abs(seconds)} 秒，请用 NTP 校准服务器时间")
    return ok("时钟", f"与微信相差 {abs(seconds)} 秒")


async def _reachable(s: Services) -> Finding:
    title = "微信能否访问服务器"
    reach = await s.wechat_health.reachability()
    if reach is None:
        return look(title, f"还没有填写消息推送的网址：{PUSH_PLACES['oa']}")
    if not reach.addresses:
        return bad(title, "微信解析不到消息推送网址的域名，请在域名服务商处检查解析，或等待解析生效")
    addresses = "、".join(reach.addresses)
    if not reach.answering:
        return look(title, f"微信 ping 不通 {addresses}；若防火墙只是不回应 ping，可以不管")
    return ok(title, f"微信能访问 {addresses}")


async def _templates(s: Services, kind: str) -> list[Finding]:
    try:
        mine = needed(s.settings, kind)
    except Refused as refusal:
        return [bad(f"{NAMES[kind]}模板", f"{refusal.message}请对照 docs/operate.md 的模板表改正")]
    try:
        by_id = {one.id: one for one in await s.wechat_console.templates(kind)}
    except OutsideFailure as failure:
        return [_failed(f"{NAMES[kind]}模板", failure, kind)]
    return [_template(one, by_id.get(one.template)) for one in mine]


def _template(want: Wanted, template: MessageTemplate | None) -> Finding:
    title = f"{CHANNEL_NAMES[want.channel].partition('（')[0]}“{want.title}”"
    place = _TEMPLATE_PLACES[want.channel]
    if not want.template:
        text = f"没有填写 {want.setting}，这种通知不会从这里发出；请在 {place} 申请模板后填写"
        return (look if want.is_subscription or want.is_of_money else bad)(title, text)
    if template is None:
        return bad(title, f"{want.setting} 的编号不在{NAMES[want.account]}的模板里，请在 {place} 核对编号")
    if parts := template_faults(want, template):
        pairs = ", ".join(f"{name}={keyword}" for name, keyword in want.fields.items())
        mend = (
            f"请在 {place} 另选关键词一致的模板，更换 {want.setting}；"
            f"若只是编号不同，在 WECHAT_TEMPLATE_KEYWORDS 写明对应（现为 {want.setting}: {pairs}）"
        )
        return bad(title, f"模板“{template.title}”的关键词{'；'.join(parts)}。{mend}")
    return ok(title, f"模板“{template.title}”，关键词 {'、'.join(want.keywords)}")


async def _menu(s: Services) -> Finding:
    differences = menu.differences(
        await s.wechat_console.current_menu(), menu.official(s.settings.public_url)
    )
    if differences:
        text = (
            f"与本服务的菜单有 {len(differences)} 处不同，请运行 xcert wechat menu diff 查看、menu apply 更新"
        )
        return bad("公众号菜单", text)
    return ok("公众号菜单", "与本服务的菜单一致")


async def _ticket(s: Services) -> Finding:
    await s.wechat_links.js_config(s.settings.public_url)
    return ok("JS-SDK 票据", "能取得，网页可以调用微信扫码等能力")


async def _finding_of(title: str, work: Awaitable[Finding]) -> Finding:
    try:
        return await work
    except OutsideFailure as failure:
        return _failed(title, failure, "oa")


def _failed(title: str, failure: OutsideFailure, kind: str) -> Finding:
    if isinstance(failure, WeChatRefused):
        return bad(title, _why(failure, CHECK, kind))
    return bad(title, f"{failure}，请稍后再试")


def _why(refusal: WeChatRefused, path: str, kind: str) -> str:
    request = rid(refusal.errmsg)
    sentence = advice(refusal.errcode, path, refusal.errmsg, kind)
    return f"{sentence}（微信错误 {refusal.errcode}{f'，rid {request}' if request else ''}）"
