"""A sandbox with a merchant, a shop that hears its notifications, and a client that signs by its own hand."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from yarl import URL

from server.sandbox import key_material
from server.sandbox.app import create_sandbox, serving
from server.sandbox.config import Merchant
from server.sandbox.pay.desk import PayDesk
from server.sandbox.platform import Platform
from server.sandbox.wechat_users import Person
from tests.sandbox.conftest import CONFIG, MP, OA

MCHID, APIV3_KEY = "1900000001", "0123456789abcdefghijklmnopqrstuv"
PUBLIC_KEY_ID = "PUB_KEY_ID_0119000000012026112300380000000001"
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Account:
    """What the merchant holds, and what the platform holds for it."""

    private: str
    merchant: Merchant
    public_key: str

    @property
    def serial(self) -> str:
        return key_material.serial_of(self.merchant.certificate)

    @property
    def platform_serial(self) -> str:
        return key_material.serial_of(self.merchant.platform_certificate)


@pytest.fixture(scope="session")
def account() -> Account:
    private, public, platform = (key_material.private_key() for _ in range(3))
    merchant = Merchant(
        mchid=MCHID,
        name="沙箱商户",
        certificate=key_material.certificate_of(private, MCHID, BEGUN),
        apiv3_key=APIV3_KEY,
        public_key_id=PUBLIC_KEY_ID,
        public_key_private=public,
        platform_certificate=key_material.certificate_of(platform, "Tenpay.com sandbox", BEGUN),
        platform_certificate_private=platform,
    )
    return Account(private, merchant, key_material.public_key_of(public))


@dataclass
class Heard:
    """One notification as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def serial(self) -> str:
        return self.headers["Wechatpay-Serial"]

    @property
    def is_probe(self) -> bool:
        return self.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")

    def opened(self) -> dict[str, Any]:
        """The decrypted resource with the event's type."""
        envelope = json.loads(self.body)
        sealed = envelope["resource"]
        plain = AESGCM(APIV3_KEY.encode()).decrypt(
            sealed["nonce"].encode(),
            base64.b64decode(sealed["ciphertext"]),
            sealed["associated_data"].encode(),
        )
        return {"event": envelope["event_type"], **json.loads(plain)}


