"""What may stand in a request's body, form or query: the same declaration reads it and documents it (OpenAPI).

What is not declared is refused, as is a NUL or half a character in any text; nothing that gets past here can make the
database stumble.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sanic import Request
from sanic.exceptions import BadRequest, SanicException

from server.errors import FieldError, Invalid

BIGGEST = 2**63 - 1  # PostgreSQL's bigint
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]{1,19}")


class Poor(Exception):
    """This value cannot be taken: a stable code and one Chinese sentence."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One place in a request. `help` goes into the documentation."""

    help: str = ""
    required: bool = True

    def parse(self, value: Any) -> Any:
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        """The JSON value that a query or form means by this text."""
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Field):
    shortest: int = 0
    longest: int = 200
    secret: bool = False

    def parse(self, value: Any) -> str:
        if not isinstance(value, str):
            raise Poor("not_text", "这里应为文字。")
        if _CONTROL.search(value):
            raise Poor("bad_character", "文字里有不能保存的控制字符，请删除后重试。")
        if not self.shortest <= len(value) <= self.longest:
            least = f"至少{self.shortest}个字，" if self.shortest else ""
            raise Poor("text_length", f"{least}最多{self.longest}个字，请修改后重试。")
        return value

    def schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {"type": "string", "minLength": self.shortest, "maxLength": self.longest}
        return found | ({"format": "password"} if self.secret else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Field):
    least: int = 1
    most: int = BIGGEST

    def parse(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise Poor("not_whole", "这里应为整数。")
        if not self.least <= value <= self.most:
            raise Poor("out_of_range", f"应在{self.least}到{self.most}之间。")
        return value

    def from_text(self, text: str) -> Any:
        return int(text) if _WHOLE.fullmatch(text) else text

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "format": "int64", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wholes(Field):
    """Several whole numbers, at least one."""

    most: int = 100

    def parse(self, value: Any) -> list[int]:
        if not isinstance(value, list) or not 1 <= len(value) <= self.most:
            raise Poor("not_wholes", f"这里应为1至{self.most}个整数。")
        return [Whole().parse(one) for one in value]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": Whole().schema(), "minItems": 1, "maxItems": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag(Field):
    def parse(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Poor("not_flag", "这里应为 true 或 false。")
        return value

    def from_text(self, text: str) -> Any:
        return {"true": True, "false": False, "1": True, "0": False, "on": True}.get(text, text)

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Field):
    values: tuple[str, ...]

    def parse(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise Poor("not_a_choice", f"只能是：{'、'.join(self.values)}。")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Several(Field):
    """One or more of a closed set, as a JSON list; in a query or form separated by commas."""

    values: tuple[str, ...]

    def parse(self, value: Any) -> list[str]:
        if not isinstance(value, list) or len(value) > len(self.values):
            raise Poor("not_a_list", "这里应为列表。")
        if not all(isinstance(one, str) and one in self.values for one in value):
            raise Poor("not_a_choice", f"只能是：{'、'.join(self.values)}。")
        return value

    def from_text(self, text: str) -> Any:
        return text.split(",")

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": {"type": "string", "enum": list(self.values)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment(Field):
    """RFC 3339 with its offset."""

    def parse(self, value: Any) -> datetime:
        try:
            if not isinstance(value, str) or len(value) > 40:
                raise ValueError
            moment = datetime.fromisoformat(value)
            if moment.tzinfo is None or not 2000 <= moment.year <= 2200:
                raise ValueError
        except ValueError:
            raise Poor("not_a_moment", "时间应带时区，例如 2026-11-23T09:00:00+08:00。") from None
        return moment

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists(Field):
    """An object of lists of texts. In a form it is written as JSON. `kinds`: its names, each with what it is."""

    kinds: Mapping[str, str]
    longest: int = 200
    most: int = 5000

    def parse(self, value: Any) -> dict[str, list[str]]:
        if not isinstance(value, dict) or not set(value) <= set(self.kinds):
            raise Poor("not_lists", f"这里应为对象，只能有这些项：{'、'.join(self.kinds)}。")
        for listed in value.values():
            if not isinstance(listed, list) or len(listed) > self.most:
                raise Poor("not_lists", f"每一项应为文字的列表，最多{self.most}个。")
            for text in listed:
                Text(shortest=1, longest=self.longest).parse(text)
        return value

    def from_text(self, text: str) -> Any:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            return text

    def schema(self) -> dict[str, Any]:
        items = {
            "type": "array",
            "maxItems": self.most,
            "items": {"type": "string", "maxLength": self.longest},
        }
        properties = {name: items | {"description": about} for name, about in self.kinds.items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}


Shape = Mapping[str, Field]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Field):
    """A list of objects, all of one shape."""

    shape: Shape
    most: int = 1000

    def parse(self, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
            raise Poor("not_rows", "这里应为对象的列表。")
        if not 1 <= len(value) <= self.most:
            raise Poor("rows_length", f"应有1到{self.most}行，请分几次提交。")
        found = []
        for place, row in enumerate(value):
            try:
                found.append(_read(row, self.shape))
            except Invalid as invalid:
                raise Invalid(
                    errors=[
                        FieldError(f"/{place}{one.pointer}", one.code, one.detail) for one in invalid.errors
                    ]
                ) from None
        return found

    def schema(self) -> dict[str, Any]:
        items = schema_of(self.shape)
        return {"type": "array", "minItems": 1, "maxItems": self.most, "items": items}


def _read(given: Mapping[str, Any], shape: Shape) -> dict[str, Any]:
    """The values as the shape wants them; a field left out and not required is None."""
    problems = [
        FieldError(f"/{_escaped(name)}", "unknown_field", "没有这一项，请检查拼写或删除。")
        for name in given
        if name not in shape
    ]
    found: dict[str, Any] = {}
    for name, field in shape.items():
        value = given.get(name)
        if value is None:
            found[name] = None
            if field.required:
                problems.append(FieldError(f"/{name}", "missing", "这一项必须填写。"))
            continue
        try:
            found[name] = field.parse(value)
        except Poor as poor:
            problems.append(FieldError(f"/{name}", poor.code, poor.detail))
        except Invalid as invalid:
            problems += [FieldError(f"/{name}{one.pointer}", one.code, one.detail) for one in invalid.errors]
    if problems:
        raise Invalid(errors=problems)
    return found


def _escaped(name: str) -> str:
    """RFC 6901, and nothing long or unprintable of what a stranger sent."""
    shown = "".join(c for c in name[:60] if c.isprintable())
    return shown.replace("~", "~0").replace("/", "~1")


def read_json(request: Request, shape: Shape) -> dict[str, Any]:
    """The body, a JSON object. A body may be left out where nothing is required.

    Raises:
        SanicException 415, BadRequest, Invalid.
    """
    if not request.body:
        return _read({}, shape)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise SanicException(status_code=415)
    try:
        given = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise BadRequest from None
    if not isinstance(given, dict):
        raise BadRequest
    return _read(given, shape)


def _texts(given: Mapping[str, list[Any]], shape: Shape) -> dict[str, Any]:
    problems = [
        FieldError(f"/{_escaped(name)}", "given_twice", "这一项只能填写一次。")
        for name, values in given.items()
        if len(values) > 1
    ]
    if problems:
        raise Invalid(errors=problems)
    values: dict[str, Any] = {}
    for name, texts in given.items():
        text = texts[0] if texts else ""
        values[name] = shape[name].from_text(text) if name in shape and isinstance(text, str) else text
    return _read(values, shape)


def read_query(request: Request, shape: Shape) -> dict[str, Any]:
    """The query's parameters. Raises Invalid."""
    return _texts(request.get_args(keep_blank_values=True), shape)


def read_form(request: Request, shape: Shape) -> dict[str, Any]:
    """The fields of a multipart or urlencoded form, without its files. Raises Invalid, BadRequest."""
    form = request.form
    if form is None:
        raise BadRequest
    return _texts(form, shape)


def schema_of(shape: Shape) -> dict[str, Any]:
    """The shape as a JSON schema object."""
    properties = {}
    for name, field in shape.items():
        about = {"description": field.help} if field.help else {}
        properties[name] = field.schema() | about | ({} if field.required else {"nullable": True})
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    required = [name for name, field in shape.items() if field.required]
    return found | ({"required": required} if required else {})
