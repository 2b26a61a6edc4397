"""What comes in and what goes out, as pydantic models: the same class reads, writes and documents (OpenAPI).

An `Input` is a JSON body, a form or a query. What it does not declare is refused, as is a control character or half a
character in any text; nothing that gets past here can make the database stumble. An `Answer` is what a route gives.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Self, TypeVar, Union, get_args, get_origin

import orjson
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, ErrorDetails, PydanticCustomError, core_schema
from sanic import Request
from sanic.exceptions import BadRequest, SanicException

from server.errors import FieldError, Invalid

JSON = "application/json"
BIGGEST = 2**63 - 1  # PostgreSQL's bigint
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE = re.compile(r"-?[0-9]{1,19}")
ROW_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_TRUTH = {"true": True, "false": False, "1": True, "0": False, "on": True}

# By pydantic's type of error: our stable code and a sentence that says what to do.
BY_TYPE = {
    "missing": ("missing", "这一项必须填写。"),
    "extra_forbidden": ("unknown_field", "没有这一项，请检查拼写或删除。"),
    "string_type": ("not_text", "这里应为文字。"),
    "string_unicode": ("bad_character", "文字里有不能保存的字符，请删除后重试。"),
    "string_too_short": ("text_length", "至少{min_length}个字，请修改后重试。"),
    "string_too_long": ("text_length", "最多{max_length}个字，请修改后重试。"),
    "int_type": ("not_whole", "这里应为整数。"),
    "int_parsing_size": ("not_whole", "这里应为整数。"),
    "greater_than_equal": ("out_of_range", "不能小于{ge}。"),
    "less_than_equal": ("out_of_range", "不能大于{le}。"),
    "bool_type": ("not_flag", "这里应为 true 或 false。"),
    "literal_error": ("not_a_choice", "只能是：{expected}。"),
    "model_type": ("not_rows", "这里应为对象的列表。"),
}
# The same for lists, by what is in them.
_LISTS = {
    "list_type": {
        int: ("not_wholes", "这里应为整数的列表。"),
        BaseModel: ("not_rows", "这里应为对象的列表。"),
        str: ("not_a_list", "这里应为列表。"),
    },
    "too_short": {
        int: ("not_wholes", "至少要有{min_length}个整数。"),
        BaseModel: ("rows_length", "至少要有{min_length}行。"),
        str: ("not_a_list", "至少要有{min_length}项。"),
    },
    "too_long": {
        int: ("not_wholes", "最多{max_length}个整数，请分几次提交。"),
        BaseModel: ("rows_length", "最多{max_length}行，请分几次提交。"),
        str: ("not_a_list", "最多{max_length}项。"),
    },
}


def row_number(text: str) -> int:
    """The number of a row, as an address or a form writes it: in one spelling, and not beyond what a column takes.

    The router casts every `<…:int>` of every door with this: what no row can have is not found, and asks no database.

    Raises:
        ValueError: it is none.
    """
    if ROW_NUMBER.fullmatch(text) is None or (number := int(text)) > BIGGEST:
        raise ValueError("no number of a row")
    return number


def _moment(value: Any) -> datetime:
    try:
        if not isinstance(value, str) or len(value) > 40:
            raise ValueError
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None or not 2000 <= moment.year <= 2200:
            raise ValueError
    except ValueError:
        sentence = "时间应带时区，例如 2026-11-23T09:00:00+08:00。"
        raise PydanticCustomError("not_a_moment", sentence) from None
    return moment


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PydanticCustomError("day_form", "日期请写成 2026-12-01 这样。")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day_form", "没有这一天，请核对日期。") from None


Whole = Annotated[int, Field(ge=1, le=BIGGEST, json_schema_extra={"format": "int64"})]
Moment = Annotated[datetime, BeforeValidator(_moment)]  # RFC 3339 with its offset
Day = Annotated[date, BeforeValidator(_day)]  # 2026-12-01
Written = Annotated[str, Field(json_schema_extra={"format": "date-time"})]  # a moment that is text already
WrittenDay = Annotated[str, Field(json_schema_extra={"format": "date"})]


def _for_documents(schema: dict[str, Any]) -> None:
    """A model's docstring is for programmers."""
    schema.pop("description", None)


def _may_grow(schema: dict[str, Any]) -> None:
    """An answer may get more fields; clients are to expect that."""
    _for_documents(schema)
    schema.pop("additionalProperties", None)


class OneOf:
    """In `Annotated[str, OneOf(States)]`: the text is the value of one of these."""

    def __init__(self, values: Iterable[Enum | str]) -> None:
        self.values = [one.value if isinstance(one, Enum) else one for one in values]

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        literal = core_schema.literal_schema(self.values)
        return core_schema.nullable_schema(literal) if NoneType in get_args(source) else literal


def plain(of: Any) -> dict[str, Any]:
    """The fields of a frozen object of the domain as an `Answer` with the same names takes them.

    An enumeration is its value, and its label beside it as `…_label`; an object within is plain as well.
    """
    said: dict[str, Any] = {}
    for name in (one.name for one in dataclasses.fields(of)):
        value = getattr(of, name)
        if isinstance(value, Enum):
            said |= {name: value.value, f"{name}_label": value.label}  # type: ignore[attr-defined]  # those that people read have one
        elif isinstance(value, tuple):
            said[name] = [plain(one) for one in value]
        else:
            said[name] = value
    return said


