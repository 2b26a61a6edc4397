"""What the doctor says of WeChat: all well beside the sandbox, and each wrong thing in its own line."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from server.adapters import cache
from server.adapters.wechat.api import WeChatApi
from server.app import create_app
from server.commands import dev_setup
from server.commands.doctor import local, look_at_wechat
from server.commands.doctor.findings import Finding, Level
from server.domain.audit import unknown_proxies
from server.domain.ports import Services
from server.domain.ports.payments import PayFinding
from server.domain.wechat_chat import menu, site_files
from server.sandbox import acts
from server.sandbox.app import create_sandbox, serving
from server.sandbox.config import Template
from server.sandbox.platform import Platform
from server.settings import Settings
from tests.kit.exchange import exchange
from tests.kit.fake_wechat import wechat_ports
from tests.kit.sandbox_config import from_settings
from tests.web.conftest import listening


@dataclasses.dataclass
class Clinic:
    """The service, listening; the sandbox that plays WeChat; and what the doctor finds."""

    services: Services
    platform: Platform
    redis: Any

    async def finds(self, **changed: Any) -> dict[str, Finding]:
        """What is found when the doctor runs with other settings than the running service."""
        settings = dataclasses.replace(self.services.settings, **changed)
        api = WeChatApi(settings, self.redis, cache.RedisCache(self.redis), self.services.clock, seconds=2.0)
        s = dataclasses.replace(self.services, settings=settings, **wechat_ports(api))
        found = [finding async for finding in look_at_wechat(s)]
        await api.close()
        text = "\n".join(map(str, found))
        for secret in (settings.oa_secret, settings.oa_token, settings.oa_aes_key, settings.mp_secret):
            assert secret not in text
        return {finding.title: finding for finding in found}

    async def wrong(self, **changed: Any) -> dict[str, str]:
        """Title and text of what is bad."""
        found = await self.finds(**changed)
        return {title: one.text for title, one in found.items() if one.level is Level.BAD}

    def turn(self, **switches: Any) -> None:
        self.platform.switchboard.turn(switches)


@pytest.fixture
async def clinic(services: Services, redis_url: str) -> AsyncIterator[Clinic]:
    client = cache.connect(redis_url)
    exchange(services, cache=cache.RedisCache(client))
    await services.cache.delete("proxies:unknown")  # what another test left there
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{line.getsockname()[1]}"
        names = ("oa_template_correction", "oa_subscribe_correction", "mp_template_correction")
        every: dict[str, Any] = {name: name.replace("_", "-") for name in names}
        exchange(services, settings=dataclasses.replace(services.settings, public_url=url, **every))
        dev_setup.register_templates(services.settings)
        config = dataclasses.replace(
            from_settings(services.settings), port=0, data_path=None, retry_pause=0.0
        )
        sandbox = create_sandbox(config)
        async with serving(sandbox) as wechat:
            exchange(
                services, settings=dataclasses.replace(services.settings, api_url=wechat, open_url=wechat)
            )
            api = WeChatApi(services.settings, client, services.cache, services.clock)
            exchange(services, **wechat_ports(api))
            async with listening(create_app(services.settings, services), line):
                found = Clinic(services, sandbox.ctx.platform, client)
                await menu.apply(services.settings, services.wechat_console)
                yield found
                await sandbox.ctx.platform.settle()
            await api.close()
    await client.aclose()


@asynccontextmanager
async def tls_address(folder: Path, days: float) -> AsyncIterator[str]:
    """An https address whose self-made certificate, `cert.pem`, ends after so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_all_is_well_and_each_thing_has_its_line(clinic: Clinic) -> None:
    found = await clinic.finds()
    assert [str(one) for one in found.values() if one.level is not Level.OK] == [
        "! 微信支付：没有配置 WECHAT_PAY_MCHID，不能在线收费；不收费可以不管",
        "! 时间戳：没有配置 XCERT_TSA_URL，印章不带时间戳；印章证书到期以后，盖章的时间只有签名方自己说的",
    ]
    assert list(found) == [
        "公众号账号",
        "小程序账号",
        "时钟",
        "微信能否访问服务器",
        "公众号模板消息“证书发放通知”",
        "公众号模板消息“信息变更通知”",
        "公众号模板消息“成绩发布通知”",
        "公众号模板消息“待签发提醒”",
        "公众号订阅通知“证书发放通知”",
        "公众号订阅通知“信息变更通知”",
        "公众号订阅通知“成绩发布通知”",
        "小程序订阅消息“证书发放通知”",
        "小程序订阅消息“信息变更通知”",
        "小程序订阅消息“成绩发布通知”",
        "公众号菜单",
        "JS-SDK 票据",
        "对外网址",
        "公众号消息推送",
        "公众号最近推送",
        "小程序消息推送",
        "小程序最近推送",
        "验证文件",
        "反向代理",
        "域名",
        "微信支付",
        "时间戳",
        "通知的发送",
        "公开签发日志",
        "最近告警",
    ]
    assert "还没有推送过" in found["公众号最近推送"].text, "the doctor's own push is not WeChat's"
    acts.follow(clinic.platform, clinic.platform.people.get("p1"))  # type: ignore[arg-type]
    await clinic.platform.settle()
    assert re.match(r"2026-11-23 12:00 收到过", (await clinic.finds())["公众号最近推送"].text)


