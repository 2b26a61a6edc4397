"""The sandbox's own crypto against the known answers, so that both sides are not wrong alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from server.sandbox import crypto, replies
from server.sandbox.config import Account

VECTORS = Path(__file__).parents[1] / "fixtures" / "vectors"


def vector(name: str) -> dict[str, Any]:
    return dict(json.loads((VECTORS / f"{name}.json").read_text("utf-8"))["data"])


@pytest.mark.parametrize("case", vector("oa_url_signature")["cases"])
def test_signature_of_the_url(case: dict[str, Any]) -> None:
    made = crypto.signature(case["token"], case["timestamp"], case["nonce"])
    assert crypto.same(made, case["signature"]) is case["ok"]


def test_safe_mode_as_the_documents_show_it() -> None:
    data = vector("oa_safe_mode_debug_demo")
    key, appid, token = data["encoding_aes_key"], data["appid"], data["token"]
    query, sealed = data["request"]["query"], data["request"]["body"]["Encrypt"]
    assert crypto.signature(token, query["timestamp"], query["nonce"]) == query["signature"]
    made = crypto.signature(token, query["timestamp"], query["nonce"], sealed)
    assert made == query["msg_signature"]
    assert crypto.decrypt(key, appid, sealed) == data["request"]["expected"]["msg"]
    reply = data["reply"]
    again = crypto.encrypt(key, appid, reply["msg"], prefix=reply["random"].encode())
    assert again == reply["expected_encrypt"]
    signed = crypto.signature(token, reply["timestamp"], reply["nonce"], again)
    assert signed == reply["expected_msg_signature"]


@pytest.mark.parametrize("case", vector("oa_encrypt_fixed_random_wxjava")["cases"])
def test_encrypting_with_a_fixed_prefix_is_byte_exact(case: dict[str, Any]) -> None:
    data = vector("oa_encrypt_fixed_random_wxjava")
    key, appid, prefix = data["encoding_aes_key"], data["appid"], data["random"].encode()
    assert crypto.encrypt(key, appid, case["plaintext"], prefix=prefix) == case["expected_encrypt"]
    assert crypto.decrypt(key, appid, case["expected_encrypt"]) == case["plaintext"]


def test_another_account_cannot_read_it() -> None:
    data = vector("oa_safe_mode_xml_easywechat")
    key, sealed = data["encoding_aes_key"], data["encrypt"]
    assert crypto.decrypt(key, data["appid"], sealed) == data["expected_plaintext"]
    made = crypto.signature(data["token"], data["timestamp"], data["nonce"], sealed)
    assert made == data["msg_signature"]
    with pytest.raises(crypto.NotGenuine, match="appid"):
        crypto.decrypt(key, "invalid appid", sealed)


@pytest.mark.parametrize("mode", ["safe", "compat"])
def test_the_reply_of_the_documents_is_judged_genuine(mode: str) -> None:
    """The demo's reply as its server would send it: an envelope signed with its own timestamp and nonce."""
    data = vector("oa_safe_mode_debug_demo")
    account = Account("mp", data["appid"], "s", data["token"], data["encoding_aes_key"], "demo")
    reply = data["reply"]
    envelope = {
        "Encrypt": reply["expected_encrypt"],
        "MsgSignature": reply["expected_msg_signature"],
        "TimeStamp": int(reply["timestamp"]),
        "Nonce": reply["nonce"],
    }
    opened = replies.opened(account, envelope, mode, (data["encoding_aes_key"],))
    assert opened == json.loads(reply["msg"])
    for name, wrong in (("MsgSignature", "0" * 40), ("Nonce", "1"), ("TimeStamp", 1)):
        with pytest.raises(replies.BadReply, match="MsgSignature"):
            replies.opened(account, {**envelope, name: wrong}, mode, (data["encoding_aes_key"],))


def test_samples_of_tencent_and_others() -> None:
    first, second = vector("oa_safe_mode_xml_qdg6ek")["cases"]
    opened = crypto.decrypt(first["encoding_aes_key"], first["appid"], first["encrypt"])
    assert opened == first["expected_plaintext"]
    for case in (first, second):
        made = crypto.signature(case["token"], case["timestamp"], case["nonce"], case["encrypt"])
        assert made == case["msg_signature"]
    other = vector("oa_msg_signature_chanxuehong")
    made = crypto.signature(other["token"], other["timestamp"], other["nonce"], other["encrypt"])
    assert made == other["expected_msg_signature"]


def test_the_same_cipher_under_a_corporation() -> None:
    data = vector("crypto_wechatpy_corp")
    key, owner, case = data["encoding_aes_key"], data["receive_id"], data["encrypt_case"]
    made = crypto.encrypt(key, owner, case["plaintext"], prefix=case["random"].encode())
    assert made == case["expected_encrypt"]
    assert (
        crypto.signature(data["token"], case["timestamp"], case["nonce"], made)
        == case["expected_msg_signature"]
    )
    case = data["decrypt_case"]
    assert crypto.decrypt(key, owner, case["encrypt"]) == case["expected_plaintext"]


@pytest.mark.parametrize("rubbish", ["", "AAAA", "not base64!", "A" * 43 + "="])
def test_rubbish_is_refused(rubbish: str) -> None:
    data = vector("oa_safe_mode_xml_easywechat")
    with pytest.raises(crypto.NotGenuine):
        crypto.decrypt(data["encoding_aes_key"], data["appid"], rubbish)


@pytest.mark.parametrize("case", vector("mp_rawdata_signature")["cases"])
def test_signature_of_raw_data(case: dict[str, Any]) -> None:
    assert crypto.raw_data_signature(case["raw_data"], case["session_key"]) == case["expected_signature"]


@pytest.mark.parametrize("case", vector("mp_encrypted_data")["cases"])
def test_user_data(case: dict[str, Any]) -> None:
    if "expected" not in case:
        with pytest.raises(crypto.NotGenuine):
            crypto.open_user_data(case["session_key"], case["iv"], case["encrypted_data"])
        return
    opened = crypto.open_user_data(case["session_key"], case["iv"], case["encrypted_data"])
    told = json.loads(opened)
    assert {name: told[name] for name in case["expected"]} == case["expected"]
    assert crypto.seal_user_data(case["session_key"], case["iv"], opened) == case["encrypted_data"]


@pytest.mark.parametrize("case", vector("jsapi_ticket_signature")["cases"])
def test_signature_for_the_js_sdk(case: dict[str, Any]) -> None:
    if "string_to_sign" in case:
        ticket, nonce, stamp, url = (
            part.partition("=")[2] for part in case["string_to_sign"].split("&", maxsplit=3)
        )
    else:
        ticket, nonce = case["jsapi_ticket"], case["noncestr"]
        stamp, url = str(case["timestamp"]), case["page_url"]
    assert crypto.jsapi_signature(ticket, nonce, stamp, url) == case["expected_signature"]
    assert crypto.jsapi_signature(ticket, f"{nonce}x", stamp, url) != case["expected_signature"]


def test_every_verified_vector_of_messages_and_pages_is_used_here() -> None:
    index = json.loads((VECTORS / "INDEX.json").read_text("utf-8"))
    ours = ("oa_", "mp_", "jsapi_", "crypto_")
    names = [one["file"].removesuffix(".json") for one in index if one["verified"]]
    wanted = [name for name in names if name.startswith(ours)]
    text = Path(__file__).read_text("utf-8")
    assert len(wanted) == 10
    assert [name for name in wanted if f'vector("{name}")' not in text] == []
