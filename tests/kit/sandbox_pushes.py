"""Pushes of the sandbox, opened and answered."""

from __future__ import annotations

from server.sandbox import crypto, xml
from tests.sandbox.conftest import OA, Arrival


def reply(arrival: Arrival, kind: str = "text", **content: object) -> str:
    message = arrival.opened()
    fields = {
        "ToUserName": message["FromUserName"],
        "FromUserName": message["ToUserName"],
        "CreateTime": 1,
        "MsgType": kind,
        **content,
    }
    return xml.build(fields)


def sealed(text: str, *, appid: str = OA.appid, token: str = OA.token) -> str:
    ciphertext = crypto.encrypt(OA.aes_key, appid, text)
    signature = crypto.signature(token, "99", "n1", ciphertext)
    return xml.build({"Encrypt": ciphertext, "MsgSignature": signature, "TimeStamp": 99, "Nonce": "n1"})
