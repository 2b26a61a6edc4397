"""WeChat's signatures and its message cipher, written from the documents alone (wechat.md §1.2, §3.2, §4.1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32
HEAD = 16 + 4


class NotGenuine(Exception):
    """A signature, padding, length or appid is not what it should be."""


def signature(*parts: str) -> str:
    """SHA-1 over the sorted, joined parts: the plain `signature` and, with Encrypt, `msg_signature`."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def same(one: str, other: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _key(encoding_aes_key: str) -> bytes:
    return base64.b64decode(encoding_aes_key + "=")


def encrypt(encoding_aes_key: str, appid: str, message: str, *, prefix: bytes | None = None) -> str:
    """16 random bytes, the length, the message and the appid, padded to 32, under AES-256-CBC.

    Args:
        prefix: the 16 random bytes; only known-answer tests give them.
    """
    key = _key(encoding_aes_key)
    text = message.encode()
    plain = (prefix or os.urandom(16)) + len(text).to_bytes(4, "big") + text + appid.encode()
    pad = BLOCK - len(plain) % BLOCK
    worker = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    ciphertext = worker.update(plain + bytes([pad]) * pad) + worker.finalize()
    return base64.b64encode(ciphertext).decode()


def decrypt(encoding_aes_key: str, appid: str, sealed: str) -> str:
    """Open what `encrypt` made.

    Raises:
        NotGenuine: rubbish, wrong padding or length, or another account's appid.
    """
    key = _key(encoding_aes_key)
    try:
        data = base64.b64decode(sealed, validate=True)
        worker = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        plain = worker.update(data) + worker.finalize()
    except ValueError as error:
        raise NotGenuine("Encrypt 不是有效的密文") from error
    pad = plain[-1] if plain else 0
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise NotGenuine("填充不对（应为 PKCS#7，块长 32）")
    plain = plain[:-pad]
    length = int.from_bytes(plain[16:HEAD], "big")
    if len(plain) < HEAD + length:
        raise NotGenuine("长度字段不对（应为 UTF-8 字节数）")
    if plain[HEAD + length :] != appid.encode():
        raise NotGenuine("密文末尾的 appid 不是本账号")
    try:
        return plain[HEAD : HEAD + length].decode()
    except UnicodeDecodeError as error:
        raise NotGenuine("明文不是 UTF-8") from error


def jsapi_signature(ticket: str, noncestr: str, timestamp: str, url: str) -> str:
    """wx.config's signature; the fragment of the URL is not signed."""
    page = url.split("#", 1)[0]
    text = f"jsapi_ticket={ticket}&noncestr={noncestr}&timestamp={timestamp}&url={page}"
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def raw_data_signature(raw_data: str, session_key: str) -> str:
    """The mini-program's `signature` over rawData; session_key is used as its base64 text."""
    return hashlib.sha1((raw_data + session_key).encode(), usedforsecurity=False).hexdigest()


def session_signature(session_key: str) -> str:
    """What wxa/checksession wants: HMAC-SHA256 of the empty string."""
    return hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest()


def seal_user_data(session_key: str, iv: str, text: str) -> str:
    """encryptedData: AES-128-CBC with PKCS#7, block 16."""
    data = text.encode()
    pad = 16 - len(data) % 16
    worker = Cipher(
        algorithms.AES(base64.b64decode(session_key)), modes.CBC(base64.b64decode(iv))
    ).encryptor()
    return base64.b64encode(worker.update(data + bytes([pad]) * pad) + worker.finalize()).decode()


def open_user_data(session_key: str, iv: str, sealed: str) -> str:
    """Open encryptedData.

    Raises:
        NotGenuine: another session's key, or rubbish.
    """
    try:
        worker = Cipher(
            algorithms.AES(base64.b64decode(session_key)), modes.CBC(base64.b64decode(iv))
        ).decryptor()
        plain = worker.update(base64.b64decode(sealed)) + worker.finalize()
        pad = plain[-1]
        if not 1 <= pad <= 16 or plain[-pad:] != bytes([pad]) * pad:
            raise NotGenuine("填充不对")
        return plain[:-pad].decode()
    except (ValueError, IndexError) as error:
        raise NotGenuine("不是这个 session_key 的密文") from error
