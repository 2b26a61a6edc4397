"""Known answers of WeChat's cryptography, each with its source in tests/fixtures/vectors."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from wechatpy.crypto import WeChatWxaCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.utils import check_wxa_signature

from server.adapters.wechat import messages
from server.adapters.wechat.jsapi_ticket import js_signature
from server.errors import Unverified
from tests.kit.vectors import VECTORS, vector


def account(of: dict[str, Any], **more: str) -> messages.Account:
    return messages.Account(
        "oa", of.get("appid") or of["receive_id"], of["token"], of["encoding_aes_key"], **more
    )


@pytest.mark.parametrize("case", vector("oa_url_signature")["cases"], ids=lambda case: case["timestamp"])
def test_url_signature(case: dict[str, Any]) -> None:
    ours = messages.Account("oa", "wx", case["token"], "a" * 43)
    query = {name: case[name] or "" for name in ("timestamp", "nonce", "signature", "echostr")}
    assert messages.echo(ours, query) == (case["echostr"] or "")


@pytest.mark.parametrize("case", vector("oa_url_signature")["negative"])
def test_url_signature_refused(case: dict[str, Any]) -> None:
    ours = messages.Account("oa", "wx", case["token"], "a" * 43)
    with pytest.raises(Unverified, match="签名"):
        messages.echo(ours, case)


def test_debug_demo_request() -> None:
    """The documentation's own sample: a JSON push in safe mode."""
    of = vector("oa_safe_mode_debug_demo")
    request, ours = of["request"], account(of)
    query = request["query"]
    assert messages.signature(ours.token, query["timestamp"], query["nonce"]) == query["signature"]
    assert messages.decrypt(ours, request["body"]["Encrypt"]) == request["expected"]["msg"]
    push = messages.open_push(ours, query, json.dumps(request["body"]).encode())
    assert (push.kind, push.is_event, push.openid, push.created) == (
        "debug_demo",
        True,
        query["openid"],
        1714112445,
    )
    assert push.fields["debug_str"] == "hello world"
    escaped = json.dumps(request["body"]).replace("/", "\\/").encode()
    assert messages.open_push(ours, query, escaped) == push


def test_debug_demo_reply() -> None:
    of = vector("oa_safe_mode_debug_demo")
    reply, ours = of["reply"], account(of)
    encrypted = messages.encrypt(ours, reply["msg"], random=reply["random"].encode())
    assert encrypted == reply["expected_encrypt"]
    proof = messages.signature(ours.token, reply["timestamp"], reply["nonce"], encrypted)
    assert proof == reply["expected_msg_signature"]
    assert len(b64decode(encrypted)) == reply["cipher_bytes"]


def test_easywechat_xml_push() -> None:
    of = vector("oa_safe_mode_xml_easywechat")
    assert messages.decrypt(account(of), of["encrypt"]) == of["expected_plaintext"]
    body = f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{of['encrypt']}]]></Encrypt></xml>".encode()
    query = {name: of[name] for name in ("timestamp", "nonce", "msg_signature")} | {"encrypt_type": "aes"}
    push = messages.open_push(account(of), query, body)
    assert (push.kind, push.text, push.message_id, push.openid) == (
        "text",
        "hello",
        "12345",
        "asdasdasdsadasd",
    )
    for wrong in of["negative"]:
        with pytest.raises(Unverified) as refused:
            messages.open_push(account({**of, **wrong}), {**query, **wrong}, body)
        expected = "push_signature" if "msg_signature" in wrong else "push_unreadable"
        assert refused.value.code == expected


def test_tencent_demo_pushes() -> None:
    first, second = vector("oa_safe_mode_xml_qdg6ek")["cases"]
    assert messages.decrypt(account(first), first["encrypt"]) == first["expected_plaintext"]
    for case in (first, second):
        proof = messages.signature(case["token"], case["timestamp"], case["nonce"], case["encrypt"])
        assert proof == case["msg_signature"]


@pytest.mark.parametrize("place", [0, 1])
def test_fixed_random_both_ways(place: int) -> None:
    """Chinese text: the length counts UTF-8 bytes."""
    of = vector("oa_encrypt_fixed_random_wxjava")
    case = of["cases"][place]
    sealed = messages.encrypt(account(of), case["plaintext"], random=of["random"].encode())
    assert sealed == case["expected_encrypt"]
    assert messages.decrypt(account(of), case["expected_encrypt"]) == case["plaintext"]


