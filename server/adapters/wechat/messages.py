"""What WeChat pushes to us: verified, decrypted, parsed, answered (wechat.md §1).

The order is the safety: the signature over `Encrypt` is compared in constant time before any parser sees the body,
then the padding (block 32), the length in UTF-8 bytes and the appid are checked, and only then is the text parsed,
without entities (`push_fields.py`). wechatpy knows the cipher, the classes of messages and the replies; the checks
are ours.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wechatpy.crypto import PrpCrypto
from wechatpy.crypto.base import WeChatCipher
from wechatpy.replies import TextReply
from wechatpy.utils import WeChatSigner

from server.adapters.wechat.push_fields import fields_of, readable
from server.domain.ports import Push
from server.errors import Refused, Unverified
from server.settings import Settings

LARGEST = 256 * 1024  # bytes of a body; WeChat's own stay far below
BLOCK = 32
# Read before any signature is compared: possessive, so that no body takes more than one look at each byte.
_ENCRYPT_XML = re.compile(
    rb"<Encrypt>\s*+(?:<!\[CDATA\[)?\s*+([A-Za-z0-9+/=]{32,}+)\s*+(?:\]\]>)?\s*+</Encrypt>", re.DOTALL
)
_ENCRYPT_JSON = re.compile(rb'"Encrypt"\s*+:\s*+"([A-Za-z0-9+=/\\]{32,}+)"')
SUBSCRIPTION_LISTS = ("List", "SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent")


@dataclass(frozen=True, slots=True)
class Account:
    """How one of our accounts is configured. `mode` is the weakest form of push that is taken."""

    name: str  # oa | mp
    appid: str
    token: str
    aes_key: str
    previous_aes_key: str = ""
    mode: str = "safe"


def accounts(settings: Settings) -> dict[str, Account]:
    """Both accounts. Each has its own weakest form: a clear mode of one never lowers the other."""
    return {
        "oa": Account(
            "oa",
            settings.oa_appid,
            settings.oa_token,
            settings.oa_aes_key,
            settings.oa_previous_aes_key,
            settings.oa_mode,
        ),
        "mp": Account(
            "mp",
            settings.mp_appid,
            settings.mp_token,
            settings.mp_aes_key,
            settings.mp_previous_aes_key,
            settings.mp_mode,
        ),
    }


def signature(*parts: str) -> str:
    """sha1 over the sorted parts, lower-case hex."""
    signer = WeChatSigner()
    signer.add_data(*parts)
    return str(signer.signature)


def _same(expected: str, actual: str) -> bool:
    return hmac.compare_digest(expected.encode(), actual.encode())


def echo(account: Account, query: Mapping[str, str]) -> str:
    """The echostr of a genuine verification request, byte for byte. Raises Unverified push_signature."""
    expected = signature(account.token, query.get("timestamp", ""), query.get("nonce", ""))
    if not _same(expected, query.get("signature", "")):
        raise Unverified("push_signature", "签名不正确，请核对公众平台与本服务的 Token。")
    return query.get("echostr", "")


def open_push(account: Account, query: Mapping[str, str], body: bytes) -> Push:
    """Verify, decrypt and parse one push. Raises as the WeChat port says."""
    if len(body) > LARGEST:
        raise Refused("push_malformed", "推送内容过大。")
    is_sealed = query.get("encrypt_type", "").lower() == "aes" or "msg_signature" in query
    if is_sealed:
        text = _unsealed(account, query, body)
    elif account.mode != "plain":
        raise Unverified("push_clear", "本服务只接收加密推送，请在公众平台选择安全模式。")
    else:
        echo(account, query)
        text = readable(body)
    return _push(account, fields_of(text), is_sealed)


def _unsealed(account: Account, query: Mapping[str, str], body: bytes) -> str:
    expected = query.get("msg_signature", "")
    stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    pattern = _ENCRYPT_JSON if body.lstrip()[:1] == b"{" else _ENCRYPT_XML
    for match in pattern.findall(body):
        encrypted = match.replace(b"\\/", b"/").decode("ascii")
        if _same(signature(account.token, stamp, nonce, encrypted), expected):
            return decrypt(account, encrypted)
    raise Unverified("push_signature", "推送的签名不正确。")


def decrypt(account: Account, encrypted: str) -> str:
    """The message inside `Encrypt`; the previous key is tried second. Raises Unverified push_unreadable."""
    for key in filter(None, (account.aes_key, account.previous_aes_key)):
        try:
            return _decrypt(key, account.appid, encrypted)
        except ValueError:  # wrong key, padding, length or appid
            continue
    raise Unverified("push_unreadable", "推送无法解密，请核对 EncodingAESKey 和 AppID。")


def _key(encoding_aes_key: str) -> bytes:
    return b64decode(encoding_aes_key + "=")


def _decrypt(encoding_aes_key: str, appid: str, encrypted: str) -> str:
    try:
        ciphertext = b64decode(encrypted, validate=True)
    except Base64Error as problem:
        raise ValueError("base64") from problem
    if not ciphertext or len(ciphertext) % BLOCK:
        raise ValueError("block")
    plain: bytes = WeChatCipher(_key(encoding_aes_key)).decrypt(ciphertext)
    pad = plain[-1]
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise ValueError("padding")
    content = plain[16:-pad]
    length = int.from_bytes(content[:4], "big")
    if len(content) < 4 or len(content) - 4 < length:
        raise ValueError("length")
    if not hmac.compare_digest(content[4 + length :], appid.encode()):
        raise ValueError("appid")
    return readable(content[4 : 4 + length])


class _Cipher(PrpCrypto):  # type: ignore[misc]  # wechatpy publishes no types
    """wechatpy's cipher with strong random bytes in front (its own are not for cryptography)."""

    def __init__(self, key: bytes, random: bytes | None = None) -> None:
        super().__init__(key)
        self._random = random

    def get_random_string(self) -> bytes:
        return self._random or secrets.token_hex(8).encode()


