"""One cell into one value: what people type, cleaned; what cannot be meant, refused with advice.

Every cleaner takes the raw cell and returns the value, or raises Refused with a stable code and what to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from unicodedata import category

from server.domain.exams.results import Status
from server.domain.levels import Level
from server.domain.people.candidates import IdentityNumber, clean_mobile
from server.domain.people.names import clean_name, clean_title, tidy
from server.errors import Refused

EXACT = 10**15  # a spreadsheet keeps 15 digits of a number and makes the rest zeros
_ROUNDED = re.compile(r"^\d(?:\.\d+)?E\+?\d+$", re.IGNORECASE)
_DATE = re.compile(
    r"^(\d{4})\s*(?:[-/.]|年)\s*(\d{1,2})\s*(?:[-/.]|月)\s*(\d{1,2})\s*日?(?:\s+00:00(?::00)?)?$"
)
_DAY_ZERO = date(1899, 12, 30)  # day 0 of a spreadsheet's calendar
_ERROR_WORDS = frozenset(  # of Excel and WPS
    [
        "#N/A",
        "#NULL!",
        "#DIV/0!",
        "#VALUE!",
        "#REF!",
        "#NAME?",
        "#NUM!",
        "#GETTING_DATA",
        "#SPILL!",
        "#CALC!",
        "#FIELD!",
        "#BLOCKED!",
        "#CONNECT!",
        "#UNKNOWN!",
        "#BUSY!",
        "#PYTHON!",
    ]
)
_APOSTROPHES = "'‘’`"
_ID_KINDS = ("居民身份证", "港澳居民居住证", "台湾居民居住证", "外国人永久居留身份证")


def text_of(raw: Any) -> str:
    """A cell as the text that the spreadsheet shows."""
    if isinstance(raw, str):
        return raw
    if raw is None:
        return ""
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < EXACT:
        return str(int(raw))
    if isinstance(raw, datetime):
        return raw.date().isoformat() if raw.time() == datetime.min.time() else raw.isoformat(" ")
    return str(raw)


def refuse_error_word(raw: str) -> None:
    """Raises Refused("cell_error"): the cell shows the word of a failed formula."""
    if (word := raw.strip().upper()) in _ERROR_WORDS:
        raise Refused("cell_error", f"这一格是错误值（{word}），不是内容。请改正公式或重新填写这一格。")


def shown_otherwise(raw: Any, display: str) -> Refused:
    """The cell's number format shows another value than is stored."""
    if isinstance(raw, (int, float)) and abs(raw) >= EXACT:
        return _rounded("这个号码")
    stored = text_of(raw) if isinstance(raw, (int, float)) else "另外的内容"
    appears = f"显示为“{display}”" if display else "显示的和存的不一样"
    return Refused(
        "number_format",
        f"这一格{appears}，文件里存的却是 {stored}。请把单元格格式改为“常规”，核对后重新填写。",
    )


def is_blank(raw: Any) -> bool:
    if isinstance(raw, str):
        if "\u4e00" <= raw[:1] <= "\u9fff":
            return False  # a Chinese character: so most cells begin, and no rule takes one away
        return not raw or raw.isspace() or (not raw.isascii() and not tidy(raw))
    return raw is None


@lru_cache(maxsize=8192, typed=True)
def _plain(raw: Any) -> str:
    text = clean_title(text_of(raw)).lstrip(_APOSTROPHES).strip()
    if not text.isprintable() and any(ord(c) < 32 for c in text):
        raise Refused("control_character", "单元格里有换行、制表等控制字符，请删除后重新填写。")
    if not text.isprintable() and any(category(c) in ("Co", "Cs") for c in text):
        raise Refused(
            "private_character", "这一格里有本机自造的字，别的电脑无法识别，请换成国家标准字后重新填写。"
        )
    return text


def text(longest: int) -> Callable[[Any], str]:
    """A cleaner of free text, at most this long."""

    def clean(raw: Any) -> str:
        value = _plain(raw)
        if len(value) > longest:
            raise Refused("too_long", f"内容超过 {longest} 个字，请核对是否填错了列。")
        return value

    return clean


def needed(longest: int) -> Callable[[Any], str]:
    """A cleaner of text that must be there."""
    free = text(longest)

    def clean(raw: Any) -> str:
        value = free(raw)
        if not value:
            raise Refused("missing", "这一格不能为空，请填写。")
        return value

    return clean


def name(raw: Any) -> str:
    if is_blank(raw):
        raise Refused("missing", "请填写姓名。")
    return clean_name(text_of(raw))


def id_number(raw: Any) -> str:
    """An identity number. A number cell has lost digits for good, so it is refused whatever it shows."""
    if is_blank(raw):
        raise Refused("missing", "请填写证件号码。")
    if isinstance(raw, (int, float)) and abs(raw) >= EXACT:
        raise _rounded("证件号码")
    try:
        return IdentityNumber.parse(text_of(raw)).text
    except Refused:
        if isinstance(raw, str) and _ROUNDED.match(tidy(raw)):
            raise _rounded("证件号码") from None
        raise


