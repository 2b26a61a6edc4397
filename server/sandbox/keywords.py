"""What a keyword of a template may hold, by the type its name begins with (wechat.md §4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable

from server.sandbox.config import Template
from server.sandbox.platform import Platform
from server.sandbox.refusals import WeChatError

_TIME = r"([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?"
_MONTH, _DAY = r"(0?[1-9]|1[0-2])", r"(0?[1-9]|[12][0-9]|3[01])"
_DATE = rf"[0-9]{{4}}(年{_MONTH}月{_DAY}日|-{_MONTH}-{_DAY}|/{_MONTH}/{_DAY}|\.{_MONTH}\.{_DAY}|年{_MONTH}月)"
_HAN = r"[㐀-䶿一-鿿豈-﫿𠀀-𲎯·]"


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _span(pattern: str) -> Callable[[str], bool]:
    """One moment, or two with ~ between."""
    return _matches(rf"{pattern}(\s*~\s*{pattern})?")


def _is_name(value: str) -> bool:
    """Letters and marks, no digits; with anything but plain letters among them it counts as a Chinese name."""
    is_short = len(value) <= (20 if value.isascii() else 10)
    return is_short and value.isprintable() and not any(character.isdigit() for character in value)


RULES: dict[str, Callable[[str], bool]] = {
    "thing": lambda value: len(value) <= 20 and value.isprintable(),
    "number": _matches(r"[0-9]{1,32}|(?=.{3,33}$)[0-9]+\.[0-9]+"),
    "letter": _matches(r"[A-Za-z]{1,32}"),
    "symbol": _matches(r"[^\w\s]{1,5}"),
    "character_string": _matches(r"[\x21-\x7e][\x20-\x7e]{0,31}"),
    "time": _span(rf"({_DATE}\s*)?{_TIME}"),
    "date": _span(rf"{_DATE}(\s*{_TIME})?"),
    "amount": _matches(r"[¥￥$€£]?[0-9]{1,10}(\.[0-9]+)?元?"),
    "phone_number": _matches(r"(?=.*[0-9])[0-9+\-() ]{1,17}"),
    "car_number": _matches(rf"({_HAN}|[A-Z0-9])[A-Z0-9]{{0,6}}({_HAN}|[A-Z0-9])"),
    "name": _is_name,
    "phrase": _matches(rf"{_HAN}{{1,5}}"),
    "enum": lambda value: len(value) <= 20,
    "enum_string": lambda value: len(value) <= 20,
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
    "enum_string": "选项",
    "const": "类型",
    "short_thing": "简述",
}

EXAMPLES = {
    "thing": "年度申报",
    "number": "12",
    "letter": "A",
    "symbol": "*",
    "character_string": "A20261123001",
    "time": "2026年11月23日 10:00",
    "date": "2026年11月23日",
    "amount": "￥20.00",
    "phone_number": "199-0000-0001",
    "car_number": "粤A8Z888",
    "name": "林知夏",
    "phrase": "已通过",
    "short_thing": "提醒",
}


def _label(template: Template, name: str) -> str:
    """The template's own label of a keyword, else one by its type."""
    labels = dict(zip(template.fields, template.labels, strict=False))
    return labels.get(name) or LABELS.get(kind_of(name) or "", name)


def rows(values: dict[str, str], template: Template) -> list[list[str]]:
    """Label and value, as the person reads them."""
    return [[_label(template, name), value] for name, value in values.items()]


def learn(platform: Platform, template: Template, values: dict[str, str]) -> None:
    """Remember the keywords that a template without registered fields was sent with, for its listing."""
    if not template.fields:
        platform.store.put("template.seen", f"{template.account} {template.id}", {"fields": list(values)})


def names(platform: Platform, template: Template) -> tuple[str, ...]:
    """The keywords to show: the registered ones, else those of the last message, else one thing."""
    last = platform.store.get("template.seen", f"{template.account} {template.id}")
    return template.fields or tuple((last or {}).get("fields", ())) or ("thing1",)


def content(platform: Platform, template: Template) -> str:
    """The template's text as the console and the API show it: a label and a keyword a line."""
    return "".join(f"{_label(template, n)}：{{{{{n}.DATA}}}}\n" for n in names(platform, template))


def example(platform: Platform, template: Template) -> str:
    """The same text with values in it."""
    lines = []
    for name in names(platform, template):
        values = template.enums.get(name, ())
        value = values[0] if values else EXAMPLES.get(kind_of(name) or "", "内容")
        lines.append(f"{_label(template, name)}：{value}\n")
    return "".join(lines)


def kind_of(name: str) -> str | None:
    """`thing1` is a thing; None for the free names of old industry templates (first, keyword1 …)."""
    kind = name.rstrip("0123456789")
    return kind if kind in RULES and kind != name else None


def check(data: object, template: Template, *, strict: bool) -> dict[str, str]:
    """All values, in the order of the template; of one without registered fields, judged by the names given.

    Args:
        strict: refuse names that are of no known type (subscription messages).

    Raises:
        WeChatError: 47003 with the name of the field.
    """
    if not isinstance(data, dict) or not data:
        raise WeChatError(47001, verdict="data 应为对象，且不能为空")
    return {
        name: _value(name, data.get(name), template.enums.get(name), strict=strict)
        for name in template.fields or tuple(data)
    }


def refuse_words(platform: Platform, values: dict[str, str]) -> None:
    """Words that the platform does not let through.

    Raises:
        WeChatError: 45168.
    """
    for name, value in values.items():
        if any(word in value for word in platform.switchboard.now.refused_words):
            raise WeChatError(45168, verdict=f"{name} 含有不允许的词（开关）")


def _value(name: str, item: object, choices: tuple[str, ...] | None, *, strict: bool) -> str:
    """One value as text."""
    value = item.get("value") if isinstance(item, dict) else None
    if not isinstance(value, (str, int, float)) or isinstance(value, bool) or str(value).strip() == "":
        raise WeChatError(47003, f"data.{name}.value is empty", verdict=f"{name} 缺少或为空")
    text, kind = str(value), kind_of(name)
    if kind is None and strict:
        raise WeChatError(47003, f"data.{name} invalid", verdict=f"{name} 不是关键词的类型")
    if kind is not None and ("\n" in text or "\r" in text or not RULES[kind](text)):
        raise WeChatError(47003, f"data.{name}.value invalid", verdict=f"{name} 的值不合 {kind} 的规定")
    if choices is not None and text not in choices:
        raise WeChatError(47003, f"data.{name}.value invalid", verdict=f"{name} 只能取 {'、'.join(choices)}")
    return text