@pytest.mark.parametrize(("trusted", "entries"), [(0, 1), (0, 2), (3, 2)])
async def test_a_proxy_that_nobody_told_of_is_told_with_what_to_set(
    clinic: Clinic, trusted: int, entries: int
) -> None:
    s = clinic.services
    exchange(s, settings=dataclasses.replace(s.settings, proxies=trusted))
    hops = ", ".join(f"203.0.113.{n}" for n in range(entries))
    headers = {"x-forwarded-for": hops, "user-agent": "MicroMessenger/8.0"}
    async with httpx.AsyncClient(base_url=s.settings.public_url) as browser:
        for _ in range(3):  # of one process noted once a minute
            await browser.get("/h5/login", headers=headers)
        for _ in range(200):
            if await unknown_proxies.latest(s.cache):
                break
            await asyncio.sleep(0.02)
    said = (await clinic.finds())["反向代理"]
    assert said.level is Level.LOOK
    assert f"来自本机或内网的请求带着 {entries} 段 X-Forwarded-For，XCERT_PROXIES 却是 {trusted}" in said.text
    assert f"就设 XCERT_PROXIES={entries}" in said.text
    kept = await s.cache.get("proxies:unknown")
    assert kept is not None and len(kept) < 40 and b"203.0" not in kept


async def test_a_stranger_does_not_write_over_what_our_own_proxy_showed(clinic: Clinic) -> None:
    s = clinic.services
    await unknown_proxies.note(s.clock, s.cache, 2, "10.0.0.7")
    await unknown_proxies.note(s.clock, s.cache, 9, "10.0.0.7")  # somebody sent more through the same proxy
    await unknown_proxies.note(s.clock, s.cache, 1, "8.8.4.4")
    seen = await unknown_proxies.latest(s.cache)
    assert seen is not None and (seen.entries, seen.is_near) == (2, True)


async def test_what_fits_the_setting_is_not_noted(clinic: Clinic) -> None:
    found = [
        unknown_proxies.Notebook().entries(given, trusted)
        for given, trusted in (([], 0), ([""], 0), (["203.0.113.9"], 1), (["a, b"], 2), (["a", "b, c"], 2))
    ]
    assert found == [0] * 5
    assert unknown_proxies.Notebook().entries(["a," * 5000], 0) == unknown_proxies.MOST_ENTRIES
    assert (await clinic.finds())["反向代理"].level is Level.OK


