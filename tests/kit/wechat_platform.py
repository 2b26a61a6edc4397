"""WeChat's side of a push, for tests: bodies and queries signed and encrypted as the platform does."""

from __future__ import annotations

import secrets
import struct
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Any
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from server.adapters.wechat import messages
from server.domain.ports import Push
from server.settings import Settings
from tests.kit.fakes import FakeClock


def signed(*parts: str) -> str:
    return sha1("".join(sorted(parts)).encode()).hexdigest()


def xml(**fields: Any) -> str:
    inner = "".join(f"<{name}><![CDATA[{value}]]></{name}>" for name, value in fields.items())
    return f"<xml>{inner}</xml>"


@dataclass(frozen=True)
class Platform:
    """One account as WeChat sees it."""

    appid: str
    token: str
    aes_key: str
    clock: FakeClock = field(default_factory=FakeClock)

    def _cipher(self) -> Cipher[modes.CBC]:
        key = b64decode(self.aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def encrypt(self, message: str, *, appid: str | None = None) -> str:
        content = message.encode()
        plain = (
            secrets.token_bytes(16)
            + struct.pack(">I", len(content))
            + content
            + (appid or self.appid).encode()
        )
        pad = 32 - len(plain) % 32
        worker = self._cipher().encryptor()
        return b64encode(worker.update(plain + bytes([pad]) * pad) + worker.finalize()).decode()

    def decrypt(self, ciphertext: str) -> str:
        worker = self._cipher().decryptor()
        plain = worker.update(b64decode(ciphertext)) + worker.finalize()
        plain = plain[: -plain[-1]]
        (length,) = struct.unpack(">I", plain[16:20])
        assert plain[20 + length :] == self.appid.encode()
        return plain[20 : 20 + length].decode()

    def query(self, encrypted: str | None = None, **more: str) -> dict[str, str]:
        stamp, nonce = str(int(self.clock.unix())), secrets.token_hex(4)
        query = {"timestamp": stamp, "nonce": nonce, "signature": signed(self.token, stamp, nonce), **more}
        if encrypted is not None:
            query |= {"encrypt_type": "aes", "msg_signature": signed(self.token, stamp, nonce, encrypted)}
        return query

    def push(self, message: str) -> tuple[dict[str, str], bytes]:
        """A push in safe mode: its query and body."""
        encrypted = self.encrypt(message)
        body = xml(ToUserName="gh_1", Encrypt=encrypted).encode()
        return self.query(encrypted), body

    def read_reply(self, body: bytes) -> dict[str, str]:
        """The fields of an encrypted reply, after checking all that WeChat checks."""
        fields = {node.tag: node.text or "" for node in ElementTree.fromstring(body)}
        proof = signed(self.token, fields["TimeStamp"], fields["Nonce"], fields["Encrypt"])
        assert proof == fields["MsgSignature"]
        inner = ElementTree.fromstring(self.decrypt(fields["Encrypt"]))
        return {node.tag: node.text or "" for node in inner}


def official_account(settings: Settings, clock: FakeClock | None = None) -> Platform:
    return Platform(settings.oa_appid, settings.oa_token, settings.oa_aes_key, clock or FakeClock())


def mini_program(settings: Settings, clock: FakeClock | None = None) -> Platform:
    return Platform(settings.mp_appid, settings.mp_token, settings.mp_aes_key, clock or FakeClock())


class GenuinePushes:
    """The genuine opener of pushes, without the rest of WeChat."""

    def __init__(self, settings: Settings) -> None:
        self.accounts = messages.accounts(settings)

    def echo(self, account: str, query: Mapping[str, str]) -> str:
        return messages.echo(self.accounts[account], query)

    def open_push(self, account: str, query: Mapping[str, str], body: bytes) -> Push:
        return messages.open_push(self.accounts[account], query, body)

    def answer(self, push: Push, text: str, *, now: int) -> bytes:
        return messages.answer(self.accounts[push.account], push, text, now=now)