class Answer(BaseModel):
    """What a route gives. Fields that nobody set are left out of the JSON.

    `model_validate` takes a dictionary or an object of the domain, whose attributes have the fields' names.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        from_attributes=True,
        hide_input_in_errors=True,
        json_schema_extra=_may_grow,
    )


class Input(BaseModel):
    """What a route takes. A field that is null counts as left out.

    `needs_media_type`: a body must say that it is JSON. `told_as`: of an object inside another, the code under which
    everything that is wrong with its form is told, in one place.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, json_schema_extra=_for_documents
    )
    needs_media_type: ClassVar[bool] = True
    unfit: ClassVar[re.Pattern[str]] = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
    told_as: ClassVar[tuple[str, str] | None] = None

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return fields
        return {name: value for name, value in fields.items() if not cls.is_empty(name, value)}

    @classmethod
    def is_empty(cls, name: str, value: Any) -> bool:
        """Whether a field of ours was not filled in."""
        return value is None and name in cls.model_fields

    @field_validator("*", mode="after")
    @classmethod
    def _printable(cls, value: Any) -> Any:
        for text in value if isinstance(value, list) else (value,):
            if isinstance(text, str) and cls.unfit.search(text):
                sentence = "文字里有不能保存的控制字符，请删除后重试。"
                raise PydanticCustomError("bad_character", sentence)
        return value

    @classmethod
    def take(cls, fields: Mapping[str, Any]) -> Self:
        """The fields, checked. Raises Invalid with every place that is wrong."""
        try:
            return cls.model_validate(dict(fields))
        except ValidationError as invalid:
            problems = invalid.errors(include_url=False, include_input=False)
        errors = dict.fromkeys(cls.refusal(one) for one in problems)
        raise Invalid(errors=list(errors))

    @classmethod
    def take_texts(cls, texts: Mapping[str, list[Any]]) -> Self:
        """The same from a query or a form, where every value is a text. Raises Invalid."""
        sentence = "这一项只能填写一次。"
        if twice := [name for name, values in texts.items() if len(values) > 1]:
            raise Invalid(
                errors=[FieldError(f"/{_escaped(name)}", "given_twice", sentence) for name in twice]
            )
        return cls.take(
            {name: cls.value_of(name, values[0] if values else "") for name, values in texts.items()}
        )

    @classmethod
    def value_of(cls, name: str, text: Any) -> Any:
        """The JSON value that a query or form means by this text; the text itself if it means none."""
        kind = _kind(cls, name)
        if not isinstance(text, str):
            return text
        if kind is int:
            return int(text) if _WHOLE.fullmatch(text) else text
        if kind is bool:
            return _TRUTH.get(text, text)
        if get_origin(kind) is list:
            return text.split(",")
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            try:
                return orjson.loads(text)
            except orjson.JSONDecodeError:
                return text
        return text

    @classmethod
    def refusal(cls, error: ErrorDetails) -> FieldError:
        """What one of pydantic's errors is to whoever sent it: place, stable code, sentence."""
        place = list(error["loc"])
        kind = _kind(cls, str(place[0])) if place else None
        code, detail = _code_and_sentence(error, kind)
        while len(place) > 1 and isinstance(place[-1], int) and error["type"] != "missing":
            place.pop()
        told_as = kind.told_as if isinstance(kind, type) and issubclass(kind, Input) else None
        if told_as is not None:
            place = place[:1]
            if code not in ("not_text", "text_length", "bad_character"):
                code, detail = told_as
        return FieldError("".join(f"/{_escaped(str(one))}" for one in place), code, detail)

    @classmethod
    def not_an_object(cls) -> Exception:
        """What is told when a JSON body is no object."""
        return BadRequest()


class Nothing(Input):
    """No field at all."""


def _kind(model: type[BaseModel], name: str) -> Any:
    """The bare type of a field: without `| None` and without what is annotated."""
    field = model.model_fields.get(name)
    if field is None:
        return None
    kind = field.annotation
    if get_origin(kind) in (Union, UnionType):
        kind = next(one for one in get_args(kind) if one is not NoneType)
    return _bare(kind)


def _bare(kind: Any) -> Any:
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _code_and_sentence(error: ErrorDetails, kind: Any) -> tuple[str, str]:
    """Code and sentence of an error; one that a check of ours raised brings its own."""
    entry = BY_TYPE.get(error["type"]) or _of_list(error, kind)
    if entry is None:
        return error["type"], error["msg"]
    facts = dict(error.get("ctx", {}))
    if "expected" in facts:
        facts["expected"] = str(facts["expected"]).replace("'", "").replace(" or ", "、").replace(", ", "、")
    return entry[0], entry[1].format_map(facts)


def _of_list(error: ErrorDetails, kind: Any) -> tuple[str, str] | None:
    if error["type"] not in _LISTS:
        return None
    item = _bare(next(iter(get_args(kind)), str))
    is_model = isinstance(item, type) and issubclass(item, BaseModel)
    return _LISTS[error["type"]][BaseModel if is_model else int if item is int else str]


def _escaped(name: str) -> str:
    """RFC 6901, and nothing long or unprintable of what a stranger sent."""
    printable = "".join(c for c in name[:60] if c.isprintable())
    return printable.replace("~", "~0").replace("/", "~1")


Taken = TypeVar("Taken", bound=Input)


def read_json(request: Request, model: type[Taken]) -> Taken:
    """The body, a JSON object. A body may be left out where nothing is required.

    Raises:
        SanicException 415, BadRequest, Invalid.
    """
    if not request.body:
        return model.take({})
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if model.needs_media_type and media != JSON:
        raise SanicException(status_code=415)
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise BadRequest from None
    if not isinstance(body, dict):
        raise model.not_an_object()
    return model.take(body)


def read_query(request: Request, model: type[Taken]) -> Taken:
    """The query's parameters. Raises Invalid."""
    return model.take_texts(request.get_args(keep_blank_values=True))


def read_form(request: Request, model: type[Taken]) -> Taken:
    """The fields of a multipart or urlencoded form, without its files. Raises Invalid, BadRequest."""
    if request.form is None:
        raise BadRequest
    return model.take_texts(request.form)
