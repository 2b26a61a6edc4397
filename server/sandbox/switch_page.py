"""How the switches are shown to people: in groups, each with a name, and with what it was at the beginning."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from server.sandbox import switches
from server.sandbox.pay import switches as pay_switches
from server.sandbox.platform import Platform


@dataclass(frozen=True, slots=True)
class Group:
    """One card of the page; `path` is where its switches are turned."""

    title: str
    hint: str
    names: dict[str, str]
    path: str = "switches"


GROUPS = (
    Group(
        "慢、丢、重来",
        "对服务调用微信的每一个接口都有效，微信支付也在内。同样的种子，每次遇到同样的故障。",
        {
            "slow_seconds": "每次回答都等几秒",
            "slow_path": "只对这个接口变慢（* 为全部）",
            "lose_next": "接下来几次没有执行就断开",
            "lose_share": "没有执行就断开的比例",
            "drop_next": "接下来几次执行了但不回答",
            "drop_share": "执行了但不回答的比例",
            "drop_path": "以上四项只对这个接口（* 为全部）",
            "drop_after_seconds": "断开之前先挂起几秒（超过调用方的耐心即为超时）",
            "seed": "种子",
        },
    ),
    Group(
        "推送",
        "微信推给服务的消息和事件。",
        {
            "push_mode": "加密方式",
            "mp_push_format": "小程序推送的格式",
            "push_copies": "每条推送发几份",
            "push_delay_seconds": "随机延迟（最多几秒）",
            "push_hold": "攒够几条后倒序发出（0 为不攒）",
            "push_hold_seconds": "攒不够时最多等几秒",
            "push_same_signature": "重试时签名和密文不变",
            "push_key": "改用这个 EncodingAESKey 加密（换密钥前排队的推送）",
            "push_block_after": "连续失败几次后停推一分钟（0 为不停）",
        },
    ),
    Group(
        "令牌与白名单",
        "",
        {
            "ip_whitelist": "IP 白名单（每行一个，空为不限）",
            "force_refresh_excess": "一天强制刷新超过 20 次时",
            "force_refresh_grace": "强制刷新后旧令牌还能用几秒",
        },
    ),
    Group(
        "网页",
        "",
        {
            "snapshot": "快照页：授权得到虚拟账号",
            "unionid": "已绑定开放平台（有 unionid）",
            "web_domains": "网页授权域名（每行一个，空为服务的域名）",
            "js_domains": "JS 接口安全域名（最多 5 个，空为同上）",
            "menu_seconds": "手机上的菜单几秒后才更新（真机 300）",
        },
    ),
    Group(
        "模板与订阅",
        "",
        {
            "template_status": "模板消息的结局",
            "template_person_a_day": "一人一天最多几条模板消息（43117，0 为不限）",
            "withdrawn_templates": "被收回的模板编号（43116，每行一个）",
            "refused_words": "不许出现的词（45168，每行一个）",
            "subscribe_ids": "一次最多订阅几个模板（旧客户端 3）",
            "subscribe_banned": "小程序被禁止订阅（20005）",
        },
    ),
    Group(
        "小程序",
        "",
        {
            "published": "已发布",
            "published_pages": "已发布的页面（每行一个，空为不限）",
            "phone_numbers": "还能换取几个手机号（收费额度）",
            "link_opens_a_day": "URL Link 与 Scheme 每天最多打开次数",
            "link_rules": "普通链接二维码规则（JSON）",
        },
    ),
    Group(
        "微信支付",
        "其余故障（变慢、丢失、重复、倒序）见上。",
        {
            "public_key_share": "用微信支付公钥签名的回调占百分之几（灰度）",
            "new_merchant": "2024 年 9 月以后的商户：没有平台证书",
            "apiv3_key_set": "已设置 APIv3 密钥（否则不发回调）",
            "notify_lost": "回调全部丢失",
            "probe_share": "回调前先发 SIGNTEST 探测的百分之几",
            "probe_answers": "接下来几个回答带 SIGNTEST 签名",
            "refund_outcome": "退款的结局",
            "refund_seconds": "退款几秒后有结局",
            "not_enough": "余额不足，拒绝退款",
            "balance_fen": "可退款的余额（分，退一笔少一笔；-1 为不限）",
            "changed_order_code": "同一单号换了参数时",
            "codes_without_underscores": "错误码不带下划线（ORDERPAID）",
            "bill_creating": "账单还在生成",
            "unlinked": "没有关联商户号的 appid（每行一个）",
            "directories": "支付授权目录（每行一个，空为服务的全部网页）",
            "rates": "限制每秒请求数",
        },
        "pay/switches",
    ),
)


def _control(name: str, label: str, value: Any, default: Any, choices: dict[str, Any]) -> dict[str, Any]:
    """What the template needs to draw one switch."""
    kind, text = "text", value
    if isinstance(value, bool):
        kind = "checkbox"
    elif isinstance(value, (int, float)):
        kind = "number"
    elif isinstance(value, list):
        is_json = name == "link_rules"
        kind = "json" if is_json else "lines"
        text = json.dumps(value, ensure_ascii=False, indent=1) if is_json and value else "\n".join(value)
    options = choices.get(name, ()) if kind == "text" else ()
    return {
        "name": name,
        "label": label,
        "kind": "choice" if options else kind,
        "value": text,
        "options": options,
        "begin": json.dumps(default, ensure_ascii=False),
        "most": 1 if name in switches.SHARES else None,
        "step": "any" if isinstance(default, float) else "1",
        "changed": value != default,
    }


def groups(platform: Platform, pay: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Every group with its switches as they stand; without a merchant those of WeChat Pay are left out."""
    own = asdict(platform.switchboard.now), asdict(switches.Switches(push_mode=platform.config.push_mode))
    items = []
    for group in GROUPS:
        is_pay = group.path != "switches"
        if is_pay and pay is None:
            continue
        now, begin = (pay or {}, asdict(pay_switches.PaySwitches())) if is_pay else own
        choices: dict[str, Any] = pay_switches.CHOICES if is_pay else switches.CHOICES
        names = {name: label for name, label in group.names.items() if name in now}
        if is_pay:  # a switch that has no name here yet is shown all the same
            names |= {name: name for name in now if name not in names and name != "forced"}
        controls = [_control(name, label, now[name], begin[name], choices) for name, label in names.items()]
        items.append({"title": group.title, "hint": group.hint, "path": group.path, "controls": controls})
    return items
