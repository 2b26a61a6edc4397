"""Reading the fields of a request as strictly as WeChat Pay does (wechat.md §7.4).

Lengths count bytes: the refusals of the real platform speak of 字节数.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from server.sandbox.pay.refusals import PayError, wrong_field

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def body_of(raw: bytes) -> dict[str, Any]:
    """The JSON object of a request.

    Raises:
        PayError: PARAM_ERROR when it is not UTF-8, not JSON, no object, or has a character of four bytes.
    """
    try:
        body = json.loads(raw.decode())
    except UnicodeDecodeError:
        raise PayError("PARAM_ERROR", "请求体应为UTF-8编码") from None
    except ValueError:
        raise PayError("PARAM_ERROR", "无法解析请求体，应为合法的JSON") from None
    if not isinstance(body, dict):
        raise PayError("PARAM_ERROR", "请求体应为JSON对象")
    if (character := _long_character(body)) is not None:
        raise PayError("PARAM_ERROR", f"只支持一至三字节的UTF-8字符，请求里有“{character}”")
    return body


def _long_character(value: Any) -> str | None:
    """The first character that takes four bytes in UTF-8: emoji, rare Chinese characters."""
    if isinstance(value, dict):
        return _long_character([*value.keys(), *value.values()])
    if isinstance(value, list):
        return next((c for one in value if (c := _long_character(one)) is not None), None)
    if isinstance(value, str):
        return next((c for c in value if ord(c) > 0xFFFF), None)
    return None


def _name(pointer: str) -> str:
    return f"输入源“/body{pointer}”"


def value_at(body: dict[str, Any], pointer: str) -> Any:
    """The value at a JSON pointer; None when it is not there.

    Raises:
        PayError: what should hold it is no object.
    """
    value: Any = body
    for part in pointer.strip("/").split("/"):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise wrong_field(pointer, value, f"无法将 JSON {_name(pointer)}映射到目标字段中，上级应为对象")
        value = value.get(part)
    return value


def required(pointer: str, label: str) -> PayError:
    """The refusal of a request that lacks a field."""
    return wrong_field(
        pointer, None, f"{_name(pointer)}映射到字段“{label}”必填性规则校验失败，此字段为必填项"
    )


def text(
    body: dict[str, Any], pointer: str, label: str, most: int, *, least: int = 1, pattern: str = ""
) -> str:
    """A string that must be there.

    Args:
        most, least: length in bytes of UTF-8.
        pattern: a regular expression for the whole of it.
    """
    value = value_at(body, pointer)
    if value is None or value == "":
        raise required(pointer, label)
    if not isinstance(value, str):
        raise wrong_field(
            pointer,
            value,
            f"无法将 JSON {_name(pointer)}映射到目标字段“{label}”中，此字段需要一个合法的字符串",
        )
    size = len(value.encode())
    rule = f"{_name(pointer)}映射到值字段“{label}”字符串规则校验失败，"
    if size < least:
        raise wrong_field(pointer, value, f"{rule}字节数 {size}，小于最小值 {least}")
    if size > most:
        raise wrong_field(pointer, value, f"{rule}字节数 {size}，大于最大值 {most}")
    if pattern and not re.fullmatch(pattern, value):
        raise wrong_field(pointer, value, f"{rule}字符串必须匹配正则表达式“{pattern}”")
    return value


def optional_text(body: dict[str, Any], pointer: str, label: str, most: int) -> str:
    """A string that may be left out; then empty."""
    return "" if value_at(body, pointer) in (None, "") else text(body, pointer, label, most)


def fen(body: dict[str, Any], pointer: str, label: str) -> int:
    """An amount: a JSON integer of at least one fen; no string, no fraction, not even 1.0."""
    value = value_at(body, pointer)
    if value is None:
        raise required(pointer, label)
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
        raise wrong_field(
            pointer,
            value,
            f"无法将 JSON {_name(pointer)}映射到目标字段“{label}”中，此字段需要一个合法的 64 位有符号整数",
        )
    if value < 1:
        raise wrong_field(
            pointer, value, f"{_name(pointer)}映射到数值字段“{label}”规则校验失败，值 {value}，小于最小值 1"
        )
    return value


def currency(body: dict[str, Any], pointer: str, *, needed: bool) -> None:
    """CNY, or nothing where it may be left out."""
    value = value_at(body, pointer)
    if value is None and needed:
        raise required(pointer, "货币类型")
    if value not in (None, "CNY"):
        raise wrong_field(pointer, value, f"{_name(pointer)}映射到值字段“货币类型”枚举校验失败，只支持 CNY")


def moment(body: dict[str, Any], pointer: str, label: str) -> float | None:
    """An RFC 3339 time with its offset, as unix seconds; None if left out."""
    value = optional_text(body, pointer, label, 64)
    if not value:
        return None
    if RFC3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        except ValueError:
            pass
    raise wrong_field(pointer, value, f"{_name(pointer)}映射到值字段“{label}”规则校验失败，应为RFC3339格式")


def notify_url(body: dict[str, Any], *, needed: bool) -> str:
    """Where to notify: https without a query, at most 255 characters.

    Plain http is for the sandbox alone, and only on this machine; the real platform wants https (§7.3).
    """
    label, pointer = "通知地址", "/notify_url"
    if not needed and value_at(body, pointer) in (None, ""):
        return ""
    value = text(body, pointer, label, 255)
    parts = urlsplit(value)
    rule = f"{_name(pointer)}映射到值字段“{label}”字符串规则校验失败，"
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise wrong_field(pointer, value, f"{rule}应以 https:// 开头")
    if not parts.hostname:
        raise wrong_field(pointer, value, f"{rule}应为完整的网址")
    if parts.query or parts.fragment or "?" in value:
        raise wrong_field(pointer, value, f"{rule}不能携带参数")
    return value
