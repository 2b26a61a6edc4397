"""What a keyword of a message template may hold, judged before WeChat does (47003). Pure: the standard library alone.

A keyword's type is its name without the number: `thing1` is a thing. The table is wechat.md §4.5, "DOC
《订阅消息参数值内容限制说明》"; where it leaves room, this judge is the stricter one. Lengths count Unicode characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

NOTHING = "无"
_TYPE = re.compile(r"([a-z_]+?)_?[0-9]+")
_HAN = r"[㐀-䶿一-鿿豈-﫿𠀀-𲎯]"
_TIME = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?"
_DATE = (
    r"[0-9]{4}(年[0-9]{1,2}月[0-9]{1,2}日|年[0-9]{1,2}月"
    r"|-[0-9]{1,2}-[0-9]{1,2}|/[0-9]{1,2}/[0-9]{1,2}|\.[0-9]{1,2}\.[0-9]{1,2})"
)
_SOME_HAN = re.compile(_HAN)
_INSEPARABLE = re.compile(r"[0-9A-Za-z.\-]+")
_GAP = "…"
_CUT = ("thing", "short_thing", "name", "phrase")


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _moments(pattern: str) -> Callable[[str], bool]:
    """One moment, or two with ~ between."""
    return _matches(rf"{pattern}( ?~ ?{pattern})?")


def _shorter(longest: int) -> Callable[[str], bool]:
    return lambda value: len(value) <= longest


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", value) is not None and len(value.replace(".", "")) <= 32


def _is_name(value: str) -> bool:
    """Letters and marks, no digits; with anything but plain letters among them it counts as a Chinese name."""
    return len(value) <= _longest_name(value) and not any(character.isdigit() for character in value)


def _longest_name(value: str) -> int:
    return 20 if value.isascii() else 10


_RULES: dict[str, tuple[Callable[[str], bool], str]] = {
    "thing": (_shorter(20), "最多20个字"),
    "number": (_is_number, "应为32位以内的数字"),
    "letter": (_matches(r"[A-Za-z]{1,32}"), "应为32个以内的字母"),
    "symbol": (_matches(r"[^\w\s]{1,5}"), "应为5个以内的符号"),
    "character_string": (_matches(r"[\x21-\x7e][\x20-\x7e]{0,31}"), "应为32位以内的数字、字母或符号"),
    "time": (_moments(rf"({_DATE} ?)?{_TIME}"), "应为时间，例如 2019年10月1日 15:01"),
    "date": (_moments(rf"{_DATE}( ?{_TIME})?"), "应为日期，例如 2019年10月1日"),
    "amount": (_matches(r"[¥￥$€£]?[0-9]{1,10}(\.[0-9]+)?元?"), "应为10位以内的金额"),
    "phone_number": (_matches(r"(?=.*[0-9])[0-9+() -]{1,17}"), "应为17位以内的电话号码"),
    "car_number": (
        _matches(rf"({_HAN}|[A-Z0-9])[A-Z0-9]{{0,6}}({_HAN}|[A-Z0-9])"),
        "应为8位以内的车牌号",
    ),
    "name": (_is_name, "最多10个汉字或20个字母"),
    "phrase": (_matches(rf"{_HAN}{{1,5}}"), "应为5个以内的汉字"),
    "enum": (_shorter(20), "只能取模板规定的值"),
    "enum_string": (_shorter(20), "只能取模板规定的值"),
    "const": (_shorter(20), "只能取模板规定的值"),
    "short_thing": (_shorter(5), "最多5个字"),
}


@lru_cache(maxsize=500)
def kind_of(keyword: str) -> str | None:
    """The type a keyword's name begins with; None when WeChat knows no such type."""
    match = _TYPE.fullmatch(keyword)
    return match[1] if match and match[1] in _RULES else None


def fit(keyword: str, value: str) -> str:
    """A value on one line, and cut where cutting is harmless: things, names and phrases.

    Numbers, dates and the like are never cut or changed: a wrong one is worse than none, and `check` refuses it.

    Args:
        keyword: as the template names it, e.g. `thing1`.
    """
    kind = kind_of(keyword)
    if kind in _CUT:
        value = "".join(character if character.isprintable() else " " for character in value)
    line = " ".join(value.split())
    if kind == "thing":
        line = without_middle(line, 20)
    elif kind == "short_thing":
        line = line[:5].rstrip()
    elif kind == "name":
        line = " ".join("".join(character for character in line if not character.isdigit()).split())
        line = line[: _longest_name(line)].strip()
    elif kind == "phrase":
        line = "".join(_SOME_HAN.findall(line))[:5]
    else:
        return line
    return line or NOTHING


def without_middle(text: str, room: int) -> str:
    """The text in at most `room` characters: what is too much is left out in the middle, no number broken in two."""
    if len(text) <= room:
        return text
    most = room - len(_GAP)
    cut = most - most // 2
    if run := _run_across(text, cut):
        cut = run[1] if run[1] < most else run[0] or cut
    resumes = len(text) - (most - cut)
    if run := _run_across(text, resumes):
        resumes = run[1] if run[1] < len(text) else resumes
    return text[:cut] + _GAP + text[resumes:]


def _run_across(text: str, place: int) -> tuple[int, int] | None:
    """Where the number or Latin word begins and ends that a cut before this character would break."""
    spans = (run.span() for run in _INSEPARABLE.finditer(text))
    return next((span for span in spans if span[0] < place < span[1]), None)


def check(fields: Mapping[str, str]) -> dict[str, str]:
    """Which keywords WeChat would refuse with 47003, each with the reason; the values stay out of it.

    Args:
        fields: keyword and value, as they would be sent.
    """
    faults = {keyword: _fault(keyword, value) for keyword, value in fields.items()}
    return {keyword: fault for keyword, fault in faults.items() if fault}


def _fault(keyword: str, value: str) -> str:
    kind = kind_of(keyword)
    if kind is None:
        return "不是微信规定的关键词类型"
    if not value.strip():
        return "不能为空"
    if not value.isprintable():
        return "不能换行或含有控制字符"
    is_right, rule = _RULES[kind]
    return "" if is_right(value) else rule
