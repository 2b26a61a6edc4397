"""The platform's certificates: sealed, rotated ahead of use, absent for a new merchant (wechat.md §7.2)."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from server import settings
from server.sandbox.clock import Clock
from server.sandbox.pay import signatures
from server.sandbox.pay.key_pairs import Keyring
from server.sandbox.store import Store
from tests.kit.sandbox_config import from_settings
from tests.sandbox.pay.conftest import APIV3_KEY, Pay


async def listed(pay: Pay) -> dict[str, Any]:
    """Serial and certificate, opened with the APIv3 key."""
    answer = await pay.send("GET", "/v3/certificates", serial="")
    found = {}
    for one in answer.json["data"]:
        sealed = one["encrypt_certificate"]
        assert (sealed["algorithm"], sealed["associated_data"]) == ("AEAD_AES_256_GCM", "certificate")
        pem = AESGCM(APIV3_KEY.encode()).decrypt(
            sealed["nonce"].encode(), base64.b64decode(sealed["ciphertext"]), b"certificate"
        )
        certificate = x509.load_pem_x509_certificate(pem)
        assert f"{certificate.serial_number:040X}" == one["serial_no"]
        assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 5 * 365
        found[one["serial_no"]] = (one["effective_time"], one["expire_time"])
    return found


async def test_a_new_certificate_is_listed_before_it_is_used(pay: Pay) -> None:
    own = pay.account.platform_serial
    assert await listed(pay) == {own: ("2026-01-01T08:00:00+08:00", "2030-12-31T08:00:00+08:00")}
    new = (await pay.control("certificates", {"lead": 3600}))["serial"]
    assert (await listed(pay)).keys() == {own, new}

    async def used() -> str:
        answer = await pay.send("GET", "/v3/certificates", serial="")
        return str(answer.headers["Wechatpay-Serial"])

    assert await used() == own
    pay.platform.clock.forward(3600)
    assert await used() == new
    items = (await pay.control("certificates"))["items"]
    assert [(one["serial"], one["used"]) for one in items] == [(own, False), (new, True)]
    pay.platform.clock.forward(1600 * 86400)  # the old one is over after five years
    assert (await listed(pay)).keys() == {new}


async def test_a_new_merchant_has_no_certificates(pay: Pay) -> None:
    pay.desk.switchboard.turn({"new_merchant": True})
    answer = await pay.send("GET", "/v3/certificates", serial="")
    assert (answer.status, answer.code) == (404, "RESOURCE_NOT_EXISTS")
    assert answer.json["message"].startswith("无可用的平台证书")
    assert pay.signed(answer) == pay.desk.keys.public_key_id


def test_the_service_and_the_sandbox_have_matching_keys_by_default(tmp_path: Path) -> None:
    """What the settings give the service, the sandbox holds the other half of; another merchant's it does not have."""
    chosen = settings.load({"XCERT_DATA_DIR": str(tmp_path)}, env_file=None)
    merchant = from_settings(chosen).merchant
    assert merchant is not None
    clock = Clock(Store(None))
    keys = Keyring(merchant, Store(None), clock)
    assert (keys.merchant_serial, keys.public_key_id) == (chosen.pay_mch_serial, chosen.pay_public_key_id)
    own = load_pem_private_key(chosen.pay_mch_key.encode(), None)
    assert own.public_key() == keys.merchant_key
    pem = {keys.public_key_id: chosen.pay_public_key, keys.used().serial: chosen.pay_certificates}
    for serial, given in pem.items():
        key = (
            x509.load_pem_x509_certificate(given.encode()).public_key()
            if "CERTIFICATE" in given
            else load_pem_public_key(given.encode())
        )
        assert isinstance(key, RSAPublicKey)
        assert signatures.genuine(key, b"said", keys.sign(serial, b"said"))
    assert merchant.apiv3_key == chosen.pay_apiv3_key
    assert chosen.pay_url == chosen.api_url
    assert from_settings(replace(chosen, pay_mchid="1900000009")).merchant is None
    assert from_settings(replace(chosen, pay_mchid="")).merchant is None
