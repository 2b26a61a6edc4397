"""The platform's certificates: sealed, rotated ahead of use, absent for a new merchant (wechat.md §7.2)."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

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