def encrypt(account: Account, message: str, *, random: bytes | None = None) -> str:
    """The message as it stands in `Encrypt`. `random`: 16 bytes, given by tests alone."""
    return bytes(_Cipher(_key(account.aes_key), random).encrypt(message, account.appid)).decode("ascii")


def envelope(account: Account, message: str, *, timestamp: int, nonce: str) -> bytes:
    """An encrypted reply with a signature over its own time and nonce."""
    encrypted = encrypt(account, message)
    proof = signature(account.token, str(timestamp), nonce, encrypted)
    return (
        f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt><MsgSignature><![CDATA[{proof}]]></MsgSignature>"
        f"<TimeStamp>{timestamp}</TimeStamp><Nonce><![CDATA[{nonce}]]></Nonce></xml>"
    ).encode()


def answer(account: Account, push: Push, text: str, *, now: int) -> bytes:
    """The passive text reply: from and to swapped, encrypted when the push was."""
    safe = text.replace("]]>", "]]]]><![CDATA[>")
    reply = TextReply(source=push.to, target=push.openid, content=safe, time=now).render()
    if not push.is_sealed:
        return str(reply).encode()
    return envelope(account, reply, timestamp=now, nonce=secrets.token_hex(8))


def _text(fields: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that holds something, as text."""
    return next((str(fields[name]) for name in names if isinstance(fields.get(name), str | int)), "")


def _details(fields: Mapping[str, Any]) -> str:
    """What sets apart two events of one second and one sender that differ in nothing else.

    The lists of an event about subscription messages; the person of a withdrawal, which WeChat sends in its own name.
    """
    lists = {name: fields[name] for name in (*SUBSCRIPTION_LISTS, "OpenID") if name in fields}
    return json.dumps(lists, sort_keys=True) if lists else ""


def _push(account: Account, fields: dict[str, Any], is_sealed: bool) -> Push:
    kind = _text(fields, "MsgType").lower()
    is_event = kind == "event"
    created, openid = _text(fields, "CreateTime"), _text(fields, "FromUserName")
    message_id = _text(fields, "MsgId", "MsgID")
    if not re.fullmatch(r"[0-9]{1,11}", created):
        raise Refused("push_malformed", "推送内容缺少必要字段。")
    if is_event:
        kind = _text(fields, "Event").lower()
        same = "\0".join((openid, created, kind, _text(fields, "EventKey"), message_id, _details(fields)))
    else:
        same = message_id or "\0".join((openid, created, kind, _text(fields, "Content")))
    digest = hashlib.sha256(same.encode()).hexdigest()
    return Push(
        account=account.name,
        kind=kind,
        is_event=is_event,
        openid=openid,
        to=_text(fields, "ToUserName"),
        created=int(created),
        key=f"{account.name}:{'event' if is_event else 'message'}:{digest}",
        text=_text(fields, "Content", "Recognition"),
        event_key=_text(fields, "EventKey"),
        message_id=message_id,
        fields=fields,
        is_sealed=is_sealed,
    )
