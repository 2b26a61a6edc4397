"""Who is there, as a signed token: nothing is kept, so any process can open what another one gave out.

A token is `epoch.payload.mac`: the payload is canonical JSON in URL-safe base64, the MAC covers purpose, epoch and
payload under the key `session`. A token of one kind never opens as another. Where the subject is a person's openid or
a secret, it is sealed in the payload: whoever sees a cookie learns nothing of it. What such a person ended is over.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import Any

from server.domain.people import ended_sessions
from server.domain.ports import Keys, Services, SessionClaims
from server.errors import Unverified

KINDS = frozenset({"h5", "mp", "console", "state", "invite", "device"})
SEALED = frozenset({"h5", "mp", "invite"})
ACCOUNTS = {"h5": "oa", "mp": "mp"}  # sessions of persons, who may end them, and the account of their openids
MOST_KNOWN = 10_000  # tokens found genuine that a process remembers
LONGEST = 4096  # characters; no browser sends more in one cookie
_PURPOSE = b"xcert-session-v1"
_ABOUT = "session.claims"


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encode(raw) != text:  # one token, one spelling
        raise ValueError(text)
    return raw


def _mac(keys: Keys, epoch: int, payload: str) -> bytes:
    return keys.mac("session", b".".join((_PURPOSE, b"%d" % epoch, payload.encode("ascii"))), epoch=epoch)


def mint(s: Services, kind: str, subject: str, seconds: int, **more: Any) -> str:
    """Sign a claim.

    Args:
        kind: one of `KINDS`; only `open` with the same kind takes it back.
        subject: whom it speaks of (an openid, a staff id).
        seconds: how long it lives.
        more: more claims, JSON values.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of session: {kind}")
    now = int(s.clock.now().timestamp())
    begins = ended_sessions.begins_at(s, ACCOUNTS[kind], subject) if kind in ACCOUNTS else now
    claims: dict[str, Any] = {**more, "subject": subject}
    if kind in SEALED:
        claims = {"sealed": _encode(s.keys.encrypt(json.dumps(claims), about=_ABOUT))}
    claims |= {"kind": kind, "issued_at": begins, "expires_at": now + seconds}
    epoch = s.keys.epoch("session")
    payload = _encode(json.dumps(claims, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode())
    return f"{epoch}.{payload}.{_encode(_mac(s.keys, epoch, payload))}"


def open(s: Services, kind: str, token: str) -> SessionClaims:
    """The claims of a token.

    Raises:
        Unverified: session_invalid (not ours, or changed), session_kind (made for something else),
            session_expired, session_ended.
    """
    entry = s.session_memory.claims.get(token)
    if entry is None:
        entry = _verified(s.keys, token)
        if len(s.session_memory.claims) >= MOST_KNOWN:
            s.session_memory.claims.clear()
        s.session_memory.claims[token] = entry
    claims, persons = entry
    if claims.kind != kind:
        raise Unverified("session_kind", "这个登录凭证不能用在这里，请重新登录。")
    if s.clock.unix() >= claims.expires_at:
        raise Unverified("session_expired", "登录已过期，请重新登录。")
    ended_sessions.require_living(s.session_memory, persons, claims.issued_at)
    return claims


def _verified(keys: Keys, token: str) -> tuple[SessionClaims, tuple[str, ...]]:
    """The claims, unsealed, and the blind indexes of the person they speak of."""
    refusal = Unverified("session_invalid", "登录凭证无效，请重新登录。")
    if len(token) > LONGEST or token.count(".") != 2 or not token.isascii():
        raise refusal
    number, payload, proof = token.split(".")
    if not number.isdigit() or len(number) > 6 or number != str(int(number)):
        raise refusal
    try:
        genuine = hmac.compare_digest(_mac(keys, int(number), payload), _decode(proof))
    except (Unverified, ValueError, Base64Error):
        raise refusal from None
    if not genuine:
        raise refusal
    claims: dict[str, Any] = json.loads(_decode(payload))
    if claims.get("kind") in SEALED:
        try:
            claims |= json.loads(keys.decrypt(_decode(claims.pop("sealed")), about=_ABOUT))
        except (Unverified, KeyError, ValueError, Base64Error):
            raise refusal from None
    session = SessionClaims(
        claims.pop("kind"), claims.pop("subject"), claims.pop("issued_at"), claims.pop("expires_at"), claims
    )
    account = ACCOUNTS.get(session.kind)
    return session, ended_sessions.indexes(keys, account, session.subject) if account else ()
