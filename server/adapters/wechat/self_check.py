"""Our own address, spoken to as WeChat speaks to it: whether it is there, is ours, and has the keys of these settings.

Every function returns what is wrong as a Chinese phrase that says what to do, or "" when all is well.
"""

from __future__ import annotations

import asyncio
import secrets
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp

from server.adapters.wechat import messages

SECONDS = 5.0  # as long as WeChat waits (wechat.md §1.4)
LARGEST = 64 * 1024
EVENT = "xcert_doctor"  # an event that nothing here reacts to
NOBODY = "oXcertDoctor0000000000000000"


async def verification_fault(url: str, account: messages.Account) -> str:
    """The signed GET by which WeChat checks an address before it is saved."""
    echo = str(secrets.randbelow(10**18))
    status, body = await _ask("GET", url, {**_query(account), "echostr": echo}, b"")
    if status == 200 and body == echo.encode():
        return ""
    return _why(status, body, account)


async def push_fault(url: str, account: messages.Account) -> str:
    """A sealed event that changes nothing, as WeChat pushes it in safe mode."""
    event = (
        f"<xml><ToUserName>{account.appid}</ToUserName><FromUserName>{NOBODY}</FromUserName>"
        f"<CreateTime>{_now()}</CreateTime><MsgType>event</MsgType><Event>{EVENT}</Event></xml>"
    )
    encrypted = messages.encrypt(account, event)
    query = _query(account)
    query |= {
        "encrypt_type": "aes",
        "openid": NOBODY,
        "msg_signature": messages.signature(account.token, query["timestamp"], query["nonce"], encrypted),
    }
    body = f"<xml><ToUserName>{account.appid}</ToUserName><Encrypt>{encrypted}</Encrypt></xml>"
    status, answer = await _ask("POST", url, query, body.encode())
    return "" if status == 200 and answer == b"success" else _why(status, answer, account)


async def file_fault(url: str, data: bytes) -> str:
    """A file that must be there byte for byte."""
    status, body = await _ask("GET", url, {}, b"")
    if (status, body) == (200, data):
        return ""
    if status == 200:
        return "网址上的内容与登记的文件不同，请检查反向代理是否改写了它"
    return f"网址回答 {status}，请让反向代理把它转到本服务"


async def certificate_ends(url: str) -> datetime | str:
    """When the TLS certificate of an https address ends; or what is wrong with it."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(SECONDS):
            _, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=ssl.create_default_context()
            )
    except ssl.SSLCertVerificationError as problem:
        return _tls(problem)
    except (ssl.SSLError, TimeoutError, OSError) as problem:
        return f"无法建立安全连接（{type(problem).__name__}），请检查 443 端口、防火墙和域名解析"
    certificate = writer.get_extra_info("peercert")
    writer.close()
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)


def _now() -> int:
    return int(datetime.now(UTC).timestamp())


def _query(account: messages.Account) -> dict[str, str]:
    stamp, nonce = str(_now()), secrets.token_hex(5)
    return {
        "timestamp": stamp,
        "nonce": nonce,
        "signature": messages.signature(account.token, stamp, nonce),
    }


def _why(status: int, body: bytes, account: messages.Account) -> str:
    kind = account.name.upper()
    if status == 0:
        return body.decode()
    if status in (401, 403):
        return (
            f"正在运行的服务不认可按 WECHAT_{kind}_TOKEN、WECHAT_{kind}_AES_KEY 签名的推送（{status}），"
            "多半是改了设置没有重启服务，或打开的是另一套服务"
        )
    if status in (301, 302, 307, 308):
        return f"网址发生了跳转（{status}），微信不跟随跳转，请让反向代理直接转到本服务"
    if status in (404, 405):
        return f"网址回答 {status}，请让反向代理把 /wechat/ 下的 GET 和 POST 都转到本服务"
    if status == 200:
        return "回答不是本服务的，请检查 XCERT_PUBLIC_URL 是否指向别的网站，或反向代理是否改写了内容"
    return f"网址回答 {status}，请查看服务日志"


def _tls(problem: ssl.SSLCertVerificationError) -> str:
    return (
        f"HTTPS 证书不被信任（{problem.verify_message}），请换用受信任机构签发、域名一致且含完整证书链的证书"
    )


async def _ask(method: str, url: str, query: dict[str, str], data: bytes) -> tuple[int, bytes]:
    """Status and body; status 0: nothing came back, the body says why in Chinese."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    kind = {"content-type": "text/xml"} if data else {}
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, url, params=query, data=data or None, headers=kind, allow_redirects=False
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LARGEST:
                    break
            return response.status, bytes(body)
    except aiohttp.ClientConnectorCertificateError as problem:
        wrong = problem.certificate_error
        sentence = _tls(wrong) if isinstance(wrong, ssl.SSLCertVerificationError) else "HTTPS 证书不被信任"
    except aiohttp.ClientConnectorDNSError:
        sentence = f"域名 {urlsplit(url).hostname} 解析不到地址，请在域名服务商处添加解析"
    except aiohttp.ClientConnectorError as problem:
        sentence = (
            f"连接不上（{type(problem.os_error).__name__}），请确认服务已启动、防火墙放行了端口"
            "（有的机房里本机访问不到自己的公网地址，可换一台机器打开试试）"
        )
    except TimeoutError:
        sentence = f"{SECONDS:g} 秒内没有回答，微信会判为超时，请检查反向代理的缓冲和服务负载"
    except aiohttp.ClientError as problem:
        sentence = f"没有得到完整的回答（{type(problem).__name__}），请检查反向代理"
    return 0, sentence.encode()