@dataclass
class Shop:
    """The merchant's own server: verifies, remembers, answers as it is told."""

    verify: Callable[[str, bytes, bytes], bool]
    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    status: int = 204
    careless: bool = False
    hangs: bool = False
    pages: dict[str, str] = field(default_factory=dict)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def notify(self) -> str:
        return f"{self.url}/notify"

    async def take(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.pages:
            return web.Response(text=self.pages[request.path], content_type="text/html")
        one = Heard(request.path, dict(request.headers), await request.read())
        self.heard.append(one)
        self.arrived.set()
        if self.hangs:
            await asyncio.Event().wait()
        if not self.careless and not self.genuine(one):
            return web.json_response({"code": "FAIL", "message": "失败"}, status=401)
        return web.Response(status=self.status)

    def genuine(self, one: Heard) -> bool:
        """Signature and decryption, as a careful shop does it; the clock is looked at by whoever has one."""
        names = ("Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature")
        if any(name not in one.headers for name in names):
            return False
        stamp, nonce, serial, signature = (one.headers[name] for name in names)
        said = f"{stamp}\n{nonce}\n".encode() + one.body + b"\n"
        try:
            if abs(self.clock() - int(stamp)) > 300 or not self.verify(
                serial, said, base64.b64decode(signature)
            ):
                return False
            one.opened()
        except Exception:  # whatever goes wrong in it, it is not genuine
            return False
        return True

    clock: Callable[[], float] = lambda: 0.0


@dataclass
class Answer:
    """One answer of the gateway."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def code(self) -> str:
        return str(self.json["code"])

    @property
    def tail(self) -> str:
        return self.headers["Request-ID"].rpartition("-")[2]


@dataclass
class Pay:
    """The gateway with its merchant."""

    url: str
    platform: Platform
    desk: PayDesk
    account: Account
    shop: Shop
    http: aiohttp.ClientSession
    key: RSAPrivateKey

    def authorization(self, method: str, path: str, body: bytes, **instead: str) -> str:
        given = {
            "mchid": MCHID,
            "nonce_str": secrets.token_hex(16),
            "timestamp": str(self.platform.clock.unix()),
            "serial_no": self.account.serial,
            **instead,
        }
        said = f"{method}\n{path}\n{given['timestamp']}\n{given['nonce_str']}\n".encode() + body + b"\n"
        signature = base64.b64encode(self.key.sign(said, PKCS1v15(), SHA256())).decode()
        listed = ",".join(f'{name}="{value}"' for name, value in {"signature": signature, **given}.items())
        return f"WECHATPAY2-SHA256-RSA2048 {listed}"

    async def send(
        self, method: str, path: str, body: Any = None, *, serial: str = PUBLIC_KEY_ID, **headers: Any
    ) -> Answer:
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        sent: dict[str, str | None] = {
            "Accept": "application/json",
            "User-Agent": "shop/1",
            "Content-Type": "application/json",
            "Wechatpay-Serial": serial or None,
            "Authorization": self.authorization(method, path, raw),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        left_out = [name for name, value in sent.items() if value is None]
        given = {name: value for name, value in sent.items() if value is not None}
        async with self.http.request(
            method,
            URL(self.url + path, encoded=True),
            data=raw or None,
            headers=given,
            skip_auto_headers=left_out,
        ) as answer:
            return Answer(answer.status, dict(answer.headers), await answer.read())

    def signed(self, answer: Answer) -> str:
        """The serial under which an answer is genuinely signed; empty when it is not signed."""
        serial = answer.headers.get("Wechatpay-Serial", "")
        if serial:
            said = f"{answer.headers['Wechatpay-Timestamp']}\n{answer.headers['Wechatpay-Nonce']}\n".encode()
            signature = base64.b64decode(answer.headers["Wechatpay-Signature"])
            assert self.shop.verify(serial, said + answer.raw + b"\n", signature)
        return serial

    def person(self, number: int = 1) -> Person:
        found = self.platform.people.get(f"p{number}")
        assert found is not None
        return found

    def order(self, number: str, total: int = 100, **changes: Any) -> dict[str, Any]:
        body = {
            "appid": OA.appid,
            "mchid": MCHID,
            "description": "报名费",
            "out_trade_no": number,
            "notify_url": self.shop.notify,
            "amount": {"total": total, "currency": "CNY"},
            "payer": {"openid": self.platform.openid(OA, self.person())},
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    async def place(self, number: str, total: int = 100, **changes: Any) -> str:
        answer = await self.send("POST", "/v3/pay/transactions/jsapi", self.order(number, total, **changes))
        assert answer.status == 200, answer.raw
        return str(answer.json["prepay_id"])

    async def paid(self, number: str, total: int = 100, **changes: Any) -> dict[str, Any]:
        """An order that has been paid and told."""
        await self.place(number, total, **changes)
        async with self.http.post(f"{self.url}/sandbox/api/pay/pay", json={"out_trade_no": number}) as answer:
            assert answer.status == 200
            told: dict[str, Any] = await answer.json()
        await self.desk.settle()
        return told

    async def ask(self, number: str) -> dict[str, Any]:
        answer = await self.send("GET", f"/v3/pay/transactions/out-trade-no/{number}?mchid={MCHID}")
        assert answer.status == 200, answer.raw
        told: dict[str, Any] = answer.json
        return told

    async def refund(self, order: str, number: str, refund: int, total: int = 100, **more: Any) -> Answer:
        amount = {"refund": refund, "total": total, "currency": "CNY"}
        body = {"out_trade_no": order, "out_refund_no": number, "amount": amount, **more}
        return await self.send("POST", "/v3/refund/domestic/refunds", body)

    async def control(self, path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        async with self.http.request(method, f"{self.url}/sandbox/api/pay/{path}", json=body) as answer:
            return await answer.json() if answer.status != 204 else None

    async def phone(self, path: str, body: Any) -> dict[str, Any]:
        async with self.http.post(f"{self.url}/phone/api/pay/{path}", json=body) as answer:
            return {"status": answer.status, **await answer.json()}

    def pay_sign(self, prepay_id: str, appid: str, stamp: str = "1800000000") -> dict[str, Any]:
        """What the shop's page passes to the cashier."""
        package, nonce = f"prepay_id={prepay_id}", secrets.token_hex(16)
        said = f"{appid}\n{stamp}\n{nonce}\n{package}\n".encode()
        signature = base64.b64encode(self.key.sign(said, PKCS1v15(), SHA256())).decode()
        return {
            "appId": appid,
            "timeStamp": stamp,
            "nonceStr": nonce,
            "package": package,
            "signType": "RSA",
            "paySign": signature,
        }


async def _running(account: Account, seconds: float) -> AsyncIterator[Pay]:
    keys: dict[str, RSAPublicKey] = {}
    certificate = x509.load_pem_x509_certificate(account.merchant.platform_certificate.encode())
    for serial, public in (
        (PUBLIC_KEY_ID, load_pem_public_key(account.public_key.encode())),
        (account.platform_serial, certificate.public_key()),
    ):
        assert isinstance(public, RSAPublicKey)
        keys[serial] = public

    def verify(serial: str, said: bytes, signature: bytes) -> bool:
        try:
            keys[serial].verify(signature, said, PKCS1v15(), SHA256())
        except Exception:  # unknown serials too
            return False
        return True

    shop = Shop(verify)
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", shop.take)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    app = create_sandbox(
        replace(CONFIG, service_url=shop.url, merchant=account.merchant, push_seconds=seconds)
    )
    platform: Platform = app.ctx.platform
    platform.clock.stop()
    platform.clock.set(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    shop.clock = platform.clock.now
    key = load_pem_private_key(account.private.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    async with serving(app) as url, aiohttp.ClientSession() as http:
        desk: PayDesk = app.ctx.pay
        desk.switchboard.turn({"rates": False})
        yield Pay(url, platform, desk, account, shop, http, key)
        async with asyncio.timeout(20):
            await platform.settle()
    await runner.cleanup()


@pytest.fixture
async def pay(account: Account) -> AsyncIterator[Pay]:
    async for one in _running(account, 5.0):
        yield one


@pytest.fixture
async def impatient(account: Account) -> AsyncIterator[Pay]:
    """The same, but a notification is given up after a fifth of a second instead of five."""
    async for one in _running(account, 0.2):
        yield one


__all__ = ["APIV3_KEY", "MCHID", "MP", "OA", "PUBLIC_KEY_ID", "Account", "Answer", "Heard", "Pay", "Shop"]
