"""What production does not start with: settings that undo its protection, however they got there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# The hosts that WeChat names (DOC 《接口域名说明》, PAYDOC 《基本规则》).
_API = {f"{name}.weixin.qq.com" for name in ("api", "api2", "sh.api", "sz.api", "hk.api")}
_HOSTS: dict[str, tuple[str, set[str]]] = {
    "api_url": ("WECHAT_API_URL", _API),
    "open_url": ("WECHAT_OPEN_URL", {"open.weixin.qq.com"}),
    "pay_url": ("WECHAT_PAY_URL", {"api.mch.weixin.qq.com", "api2.mch.weixin.qq.com"}),
    "js_url": ("WECHAT_JS_URL", {"res.wx.qq.com", "res2.wx.qq.com"}),
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row of docs/operate.md. `settings`: whose values are looked at; `when`, `instead`: in Chinese, for operators."""

    settings: tuple[str, ...]
    when: str
    instead: str


# What the start refuses, and what to do instead; the test provokes every row (tests/adapters/test_refused_starts.py).
REFUSALS = (
    Refusal(("XCERT_ENV",), "没有填写，却填了正式的 AppID，调用的是真的微信", "对外服务写 `production`；确实是开发，写明 `development`"),
    Refusal(("XCERT_PUBLIC_URL",), "不是 https，或带端口", "填 `https://域名`"),
    Refusal(tuple(env for env, _ in _HOSTS.values()), "不是 https，或不是微信的域名", "不要填；经自己的出口转发的，把域名写入 `XCERT_WECHAT_HOSTS`"),
    Refusal(("WECHAT_OA_APPID", "WECHAT_MP_APPID"), "是沙箱的（`wxsandbox…`）", "填微信给的"),
    Refusal(("WECHAT_OA_MODE", "WECHAT_MP_MODE"), "`plain`", "不填（`safe`），微信后台选“安全模式”"),
    Refusal(("XCERT_SECOND_FACTOR",), "`optional`", "不填"),
    Refusal(("XCERT_TSA_CERTIFICATES",), "没有填，却填了 `XCERT_TSA_URL`", "填时间戳服务的根证书"),
    Refusal(("XCERT_S3_ENDPOINT",), "不是 https", "填 https 的"),
    Refusal(("XCERT_KEYS_DIR",), "里面是开发用密钥，或印章由开发用的 CA 签发", "另建目录，运行 `xcert keys create`，印章请电子认证机构签发"),
    Refusal(("XCERT_KEYS_DIR",), "里面的私钥文件本机其他用户可以读写", "`chmod -R o-rwx 目录`"),
)  # fmt: skip


def refusals_as_markdown() -> str:
    """The table of docs/operate.md."""
    rows = ["| 变量 | 什么情况 | 改成 |", "|---|---|---|"]
    rows += [
        f"| {'、'.join(f'`{name}`' for name in one.settings)} | {one.when} | {one.instead} |"
        for one in REFUSALS
    ]
    return "\n".join(rows)


def forgotten(raw: Mapping[str, Any]) -> list[str]:
    """Nobody said which environment this is, and the accounts are real ones at the real WeChat: development would take its own keys.

    Whoever calls a WeChat of his own (a sandbox, a test) may name its accounts as he likes.

    Args:
        raw: the settings that were given, by the name of their variable.
    """
    calls = str(raw.get("WECHAT_API_URL") or "").strip()
    is_real = (not calls or urlsplit(calls).hostname in _API) and any(
        raw.get(name) and not str(raw[name]).startswith("wxsandbox")
        for name in ("WECHAT_OA_APPID", "WECHAT_MP_APPID")
    )
    if "XCERT_ENV" in raw or not is_real:
        return []
    return [
        "没有填写 XCERT_ENV，填的却是正式的微信账号，调用的是真的微信：对外服务请写 XCERT_ENV=production；"
        "确实是开发环境，请写明 XCERT_ENV=development"
    ]


def problems(values: Mapping[str, Any]) -> list[str]:
    """One line for each setting that production refuses."""
    allowed = {host.strip().lower() for host in str(values.get("wechat_hosts") or "").split(",")} - {""}
    lines = []
    for field, (env, hosts) in _HOSTS.items():
        url = urlsplit(str(values.get(field) or ""))
        if not url.geturl():
            continue
        if url.scheme != "https":
            lines.append(f"{env} 在生产环境必须是 https:// 网址：登录凭据和密钥会经过它")
        elif (url.hostname or "") not in hosts | allowed:
            lines.append(f"{env} 不是微信的域名；确需经自己的出口转发时，把域名写入 XCERT_WECHAT_HOSTS")
    for field, env in (("oa_appid", "WECHAT_OA_APPID"), ("mp_appid", "WECHAT_MP_APPID")):
        if str(values.get(field) or "").startswith("wxsandbox"):
            lines.append(f"{env} 是沙箱的 AppID，生产环境请填写正式的")
    for field, env in (("oa_mode", "WECHAT_OA_MODE"), ("mp_mode", "WECHAT_MP_MODE")):
        if values.get(field) == "plain":
            lines.append(f"{env} 在生产环境不能是 plain：明文推送的签名不含内容，可以被冒充；请用 safe")
    if values.get("tsa_url") and not values.get("tsa_certificates"):
        lines.append(
            "填了 XCERT_TSA_URL，还要在 XCERT_TSA_CERTIFICATES 里填这个时间戳服务的根证书（PEM）：否则认不出是谁签发的时间戳"
        )
    return lines
