"""The published known answers of WeChat Pay v3, by the sandbox's own primitives (tests/fixtures/vectors)."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from server import sandbox_account
from server.sandbox.pay import bills, signatures

VECTORS = Path(__file__).parents[2] / "fixtures" / "vectors"


def vector(name: str) -> dict[str, Any]:
    told = json.loads((VECTORS / f"{name}.json").read_text("utf-8"))
    assert told["verified"] is True
    data: dict[str, Any] = told["data"]
    return data


def public(pem: str) -> RSAPublicKey:
    """From a public key or a certificate."""
    if "CERTIFICATE" in pem:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    else:
        key = load_pem_public_key(pem.encode())  # type: ignore[assignment]
    assert isinstance(key, RSAPublicKey)
    return key


def test_every_verified_vector_of_pay_is_looked_at() -> None:
    """A new file in the folder must find its test here."""
    named = {path.stem for path in VECTORS.glob("payv3_*.json")}
    assert named == {
        "payv3_aes_gcm",
        "payv3_certificates_response",
        "payv3_notification_go",
        "payv3_paysign",
        "payv3_request_signature",
        "payv3_request_signature_wechatpy",
        "payv3_response_signature_pubkey",
        "payv3_rsa_verify",
        "payv3_test_certificates",
        "payv3_tradebill_csv",
    }


def test_request_signatures() -> None:
    data = vector("payv3_request_signature")
    key = public(data["public_key_pem"])
    message = signatures.request_message(
        data["method"], data["url_path"], data["timestamp"], data["nonce_str"], data["body"].encode()
    )
    assert message == data["string_to_sign"].encode()
    assert signatures.genuine(key, message, data["expected_signature"])
    assert not signatures.genuine(key, message[:-1], data["expected_signature"])
    get = data["get_case"]
    path = get["string_to_sign"].split("\n")[1]
    message = signatures.request_message("GET", path, data["timestamp"], data["nonce_str"], b"")
    assert message == get["string_to_sign"].encode()
    assert signatures.genuine(key, message, get["computed_signature"])

    other = vector("payv3_request_signature_wechatpy")
    message = signatures.request_message(
        other["method"], other["url"], other["timestamp"], other["nonce_str"], other["body"].encode()
    )
    assert message == other["string_to_sign"].encode()


def test_pay_sign() -> None:
    data = vector("payv3_paysign")
    key = public(data["public_key_pem"])
    package = f"prepay_id={data['prepay_id']}"
    message = signatures.cashier_message(data["appid"], data["timestamp"], data["nonce_str"], package)
    assert message == data["jsapi"]["string_to_sign"].encode()
    assert signatures.genuine(key, message, data["jsapi"]["expected"])
    assert not signatures.genuine(key, message, data["app"]["expected"])


def test_answers_and_notifications() -> None:
    data = vector("payv3_response_signature_pubkey")
    named = {name.lower(): value for name, value in data["headers"].items()}
    message = signatures.answer_message(
        named["wechatpay-timestamp"], named["wechatpay-nonce"], data["body"].encode()
    )
    assert message == data["string_to_verify"].encode()
    assert signatures.genuine(public(data["wechatpay_public_key_pem"]), message, named["wechatpay-signature"])

    data = vector("payv3_notification_go")
    named = data["headers"]
    message = signatures.answer_message(
        named["Wechatpay-Timestamp"], named["Wechatpay-Nonce"], data["raw_body"].encode()
    )
    assert signatures.genuine(public(data["platform_certificate_pem"]), message, named["Wechatpay-Signature"])
    resource = json.loads(data["raw_body"])["resource"]
    assert signatures.unseal(data["apiv3_key"], resource) == data["expected_resource_plaintext"].encode()


def test_raw_signatures_right_and_wrong() -> None:
    cases = vector("payv3_rsa_verify")["cases"]
    assert {case["expect"] for case in cases} == {True, False}
    for case in cases:
        key = public(case.get("certificate_pem") or case["public_key_pem"])
        assert signatures.genuine(key, case["message"].encode(), case["signature"]) is case["expect"]


def test_the_resource_cipher() -> None:
    data = vector("payv3_aes_gcm")
    for case in data["cases"]:
        sealed = {"ciphertext": case["ciphertext"], "nonce": case["nonce"], "associated_data": case["aad"]}
        assert signatures.unseal(case["key"], sealed) == case["plaintext"].encode()
        made = signatures.seal(case["key"], case["plaintext"].encode(), case["aad"], case["nonce"])
        assert made == {"algorithm": "AEAD_AES_256_GCM", **sealed}
    for wrong in data["negative"]:
        case = {**data["cases"][wrong["base_case"]], **wrong["change"]}
        sealed = {"ciphertext": case["ciphertext"], "nonce": case["nonce"], "associated_data": case["aad"]}
        with pytest.raises(InvalidTag):
            signatures.unseal(case["key"], sealed)
    empty = signatures.seal("k" * 32, b"text", "", "nonce-of-12b")
    assert signatures.unseal("k" * 32, empty) == b"text"


def test_certificates() -> None:
    for case in vector("payv3_certificates_response")["cases"]:
        for one in case["response"]["data"]:
            pem = signatures.unseal(case["apiv3_key"], one["encrypt_certificate"]).decode()
            assert sandbox_account.serial_of(pem) == one["serial_no"].upper()
    first, second, key = vector("payv3_test_certificates")["certificates"]
    for one in (first, second):
        assert sandbox_account.serial_of(one["pem"]) == one["serial"]
    assert public(key["public_key_pem"]) == public(first["pem"]) != public(second["pem"])


def test_the_bill() -> None:
    data = vector("payv3_tradebill_csv")
    raw = data["csv"].encode("utf-8-sig")
    assert hashlib.sha1(raw).hexdigest() == data["sha1_of_file"]
    lines = data["csv"].split("\r\n")
    assert (bills.COLUMNS["ALL"], bills.SUMMARIES["ALL"]) == (lines[0], lines[-3])
    assert all(cell.startswith("`") for cell in bills.line(["1", "a,b"]).split(","))


def test_a_probe_looks_like_a_signature_and_is_none() -> None:
    said = signatures.probe_signature()
    assert said.startswith("WECHATPAY/SIGNTEST/") and len(base64.b64decode(said, validate=True)) == 256
    key = public(vector("payv3_paysign")["public_key_pem"])
    assert not signatures.genuine(key, b"anything", said)
