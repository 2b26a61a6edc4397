"""Pushes of the sandbox, opened and answered."""

from __future__ import annotations

from server.sandbox import crypto, xml
from tests.sandbox.conftest import OA, Arrival


def reply(arrival: Arrival, kind: str = "text", **content: object) -> str:
    told = arrival.opened()
    fields = {
        "ToUserName": told["FromUserName"],
        "FromUserName": told["ToUserName"],
        "CreateTime": 1,
        "MsgType": kind,
        **content,
    }
    return xml.build(fields)


def sealed(text: str, *, appid: str = OA.appid, token: str = OA.token) -> str:
    made = crypto.encrypt(OA.aes_key, appid, text)
    signature = crypto.signature(token, "99", "n1", made)
    return xml.build({"Encrypt": made, "MsgSignature": signature, "TimeStamp": 99, "Nonce": "n1"})