async def test_what_is_wrong_at_wechat(clinic: Clinic) -> None:
    """One thing at a time, each seen in its own line, which says where to mend it."""
    wrong = await clinic.wrong(oa_secret="x" * 32)
    assert list(wrong) == ["公众号账号"] and "WECHAT_OA_SECRET" in wrong["公众号账号"]
    assert "40125" in wrong["公众号账号"] and "rid " in wrong["公众号账号"]
    wrong = await clinic.wrong(mp_appid="wxsandboxmpnone")
    assert "WECHAT_MP_APPID" in wrong.pop("小程序账号")
    assert list(wrong) == ["小程序消息推送"], "the appid is part of what is sealed"

    clinic.turn(ip_whitelist=["203.0.113.9"])
    wrong = await clinic.wrong()
    assert list(wrong) == ["公众号账号", "小程序账号"]
    assert all("127.0.0.1 不在白名单" in said and "API IP 白名单" in said for said in wrong.values())
    clinic.turn(ip_whitelist=[])

    clinic.turn(forced=[{"path": "/cgi-bin/stable_token", "errcode": 89503, "times": 2}])
    wrong = await clinic.wrong()
    assert list(wrong) == ["公众号账号", "小程序账号"]
    assert all("公众平台安全助手" in said for said in wrong.values())

    await clinic.services.wechat_console.create_menu(
        {"button": [{"type": "click", "name": "旧", "key": "OLD"}]}
    )
    assert list(wrong := await clinic.wrong()) == ["公众号菜单"]
    assert "xcert wechat menu diff" in wrong["公众号菜单"]
    await menu.apply(clinic.services.settings, clinic.services.wechat_console)

    found = await clinic.finds()
    assert "最近告警" in found and found["最近告警"].level is Level.LOOK
    nowhere = await clinic.wrong(api_url="http://127.0.0.1:1")
    assert list(nowhere) == ["公众号账号", "小程序账号"] and "WECHAT_API_URL" in nowhere["公众号账号"]


@pytest.mark.parametrize("seconds", [90, -400])
async def test_a_wrong_clock(clinic: Clinic, seconds: int) -> None:
    clinic.platform.clock.forward(seconds)
    told = (await clinic.finds())["时钟"]
    assert told.level is (Level.LOOK if seconds == 90 else Level.BAD)
    assert ("本机比微信慢" if seconds > 0 else "本机比微信快") in told.text and "NTP" in told.text


async def test_wrong_templates(clinic: Clinic) -> None:
    """The certificate's template lacks date3 and has thing4; another is not there; a third is not configured."""
    fields = ("thing1", "character_string2", "thing4")
    other = Template(
        "mp-template-certificate", "证书领取提醒", "mp", fields, ("证书", "编号", "备注"), "once"
    )
    clinic.platform.add_template(other)
    missing = {"oa_template_signing": "", "oa_subscribe_result": ""}
    wrong = await clinic.wrong(oa_template_result="nowhere", **missing)
    assert list(wrong) == [
        "公众号模板消息“成绩发布通知”",
        "公众号模板消息“待签发提醒”",
        "小程序订阅消息“证书发放通知”",
    ]
    assert "没有填写 WECHAT_OA_TEMPLATE_SIGNING" in wrong["公众号模板消息“待签发提醒”"]
    other_way = (await clinic.finds(**missing))["公众号订阅通知“成绩发布通知”"]
    assert other_way.level is Level.LOOK and "没有填写 WECHAT_OA_SUBSCRIBE_RESULT" in other_way.text
    assert "WECHAT_OA_TEMPLATE_RESULT 的编号不在公众号的模板里" in wrong["公众号模板消息“成绩发布通知”"]
    assert (
        "模板“证书领取提醒”的关键词缺 date3（发证日期）；多 thing4" in wrong["小程序订阅消息“证书发放通知”"]
    )
    told = "WECHAT_MP_TEMPLATE_CERTIFICATE: certificate=thing1, number=character_string2, issued_on=thing4"
    found = await clinic.finds(template_keywords=told)
    assert found["小程序订阅消息“证书发放通知”"].level is Level.OK
    wrong = await clinic.wrong(template_keywords="WECHAT_MP_TEMPLATE_CERTIFICATE: colour=thing1")
    assert "WECHAT_TEMPLATE_KEYWORDS" in wrong["公众号模板"] and "colour" in wrong["公众号模板"]