def whole_number_text(what: str, raw: Any) -> str:
    """A long number kept as text. A number cell has lost digits for good, so it is refused whatever it shows."""
    if is_blank(raw):
        raise Refused("missing", f"请填写{what}。")
    if isinstance(raw, (int, float)) and (abs(raw) >= EXACT or raw != int(raw)):
        raise _rounded(what)
    if isinstance(raw, str) and _ROUNDED.match(tidy(raw)):
        raise _rounded(what)
    return text_of(raw)


def _rounded(what: str) -> Refused:
    return Refused(
        "number_rounded",
        f"{what}被表格当成数字，末几位已经丢失。请把这一列设为“文本”格式，再按原件重新填写。",
    )


def id_kind(raw: Any) -> str:
    value = text(30)(raw) or _ID_KINDS[0]
    value = _ID_KINDS[0] if value in ("身份证", "二代身份证") else value
    if value not in _ID_KINDS:
        raise Refused("id_kind_unknown", f"证件类型只能是{'、'.join(_ID_KINDS)}，请改正。")
    return value


def mobile(raw: Any) -> str:
    return "" if is_blank(raw) else clean_mobile(text_of(raw))


@lru_cache(maxsize=64, typed=True)
def candidate_kind(raw: Any) -> str:
    value = _plain(raw)
    kinds = {"本校考生": "school", "社会考生": "social"}
    if value not in kinds:
        raise Refused("kind_unknown", "考生类型只能填“本校考生”或“社会考生”，请改正。")
    return kinds[value]


@lru_cache(maxsize=64, typed=True)
def level(raw: Any) -> Level:
    value = _plain(raw)
    if (level := Level.of_label(value)) is None:
        raise Refused("level_unknown", "证书等级只能填“初级”“中级”或“高级”，请改正。")
    return level


_ADMISSION = needed(30)


def admission_number(raw: Any) -> str:
    if isinstance(raw, (int, float)) and abs(raw) >= EXACT:
        raise _rounded("准考证号")
    value = tidy("".join(_ADMISSION(raw).split()))
    if _ROUNDED.match(value):
        raise _rounded("准考证号")
    if not (value.isascii() and value.replace("-", "").isalnum()):
        raise Refused("admission_characters", "准考证号只能由字母、数字和短横线组成，请改正。")
    return value.upper()


@lru_cache(maxsize=1024, typed=True)
def exam_date(raw: Any) -> date:
    """2023-09-22, 2023/9/22, 2023.9.22, 2023年9月22日, 20230922, or a date cell."""
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    value = tidy(text_of(raw)).lstrip(_APOSTROPHES)
    if not value:
        raise Refused("missing", "请填写日期，例如 2023-09-22。")
    try:
        if match := _DATE.match(value):
            return date(int(match[1]), int(match[2]), int(match[3]))
        if len(value) == 8 and value.isdecimal():
            return date(int(value[:4]), int(value[4:6]), int(value[6:]))
        if isinstance(raw, (int, float)) and 36526 <= raw <= 73050:  # the years 2000 to 2099
            return _DAY_ZERO + timedelta(days=int(raw))
    except ValueError:
        raise Refused("date_unknown", "没有这一天，请按“2023-09-22”的样子填写。") from None
    raise Refused("date_unknown", "日期无法识别，请按“2023-09-22”的样子填写。")


@lru_cache(maxsize=4096, typed=True)
def score(raw: Any) -> Decimal | Status | None:
    """A score of 0 to 100 with at most one decimal, one of 缺考 缓考 违纪 作弊, or None for a blank cell."""
    if is_blank(raw):
        return None
    value = tidy(text_of(raw)).lstrip(_APOSTROPHES).strip()
    if (word := Status.of_label(value)) is not None and word is not Status.SCORED:
        return word
    number = _decimal(
        value, "score_not_a_number", "成绩应是 0 到 100 的数字；缺考、缓考、违纪、作弊请写在备注里。"
    )
    if not 0 <= number <= 100:
        raise Refused("score_out_of_range", "成绩应在 0 到 100 之间，请核对。")
    return _one_decimal(number, "score_precision", "成绩最多一位小数，请按评分办法取整后重新填写。")


def hours(raw: Any) -> Decimal:
    """Hours of practice or supervision: 0 to 9,999.9."""
    if is_blank(raw):
        raise Refused("missing", "请填写学时；没有请填 0。")
    value = tidy(text_of(raw)).lstrip(_APOSTROPHES).removesuffix("学时").removesuffix("小时").strip()
    number = _decimal(value, "hours_not_a_number", "学时应是数字，例如 50 或 50.5。")
    if not 0 <= number < 10_000:
        raise Refused("hours_out_of_range", "学时应在 0 到 9999.9 之间，请核对。")
    return _one_decimal(number, "hours_precision", "学时最多一位小数，请改正。")


def _decimal(value: str, code: str, advice: str) -> Decimal:
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise Refused(code, advice) from None
    if not number.is_finite() or not value.isascii() or "_" in value:
        raise Refused(code, advice)
    return number


def _one_decimal(number: Decimal, code: str, advice: str) -> Decimal:
    rounded = number.quantize(Decimal("0.1"))
    if rounded != number:
        raise Refused(code, advice)
    return rounded
