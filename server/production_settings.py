"""What production does not start with: settings that undo its protection, however they got there."""

from __future__ import annotations

from collections.abc import Mapping
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
