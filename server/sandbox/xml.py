"""WeChat's XML: what goes out, and a reader that refuses declarations of types and entities."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any


class NotXml(Exception):
    """Not the XML that WeChat would take."""


def build(fields: dict[str, Any], tag: str = "xml") -> str:
    """Strings in CDATA, numbers bare, a list as the same element again."""
    return f"<{tag}>{''.join(_element(name, value) for name, value in fields.items())}</{tag}>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    if isinstance(value, dict):
        return build(value, name)
    if isinstance(value, str):
        safe = value.replace("]]>", "]]]]><![CDATA[>")
        return f"<{name}><![CDATA[{safe}]]></{name}>"
    return f"<{name}>{value}</{name}>"


def read(text: str) -> dict[str, Any]:
    """The children of the root by name; nested ones as dicts, repeated ones as lists.

    Raises:
        NotXml: no XML, blanks or a BOM before it, a DOCTYPE, or a root that is not `xml`.
    """
    if not text.startswith("<"):
        raise NotXml("回答应以 < 开头：前面不能有空白、BOM 或其他字符")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise NotXml("不接受 DOCTYPE 和实体")
    try:
        root = ET.fromstring(text)  # noqa: S314 -- no declarations, see above
    except ET.ParseError as error:
        raise NotXml(f"XML 不完整（{error}）") from error
    if root.tag != "xml":
        raise NotXml("根元素应为 <xml>")
    return _fields(root)


def _fields(element: ET.Element) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for child in element:
        value: Any = _fields(child) if len(child) else (child.text or "")
        if child.tag in fields:
            before = fields[child.tag]
            fields[child.tag] = [*(before if isinstance(before, list) else [before]), value]
        else:
            fields[child.tag] = value
    return fields
