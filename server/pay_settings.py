"""The settings of WeChat Pay: all of them or none, and each of a form that can be right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

NEEDED = {
    "pay_mchid": "WECHAT_PAY_MCHID",
    "pay_mch_serial": "WECHAT_PAY_MCH_SERIAL",
    "pay_mch_key": "WECHAT_PAY_MCH_KEY",
    "pay_apiv3_key": "WECHAT_PAY_APIV3_KEY",
}
PUBLIC = {
    "pay_public_key_id": "WECHAT_PAY_PUBLIC_KEY_ID",
    "pay_public_key": "WECHAT_PAY_PUBLIC_KEY",
    "pay_certificates": "WECHAT_PAY_CERTIFICATES",
}
PREVIOUS = {"pay_previous_apiv3_key": "WECHAT_PAY_PREVIOUS_APIV3_KEY"}  # for a day, never needed
_MCHID, _SERIAL = re.compile(r"[0-9]{8,10}"), re.compile(r"[0-9A-Fa-f]{16,40}")
_LEAST_BITS = 2048


def problems(values: Mapping[str, Any]) -> list[str]:
    """One line for each thing that is missing or cannot be right; none when nothing of WeChat Pay is configured."""
    filled = [field for field in NEEDED | PUBLIC if values.get(field)]
    if not filled:
        return []
    lines = [
        f"缺少 {env}：微信支付的设置要么全部填写，要么都不填"
        for field, env in NEEDED.items()
        if field not in filled
    ]
    if not PUBLIC.keys() & set(filled):
        lines.append(
            "缺少 WECHAT_PAY_PUBLIC_KEY_ID 和 WECHAT_PAY_PUBLIC_KEY：请在商户平台“API 安全”下载微信支付公钥"
            "（仍用平台证书的商户填 WECHAT_PAY_CERTIFICATES）"
        )
    for field, other in (("pay_public_key_id", "pay_public_key"), ("pay_public_key", "pay_public_key_id")):
        if field in filled and other not in filled:
            lines.append(f"缺少 {PUBLIC[other]}：它与 {PUBLIC[field]} 要一起填写")
    filled += [field for field in PREVIOUS if values.get(field)]
    return lines + [line for field in filled for line in _wrong(field, str(values[field]))]


def _wrong(field: str, value: str) -> list[str]:
    """What is wrong with one value; never shows it."""
    match field:
        case "pay_mchid":
            right, hint = bool(_MCHID.fullmatch(value)), "应为 8 至 10 位数字的商户号"
        case "pay_mch_serial":
            right = bool(_SERIAL.fullmatch(value))
            hint = "应为商户 API 证书的序列号（40 位十六进制，不带冒号和空格）"
        case "pay_apiv3_key" | "pay_previous_apiv3_key":
            right = len(value) == 32 and value.isascii() and value.isprintable()
            hint = "应为 32 个英文字母、数字"
        case "pay_public_key_id":
            right, hint = value.startswith("PUB_KEY_ID_"), "应以 PUB_KEY_ID_ 开头"
        case "pay_mch_key":
            right = _reads_private(value)
            hint = "不是可读的 RSA 私钥（PEM，即 apiclient_key.pem 的全文，不带密码）"
        case "pay_public_key":
            right, hint = _reads_public(value), "不是可读的 RSA 公钥（PEM，即 pub_key.pem 的全文）"
        case _:
            right, hint = _reads_certificates(value), "不是可读的平台证书（PEM，可多份相连）"
    return [] if right else [f"{(NEEDED | PUBLIC | PREVIOUS)[field]} {hint}"]


def _reads_private(pem: str) -> bool:
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        return False
    return isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_BITS


def _reads_public(pem: str) -> bool:
    try:
        return isinstance(load_pem_public_key(pem.encode()), RSAPublicKey)
    except ValueError:
        return False


def _reads_certificates(pem: str) -> bool:
    try:
        return all(
            isinstance(one.public_key(), RSAPublicKey)
            for one in x509.load_pem_x509_certificates(pem.encode())
        )
    except ValueError:
        return False
