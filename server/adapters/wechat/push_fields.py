"""The text of a push, made readable and parsed into fields: the step after its signature has been proven.

Neither document types nor deep nesting get as far as a tree, and no field keeps what no database takes.
"""

from __future__ import annotations

import json
import re
from typing import Any
from xml.parsers import expat

from wechatpy import parse_message

from server.errors import Refused

DEEPEST = 8  # levels of elements
# What is outside Char of XML 1.0 §2.2: controls, halves of characters, and the two that are none.
_UNREADABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_OPENID = re.compile(r"[!-~]{1,64}")  # nothing that a database or a URL would stumble over


def readable(message: bytes) -> str:
    """The text of a genuine message, without what no XML and no database takes.

    WeChat hands on what people paste and codes hold: control characters raw inside CDATA, half an emoji as broken
    UTF-8. None of it is a reason to leave a person without an answer.
    """
    return _UNREADABLE.sub("", message.decode("utf-8", "replace"))


def _guard(text: str) -> None:
    """Refuse document types (and with them every entity) and deep nesting before anything builds a tree."""
    depth = 0

    def start(_name: str, _attributes: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:
            raise ValueError("depth")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: Any) -> None:
        raise ValueError("doctype")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = doctype
    parser.Parse(text, True)


def _guard_json(value: Any) -> None:
    """Refuse deep nesting."""
    level = [value]
    for _ in range(DEEPEST + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner += [*item.keys(), *item.values()]
            elif isinstance(item, list):
                inner += item
        level = inner
    if level:
        raise ValueError("depth")


def _cleaned(value: Any) -> Any:
    """The same without the characters that JSON can spell by escapes; its nesting was guarded before."""
    if isinstance(value, str):
        return _UNREADABLE.sub("", value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {_cleaned(name): _cleaned(item) for name, item in value.items()}
    return value


def fields_of(text: str) -> dict[str, Any]:
    """The fields of a push in XML (official account) or JSON (a mini-program may choose it)."""
    try:
        if text.lstrip()[:1] == "{":
            fields = json.loads(text, strict=False)
            _guard_json(fields)
            fields = _cleaned(fields)
        else:
            _guard(text)
            message = parse_message(text)
            fields = dict(message._data) if message is not None else {}
    except (expat.ExpatError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused("push_malformed", "推送内容无法解析。") from None
    if isinstance(fields, dict) and fields.get("MsgType") and fields.get("FromUserName", "") in ("", None):
        raise Refused("push_no_sender", "推送没有写明发送者，无法回答任何人。")
    if not isinstance(fields, dict) or not all(
        isinstance(fields.get(name), str) and fields[name] for name in ("FromUserName", "MsgType")
    ):
        raise Refused("push_malformed", "推送内容缺少必要字段。")
    if not _OPENID.fullmatch(fields["FromUserName"]):
        raise Refused("push_malformed", "推送内容的发送者无法识别。")
    return fields
