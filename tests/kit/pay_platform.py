"""WeChat Pay's side, for tests: keys of an invented merchant, signatures by the openssl command, answers as one wishes."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import subprocess
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server import sandbox_account
from server.settings import Settings
from tests.kit.fakes import FakeClock

AUTHORIZATION = re.compile(
    r'WECHATPAY2-SHA256-RSA2048 mchid="(\d+)",nonce_str="(\w{32})",timestamp="(\d{10})",serial_no="([0-9A-F]{40})",'
    r'signature="([0-9A-Za-z+/=]{344})"'
)
OPENSSL = ("openssl", "dgst", "-sha256")
SETTINGS = {
    "pay_mchid": "WECHAT_PAY_MCHID",
    "pay_mch_serial": "WECHAT_PAY_MCH_SERIAL",
    "pay_mch_key": "WECHAT_PAY_MCH_KEY",
    "pay_apiv3_key": "WECHAT_PAY_APIV3_KEY",
    "pay_public_key_id": "WECHAT_PAY_PUBLIC_KEY_ID",
    "pay_public_key": "WECHAT_PAY_PUBLIC_KEY",
    "pay_certificates": "WECHAT_PAY_CERTIFICATES",
}


@dataclass
class PayPlatform:
    """WeChat Pay and one merchant of it."""

    folder: Path
    account: dict[str, str]
    clock: FakeClock = field(default_factory=FakeClock)

    @classmethod
    def invent(cls, folder: Path) -> Self:
        account = sandbox_account.complete(folder)
        merchant = x509.load_pem_x509_certificate(
            account["SANDBOX_PAY_MCH_CERTIFICATE"].encode()
        ).public_key()
        (folder / "merchant.pem").write_bytes(
            merchant.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        (folder / "public.key").write_text(account["SANDBOX_PAY_PUBLIC_KEY_PRIVATE"])
        (folder / "certificate.key").write_text(account["SANDBOX_PAY_CERTIFICATE_PRIVATE"])
        return cls(folder, account)

    def settings(self, base: Settings, **more: Any) -> Settings:
        """`base` with this merchant."""
        return replace(base, **{name: self.account[env] for name, env in SETTINGS.items()} | more)

    @property
    def certificate_serial(self) -> str:
        return sandbox_account.serial_of(self.account["WECHAT_PAY_CERTIFICATES"])

    def sign(self, message: bytes, *, by: str = "public") -> str:
        """The openssl command's signature with WeChat Pay's key (`public` or `certificate`)."""
        result = subprocess.run(
            [*OPENSSL, "-sign", str(self.folder / f"{by}.key")],
            input=message,
            capture_output=True,
            check=True,
        )
        return b64encode(result.stdout).decode()

    def is_merchants(self, message: bytes, signature: str) -> bool:
        """Whether the openssl command takes the merchant's signature."""
        (self.folder / "signature").write_bytes(b64decode(signature, validate=True))
        result = subprocess.run(
            [
                *OPENSSL,
                "-verify",
                str(self.folder / "merchant.pem"),
                "-signature",
                str(self.folder / "signature"),
            ],
            input=message,
            capture_output=True,
        )
        return result.stdout == b"Verified OK\n"

    def headers(self, body: bytes, *, by: str = "public", late: float = 0, **changed: str) -> dict[str, str]:
        """The signature headers of an answer or notification, `late` seconds old; `changed` after signing."""
        stamp, nonce = str(int(self.clock.now().timestamp() - late)), secrets.token_hex(16)
        serial = self.account["WECHAT_PAY_PUBLIC_KEY_ID"] if by == "public" else self.certificate_serial
        values = {
            "timestamp": stamp,
            "nonce": nonce,
            "serial": serial,
            "signature": self.sign(f"{stamp}\n{nonce}\n".encode() + body + b"\n", by=by),
            "signature_type": "WECHATPAY2-SHA256-RSA2048",
        } | changed
        names = {name: f"Wechatpay-{name.replace('_', '-').title()}" for name in values}
        return {names[name]: value for name, value in values.items()}

    def sealed(self, text: bytes, *, kind: str, key: str | None = None) -> dict[str, str]:
        nonce = secrets.token_hex(6)
        cipher = AESGCM((key or self.account["WECHAT_PAY_APIV3_KEY"]).encode())
        return {
            "original_type": kind,
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": b64encode(cipher.encrypt(nonce.encode(), text, kind.encode())).decode(),
            "associated_data": kind,
            "nonce": nonce,
        }

    def notification(self, event: str, resource: Mapping[str, Any], *, key: str | None = None) -> bytes:
        """The body of a notification."""
        kind = event.partition(".")[0].lower()
        envelope = {
            "id": "EV-" + secrets.token_hex(8),
            "create_time": "2026-11-23T12:00:00+08:00",
            "resource_type": "encrypt-resource",
            "event_type": event,
            "summary": "支付成功",
            "resource": self.sealed(json.dumps(resource, ensure_ascii=False).encode(), kind=kind, key=key),
        }
        return json.dumps(envelope, ensure_ascii=False).encode()


@dataclass
class SentRequest:
    """One request as it arrived."""

    method: str
    target: str
    body: bytes
    headers: Mapping[str, str]
    request: web.Request

    @property
    def data(self) -> Any:
        return json.loads(self.body)


Answer = Callable[[SentRequest], web.Response | Awaitable[web.Response]]


@dataclass
class Script:
    """What the next requests are answered, in this order, and what they were. Every request must be signed."""

    platform: PayPlatform
    answers: list[Answer] = field(default_factory=list)
    requests: list[SentRequest] = field(default_factory=list)
    url: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)  # for answers that never come

    def will(self, *answers: Answer) -> None:
        self.answers += answers

    async def handle(self, request: web.Request) -> web.Response:
        received = SentRequest(
            request.method, request.raw_path, await request.read(), request.headers, request
        )
        match = AUTHORIZATION.fullmatch(received.headers["Authorization"])
        assert match, received.headers["Authorization"]
        mchid, nonce, stamp, serial, signature = match.groups()
        account = self.platform.account
        assert (mchid, serial) == (account["WECHAT_PAY_MCHID"], account["WECHAT_PAY_MCH_SERIAL"])
        message = f"{received.method}\n{received.target}\n{stamp}\n{nonce}\n".encode() + received.body + b"\n"
        assert self.platform.is_merchants(message, signature)
        self.requests.append(received)
        answer = self.answers.pop(0)(received)
        return answer if isinstance(answer, web.Response) else await answer


def says(platform: PayPlatform, status: int, data: Any = None, **how: Any) -> Answer:
    """An answer with WeChat Pay's signature; `how` goes to PayPlatform.headers."""

    def answer(_: SentRequest) -> web.Response:
        body = b"" if data is None else json.dumps(data, ensure_ascii=False).encode()
        signed = platform.headers(body, **how)
        return web.Response(
            status=status,
            body=body,
            headers=signed | {"Request-ID": "08F7-1-268512771"},
            content_type="application/json",
        )

    return answer


@asynccontextmanager
async def serving(script: Script) -> AsyncIterator[Script]:
    """`script` on a free port of this machine."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", script.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    script.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield script
    script.over.set()
    await runner.cleanup()