def test_message_signature() -> None:
    of = vector("oa_msg_signature_chanxuehong")
    proof = messages.signature(of["token"], of["timestamp"], of["nonce"], of["encrypt"])
    assert proof == of["expected_msg_signature"]


def test_wechatpy_corp_cases() -> None:
    of = vector("crypto_wechatpy_corp")
    ours, made, read, echo = account(of), of["encrypt_case"], of["decrypt_case"], of["echo_case"]
    sealed = messages.encrypt(ours, made["plaintext"], random=made["random"].encode())
    assert sealed == made["expected_encrypt"]
    proof = messages.signature(ours.token, made["timestamp"], made["nonce"], sealed)
    assert proof == made["expected_msg_signature"]
    assert messages.decrypt(ours, read["encrypt"]) == read["expected_plaintext"]
    assert messages.decrypt(ours, echo["echostr"]) == echo["expected_plain_echo"]


def test_js_config_signature() -> None:
    first, second = vector("jsapi_ticket_signature")["cases"]
    assert (
        js_signature(first["jsapi_ticket"], first["noncestr"], int(first["timestamp"]), first["page_url"])
        == first["expected_signature"]
    )
    said = dict(part.split("=", 1) for part in second["string_to_sign"].split("&"))
    signed = js_signature(said["jsapi_ticket"], said["noncestr"], int(said["timestamp"]), said["url"])
    assert signed == second["expected_signature"]


def test_mini_program_data_opens_with_its_key_alone() -> None:
    """wechatpy's opener of encryptedData is the one we rely on; the vectors hold it to its word."""
    of = vector("mp_encrypted_data")
    for case in of["cases"]:
        appid = case["expected"]["watermark"]["appid"]  # the phone's case names it nowhere else
        opened = WeChatWxaCrypto(case["session_key"], case["iv"], appid).decrypt_message(
            case["encrypted_data"]
        )
        assert {name: opened[name] for name in case["expected"]} == case["expected"]
        with pytest.raises(InvalidAppIdException):
            WeChatWxaCrypto(case["session_key"], case["iv"], "wxother").decrypt_message(
                case["encrypted_data"]
            )
    wrong = of["negative"][0]
    with pytest.raises(ValueError):
        WeChatWxaCrypto(wrong["session_key"], wrong["iv"], "wx").decrypt_message(wrong["encrypted_data"])


@pytest.mark.parametrize("case", vector("mp_rawdata_signature")["cases"])
def test_mini_program_raw_data_signature(case: dict[str, Any]) -> None:
    check_wxa_signature(case["session_key"], case["raw_data"], case["expected_signature"])
    with pytest.raises(InvalidSignatureException):
        check_wxa_signature(case["session_key"], case["raw_data"] + " ", case["expected_signature"])


SAMPLES = {name: sample for name, sample in vector("sample_push_events").items() if name != "text_reply"}


@pytest.mark.parametrize("name", SAMPLES)
def test_sample_pushes(name: str) -> None:
    """Bodies as WeChat sends them, XML and JSON, sealed as it seals them; shape only."""
    said = SAMPLES[name]["body"]
    ours = messages.Account("mp", "wx0000000000000001", "token0123456789", "a" * 43)
    encrypted = messages.encrypt(ours, said)
    proof = messages.signature(ours.token, "1", "2", encrypted)
    body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>".encode()
    query = {"timestamp": "1", "nonce": "2", "msg_signature": proof, "encrypt_type": "aes"}
    push = messages.open_push(ours, query, body)
    written = re.search(r'Event(?:"\s*:\s*"|><!\[CDATA\[)(\w+)', said)
    assert push.kind == (written[1].lower() if written else "text")
    assert push.is_event is (written is not None)
    assert push.openid and str(push.created) in said


def test_every_verified_vector_is_a_test() -> None:
    listed = json.loads((VECTORS / "INDEX.json").read_text("utf-8"))
    verified = {entry["file"].removesuffix(".json") for entry in listed if entry["verified"]}
    texts = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*vectors.py"))
    assert len(verified) == 21
    assert {name for name in verified if f'"{name}"' not in texts} == set()
