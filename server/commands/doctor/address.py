"""Our own address as WeChat and people reach it: pushes, TLS, verification files, and what only a console shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

from server.adapters.wechat import messages, self_check
from server.adapters.wechat.errcode_help import NAMES, PUSH_PLACES
from server.commands.doctor.findings import Finding, Level, bad, look, ok
from server.domain.audit import unknown_proxies
from server.domain.beijing import BEIJING
from server.domain.ports import Services
from server.domain.wechat_chat import last_push, site_files
from server.errors import OutsideFailure

LEAST_DAYS = 14  # for the TLS certificate


async def check(s: Services) -> AsyncIterator[Finding]:
    """Reaches our own public address from here, with the keys of these settings."""
    tls = await _tls(s.settings.public_url)
    yield tls
    if tls.level is not Level.BAD:
        for kind, account in messages.accounts(s.settings).items():
            for finding in await _pushes(s, kind, account):
                yield finding
        async for finding in _files(s):
            yield finding
    yield await _proxies(s)
    yield _consoles(s)


async def _proxies(s: Services) -> Finding:
    """Whether XCERT_PROXIES fits what the running service saw (domain.unknown_proxies)."""
    title, trusted = "反向代理", s.settings.proxies
    try:
        sighting = await unknown_proxies.latest(s.cache)
    except OutsideFailure:
        return look(title, "缓存没有响应，看不到服务见过的 X-Forwarded-For；请先解决 Redis")
    if sighting is None:
        text = f"XCERT_PROXIES={trusted}，服务没有见过与它不符的 X-Forwarded-For"
        return ok(title, text)
    at = sighting.at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
    where = "来自本机或内网" if sighting.is_near else "来自外网"
    fits = f"前面确有反向代理就设 XCERT_PROXIES={sighting.entries}"
    so = (
        "没有采信，经代理来的人都被当作同一个地址，共用一份限额"
        if not trusted
        else "比设定的层数少，没有采信"
    )
    return look(
        title,
        f"{at} 有{where}的请求带着 {sighting.entries} 段 X-Forwarded-For，XCERT_PROXIES 却是 {trusted}："
        f"{so}；{fits}，没有代理则不必理会",
    )


async def _tls(public_url: str) -> Finding:
    if not public_url.startswith("https://"):
        return ok("对外网址", f"{public_url}（开发用；上线须为 https，微信只认备案域名的 443 端口）")
    ends = await self_check.certificate_ends(public_url)
    if isinstance(ends, str):
        return bad("对外网址", f"{public_url} {ends}")
    days = (ends - datetime.now(UTC)).days
    if days < LEAST_DAYS:
        return bad("对外网址", f"{public_url} 的 HTTPS 证书还有 {days} 天到期，请尽快续期")
    return ok("对外网址", f"{public_url}，HTTPS 证书有效，还有 {days} 天")


async def _pushes(s: Services, kind: str, account: messages.Account) -> list[Finding]:
    name, url = NAMES[kind], f"{s.settings.public_url}/wechat/{kind}"
    title = f"{name}消息推送"
    fault = await self_check.verification_fault(url, account) or await self_check.push_fault(url, account)
    if fault:
        return [bad(title, f"{url}：{fault}")]
    findings = [ok(title, f"{url} 能正确回答签名验证和加密推送")]
    last = await last_push.last(s.cache, kind)
    if last is not None:
        at = last.at.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M")
        findings.append(ok(f"{name}最近推送", f"{at} 收到过微信的推送，后台的网址、Token 和密钥与这里一致"))
    elif s.settings.uses_sandbox:
        findings.append(ok(f"{name}最近推送", "沙箱还没有推送过；在沙箱手机里关注或发消息就会有"))
    else:
        place = PUSH_PLACES[kind]
        findings.append(
            look(
                f"{name}最近推送",
                f"还没有收到过微信的推送，请在 {place} 填写网址 {url}、Token 和 EncodingAESKey，选安全模式并启用，"
                "再用微信发一条消息试试",
            )
        )
    return findings


async def _files(s: Services) -> AsyncIterator[Finding]:
    files = await site_files.listing(s)
    for file, _ in files:
        url = s.settings.public_url + file.path
        fault = await self_check.file_fault(url, await s.file_store.get(file.key))
        yield bad("验证文件", f"{url}：{fault}") if fault else ok("验证文件", url)
    if not files:
        text = "还没有登记；微信后台要求时下载文件，运行 xcert wechat file add 文件"
        yield (ok if s.settings.uses_sandbox else look)("验证文件", text)


def _consoles(s: Services) -> Finding:
    """What no API tells."""
    host = urlsplit(s.settings.public_url).netloc
    text = (
        f"接口查不到，请自己核对都是 {host}："
        "公众号后台 → 设置与开发 → 公众号设置 → 功能设置 → 业务域名、JS接口安全域名、网页授权域名；"
        "小程序后台 → 管理 → 开发管理 → 服务器域名（request、downloadFile）、业务域名"
    )
    return ok("域名", f"开发环境无需登记（{host}）") if s.settings.uses_sandbox else look("域名", text)
