"""What the values of settings must be like, whatever they are for; each topic's own rules stand in its module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from server import files_place, operators, pay_settings, production_settings, public_address, store_urls

_PAIR = r"[a-z_]+\s*=\s*[a-z_]+[0-9]+"
TEMPLATE_KEYWORDS = re.compile(
    rf"(WECHAT_(?:OA|MP)_(?:TEMPLATE|SUBSCRIBE)_[A-Z_]+)\s*[:：]\s*({_PAIR}(?:\s*[,，]\s*{_PAIR})*)"
)

WITNESS = re.compile(r"[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\s+https?://\S+")  # of the public log
SUBSCRIPTION = re.compile(r"WECHAT_(?:OA_SUBSCRIBE|MP_TEMPLATE)_[A-Z_]+")


def problems(values: Mapping[str, Any], *, production: bool) -> list[str]:
    """One line for each setting that is there but cannot be right.

    Args:
        values: by the name of their field in `Settings`.
    """
    lines = []
    for mode in ("oa_mode", "mp_mode"):
        if values.get(mode) not in (None, "safe", "compat", "plain"):
            lines.append(f"WECHAT_{mode.upper()} 只能是 safe、compat 或 plain")
    if values.get("second_factor") not in (None, "", "required", "optional"):
        lines.append("XCERT_SECOND_FACTOR 只能是 required 或 optional")
    if production and values.get("second_factor") == "optional":
        lines.append("XCERT_SECOND_FACTOR 在生产环境不能是 optional")
    if values.get("binding_phone") not in (None, "", "required", "optional"):
        lines.append("XCERT_BINDING_PHONE 只能是 required 或 optional")
    if values.get("two_people") not in (None, "", "on", "off"):
        lines.append("XCERT_TWO_PERSON_ISSUING 只能是 on 或 off")
    for key in ("oa_aes_key", "mp_aes_key", "oa_previous_aes_key", "mp_previous_aes_key"):
        if values.get(key) and (len(values[key]) != 43 or not values[key].isalnum()):
            lines.append(f"WECHAT_{key.upper()} 应为 43 位字母和数字")
    for entry in filter(str.strip, re.split("[;；]", str(values.get("template_keywords", "")))):
        if not TEMPLATE_KEYWORDS.fullmatch(entry.strip()):
            lines.append(f"WECHAT_TEMPLATE_KEYWORDS 的“{entry.strip()[:60]}”写法不对")
    for name in filter(str.strip, re.split("[,，]", str(values.get("long_term_templates", "")))):
        if not SUBSCRIPTION.fullmatch(name.strip()):
            lines.append(f"WECHAT_LONG_TERM_TEMPLATES 的“{name.strip()[:60]}”不是订阅消息模板的设置名")
    lines += _log_problems(values) + public_address.problems(
        str(values.get("public_url", "")), production=production
    )
    lines += _time_stamp_problems(values)
    collector = urlsplit(str(values.get("otlp_url") or ""))
    if collector.geturl() and (collector.scheme not in ("http", "https") or not collector.hostname):
        lines.append("XCERT_OTLP_URL 应为 http:// 或 https:// 开头的网址")
    if production:
        lines += production_settings.problems(values)
    lines += _too_small(values)
    for name, value in (("PORT", values.get("port", 0)), ("SANDBOX_PORT", values.get("sandbox_port", 0))):
        if value > 65535:
            lines.append(f"{name} 应为 65535 或更小")
    lines += files_place.problems(values, production=production)
    return lines + store_urls.problems(values) + operators.problems(values) + pay_settings.problems(values)


def _too_small(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{name} 应为 {least} 或更大"
        for name, least, value in (
            ("PORT", 0, values.get("port", 0)),
            ("SANDBOX_PORT", 0, values.get("sandbox_port", 0)),
            ("XCERT_DATABASE_POOL", 2, values.get("database_pool", 2)),
            ("XCERT_JOB_DATABASE_POOL", 4, values.get("job_database_pool", 4)),
            ("XCERT_STATEMENT_SECONDS", 0, values.get("statement_seconds", 0)),
            ("XCERT_JOB_STATEMENT_SECONDS", 0, values.get("job_statement_seconds", 0)),
            ("XCERT_LOCK_SECONDS", 0, values.get("lock_seconds", 0)),
            ("XCERT_START_SECONDS", 0, values.get("start_seconds", 0)),
            *(
                (f"XCERT_{name.upper()}", 1, days)
                for name, days in values.items()
                if name.startswith("keep_")
            ),
        )
        if value < least
    ]


def _time_stamp_problems(values: Mapping[str, Any]) -> list[str]:
    lines = []
    url, pem = str(values.get("tsa_url") or ""), str(values.get("tsa_certificates") or "")
    if url and (urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname):
        lines.append("XCERT_TSA_URL 应为 http:// 或 https:// 开头的网址")
    try:
        if pem:
            x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        lines.append("XCERT_TSA_CERTIFICATES 不是可读的证书（PEM，可多份相连）")
    return lines


def _log_problems(values: Mapping[str, Any]) -> list[str]:
    """Of the public log."""
    lines = [
        f"XCERT_LOG_WITNESSES 的“{entry.strip()[:60]}”应写成“公钥行 网址”"
        for entry in filter(str.strip, re.split("[;\n]", str(values.get("log_witnesses", ""))))
        if not WITNESS.fullmatch(entry.strip())
    ]
    origin = str(values.get("log_origin", ""))
    if origin and (len(origin) > 200 or "+" in origin or any(one.isspace() for one in origin)):
        lines.append("XCERT_LOG_ORIGIN 不能有空格和加号，最多 200 个字符")
    return lines
