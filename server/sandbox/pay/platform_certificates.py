"""GET /v3/certificates: the platform's certificates, sealed with the APIv3 key (wechat.md §7.2)."""

from __future__ import annotations

from typing import Any

from server.sandbox.pay import signatures
from server.sandbox.pay.gate import Answer, PayCall
from server.sandbox.pay.key_pairs import PlatformCertificate
from server.sandbox.pay.refusals import PayError

NONE = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。可查看指引https://pay.weixin.qq.com/docs/merchant/products/platform-certificate/wxp-pub-key-guide.html"


def certificates(call: PayCall) -> Answer:
    """All that live, new ones before they are used.

    Raises:
        PayError: RESOURCE_NOT_EXISTS for a merchant that has the public key alone.
    """
    if call.desk.switchboard.now.new_merchant:
        raise PayError("RESOURCE_NOT_EXISTS", NONE)
    return {"data": [_sealed(call, one) for one in call.desk.keys.certificates()]}


def _sealed(call: PayCall, one: PlatformCertificate) -> dict[str, Any]:
    begins, ends = one.x509.not_valid_before_utc, one.x509.not_valid_after_utc
    return {
        "serial_no": one.serial,
        "effective_time": call.desk.rfc3339(begins.timestamp()),
        "expire_time": call.desk.rfc3339(ends.timestamp()),
        "encrypt_certificate": signatures.seal(call.desk.merchant.apiv3_key, one.pem.encode(), "certificate"),
    }
