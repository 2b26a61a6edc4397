"""What is said at the start, and by the doctor, of settings that are allowed and yet are hardly meant."""

from __future__ import annotations

from server.settings import Settings


def cautions(settings: Settings) -> list[str]:
    """What a service may start with, and yet is hardly meant: sentences at the start and by the doctor."""
    sentences = []
    real = [
        appid
        for appid in (settings.oa_appid, settings.mp_appid)
        if appid and not appid.startswith("wxsandbox")
    ]
    if not settings.is_production and real:
        sentences.append(
            "XCERT_ENV 是 development，填的却是正式的微信账号：开发密钥会被接受，多项保护没有启用；"
            "对外服务请设 XCERT_ENV=production"
        )
    is_local = settings.host in ("127.0.0.1", "::1", "localhost")
    if settings.public_url.startswith("https://") and is_local and not settings.proxies:
        sentences.append(
            "XCERT_PUBLIC_URL 是 https，服务只在本机监听，前面应有反向代理，XCERT_PROXIES 却是 0："
            "所有来访者会被当作同一个地址，共用一份限额；请填代理的层数"
        )
    if settings.is_production and not settings.contact:
        sentences.append(
            "没有填 XCERT_CONTACT：考生的手机页面和核验页写不出评价组织的服务电话，有疑问的人找不到您"
        )
    return sentences