async def test_our_own_address(clinic: Clinic) -> None:
    """Keys that the running service does not have, another site, nobody there, no such host, a lost file."""
    wrong = await clinic.wrong(oa_token="another0123456789")
    assert list(wrong) == ["公众号消息推送"]
    assert "WECHAT_OA_TOKEN" in wrong["公众号消息推送"] and "没有重启服务" in wrong["公众号消息推送"]
    wrong = await clinic.wrong(mp_aes_key="0123456789abcdefghijklmnopqrstuvwxyzABCDEFA")
    assert list(wrong) == ["小程序消息推送"]

    site = clinic.services.settings.public_url
    both = ["公众号消息推送", "小程序消息推送"]
    for url, says in (
        (f"{site}/nowhere", "请让反向代理把 /wechat/ 下的"),
        ("http://127.0.0.1:1", "请确认服务已启动"),
        ("http://nowhere.invalid", "解析不到地址"),
    ):
        wrong = await clinic.wrong(public_url=url)
        assert [one for one in wrong if one in both] == both, url
        assert all(says in wrong[one] for one in both), (url, wrong)

    await site_files.add(clinic.services.file_store, "/v/", "MP_verify_abc.txt", b"abc")
    assert (await clinic.finds())["验证文件"].text == f"{site}/v/MP_verify_abc.txt"
    wrong = await clinic.wrong(public_url=f"{site}/nowhere")
    assert "网址回答 404" in wrong["验证文件"]


async def test_the_address_is_https_with_a_chain_that_validates(
    clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tls_address(tmp_path, days=5.5) as url:
        found = await clinic.finds(public_url=url)
        assert "不被信任" in found["对外网址"].text and "证书链" in found["对外网址"].text
        assert "公众号消息推送" not in found, "first things first"
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        said = (await clinic.wrong(public_url=url))["对外网址"]
        assert said == f"{url} 的 HTTPS 证书还有 5 天到期，请尽快续期"
    async with tls_address(tmp_path, days=14.5) as url:
        assert (await clinic.finds(public_url=url))["对外网址"].text == f"{url}，HTTPS 证书有效，还有 14 天"
    wrong = await clinic.wrong(public_url="https://127.0.0.1:1")
    assert "443" in wrong["对外网址"]


async def test_what_the_alarms_were_and_what_is_closed(clinic: Clinic) -> None:
    clinic.turn(forced=[{"path": "/cgi-bin/menu/create", "errcode": 48001, "times": 1}])
    with pytest.raises(Exception, match="48001"):
        await menu.apply(clinic.services.settings, clinic.services.wechat_console)
    clinic.turn(forced=[{"path": "/cgi-bin/menu/create", "errcode": 45009, "times": 1}])
    with pytest.raises(Exception, match="45009"):
        await menu.apply(clinic.services.settings, clinic.services.wechat_console)
    found = await clinic.finds()
    assert found["公众号接口额度"].text == (
        "/cgi-bin/menu/create 今日额度已用完，11-24 00:00 前不再调用；可用 xcert wechat quota 查看、--clear 清零"
    )
    assert re.match(
        r"11-23 12:00 公众号 /cgi-bin/menu/create 被拒绝（48001，rid [0-9a-f-]+）：公众号没有这个接口的权限",
        found["最近告警"].text,
    )
    clinic.services.clock.forward(days=8)  # type: ignore[attr-defined]
    assert (await clinic.finds())["最近告警"].text == "七天内没有"


async def test_pay_findings_are_told_as_they_are(clinic: Clinic) -> None:
    class Pay:
        async def probe(self) -> list[PayFinding]:
            return [PayFinding("商户私钥", False, "验签不通过"), PayFinding("微信支付公钥", True, "验签通过")]

    exchange(clinic.services, pay=Pay())
    found = await clinic.finds()
    assert str(found["微信支付商户私钥"]) == "✗ 微信支付商户私钥：验签不通过"
    assert str(found["微信支付公钥"]) == "✓ 微信支付公钥：验签通过"


async def test_whether_tables_can_be_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that needs its surroundings would call every table damaged."""
    check = local.CHECKS["导入表格"]
    assert await check(Settings()) == "子进程读得了（试读 2 行）"
    monkeypatch.setattr("server.adapters.spreadsheets.process._READER", "tests.not_there")
    with pytest.raises(local.Missing, match="读取导入表格的子进程启动不了"):
        await check(Settings())
