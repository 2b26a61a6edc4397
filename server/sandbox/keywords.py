"""What a keyword of a template may hold, by the type its name begins with (wechat.md §4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable

from server.sandbox.config import Template
from server.sandbox.refusals import WeChatError

_TIME = r"\d{1,2}:\d{2}(:\d{2})?"
_DATE = r"\d{4}(年\d{1,2}月\d{1,2}日|-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2}|年\d{1,2}月)"
_HAN = r"[㐀-䶿一-鿿豈-﫿𠀀-𲎯·]"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _span(pattern: str) -> Callable[[str], bool]:
    """One moment, or two with ~ between."""
    return _matches(rf"{pattern}(\s*~\s*{pattern})?")


def _is_name(value: str) -> bool:
    return len(value) <= (10 if re.search(_HAN, value) else 20)


RULES: dict[str, Callable[[str], bool]] = {
    "thing": lambda value: len(value) <= 20,
    "number": _matches(r"[+-]?\d{1,32}|(?=.{1,33}$)[+-]?\d+\.\d+"),
    "letter": _matches(r"[A-Za-z]{1,32}"),
    "symbol": _matches(r"[^\w\s]{1,5}"),
    "character_string": _matches(r"[\x21-\x7e][\x20-\x7e]{0,31}"),
    "time": _span(rf"({_DATE}\s*)?{_TIME}"),
    "date": _span(rf"{_DATE}(\s*{_TIME})?"),
    "amount": _matches(r"[¥￥$€£]?\d{1,10}(\.\d+)?元?"),
    "phone_number": _matches(r"[\d+\-() ]{1,17}"),
    "car_number": _matches(rf"({_HAN}|[A-Z0-9])[A-Z0-9]{{0,6}}({_HAN}|[A-Z0-9])"),
    "name": _is_name,
    "phrase": _matches(rf"{_HAN}{{1,5}}"),
    "enum": lambda value: len(value) <= 20,
    "const": lambda value: len(value) <= 20,
    "short_thing": lambda value: len(value) <= 5,
}


LABELS = {
    "thing": "事项",
    "number": "数量",
    "letter": "字母",
    "symbol": "符号",
    "character_string": "编号",
    "time": "时间",
    "date": "日期",
    "amount": "金额",
    "phone_number": "电话",
    "car_number": "车牌号",
    "name": "姓名",
    "phrase": "状态",
    "enum": "选项",
    "const": "类型",
    "short_thing": "简述",
}


def shown(found: dict[str, str], template: Template) -> list[list[str]]:
    """Label and value, as the person reads them; a label by the type where the template tells none."""
    labels = dict(zip(template.fields, template.labels, strict=False))
    return [
        [labels.get(name) or LABELS.get(kind_of(name) or "", name), value] for name, value in found.items()
    ]


def content(template: Template) -> str:
    """The template's text as the console and the API show it: a label and a keyword a line."""
    return "".join(f"{label}：{{{{{name}.DATA}}}}\n" for label, name in _labelled(template))


def _labelled(template: Template) -> list[list[str]]:
    return shown({name: name for name in template.fields}, template)


def kind_of(name: str) -> str | None:
    """`thing1` is a thing; None for the free names of old industry templates (first, keyword1 …)."""
    kind = name.rstrip("0123456789")
    return kind if kind in RULES and kind != name else None


def check(data: object, fields: tuple[str, ...], *, strict: bool) -> dict[str, str]:
    """All values, in the order of the template.

    Args:
        fields: the template's own keywords; empty if it is judged by the names given.
        strict: refuse names that are of no known type (subscription messages).

    Raises:
        WeChatError: 47003 with the name of the field.
    """
    if not isinstance(data, dict) or not data:
        raise WeChatError(47001, verdict="data 应为对象，且不能为空")
    found: dict[str, str] = {}
    for name in fields or tuple(data):
        item = data.get(name)
        value = item.get("value") if isinstance(item, dict) else None
        if not isinstance(value, (str, int, float)) or isinstance(value, bool) or str(value).strip() == "":
            raise WeChatError(47003, f"data.{name}.value is empty", verdict=f"{name} 缺少或为空")
        text, kind = str(value), kind_of(name)
        if kind is None and strict:
            raise WeChatError(47003, f"data.{name} invalid", verdict=f"{name} 不是关键词的类型")
        if kind is not None and ("\n" in text or "\r" in text or not RULES[kind](text)):
            raise WeChatError(47003, f"data.{name}.value invalid", verdict=f"{name} 的值不合 {kind} 的规定")
        found[name] = text
    return found
