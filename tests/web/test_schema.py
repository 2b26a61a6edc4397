"""What comes in: read by a model, refused in Chinese by pydantic's type of error, and written as OpenAPI 3."""

from __future__ import annotations

import re
import typing
from typing import Any

import pytest
from pydantic import Field

from server.errors import Invalid
from server.web import openapi
from server.web.console.imports import Names
from server.web.schema import Input, Moment, OneOf, Whole


class Row(Input):
    number: str = Field(max_length=5)


class Sample(Input):
    text: str = Field(min_length=2, max_length=4)
    whole: Whole | None = None
    flag: bool | None = None
    kind: typing.Annotated[str | None, OneOf(("a", "b"))] = None
    kinds: list[typing.Annotated[str, OneOf(("a", "b"))]] | None = Field(default=None, max_length=2)
    ids: list[Whole] | None = Field(default=None, min_length=1, max_length=3)
    rows: list[Row] | None = Field(default=None, min_length=1, max_length=2)
    at: Moment | None = None
    create: Names | None = None


@pytest.mark.parametrize(
    ("more", "pointer", "code"),
    [
        ({"text": None}, "/text", "missing"),
        ({"text": 1}, "/text", "not_text"),
        ({"text": "x"}, "/text", "text_length"),
        ({"text": "x" * 5}, "/text", "text_length"),
        ({"text": "a\x00b"}, "/text", "bad_character"),
        ({"text": "a\x7fb"}, "/text", "bad_character"),
        ({"text": "ab\ud800"}, "/text", "bad_character"),
        ({"whole": "1"}, "/whole", "not_whole"),
        ({"whole": True}, "/whole", "not_whole"),
        ({"whole": 1.0}, "/whole", "not_whole"),
        ({"whole": 0}, "/whole", "out_of_range"),
        ({"whole": 2**63}, "/whole", "out_of_range"),
        ({"flag": 1}, "/flag", "not_flag"),
        ({"kind": "c"}, "/kind", "not_a_choice"),
        ({"kind": 1}, "/kind", "not_a_choice"),
        ({"kinds": "a"}, "/kinds", "not_a_list"),
        ({"kinds": ["c"]}, "/kinds", "not_a_choice"),
        ({"kinds": ["a", "b", "a"]}, "/kinds", "not_a_list"),
        ({"ids": 1}, "/ids", "not_wholes"),
        ({"ids": []}, "/ids", "not_wholes"),
        ({"ids": [1, 2, 3, 4]}, "/ids", "not_wholes"),
        ({"ids": ["1", "2"]}, "/ids", "not_whole"),
        ({"rows": {}}, "/rows", "not_rows"),
        ({"rows": [1]}, "/rows", "not_rows"),
        ({"rows": []}, "/rows", "rows_length"),
        ({"rows": [{"number": "1"}, {}]}, "/rows/1/number", "missing"),
        ({"rows": [{"number": "1", "x/y": 1}]}, "/rows/0/x~1y", "unknown_field"),
        ({"at": "2026-11-23"}, "/at", "not_a_moment"),
        ({"at": 1}, "/at", "not_a_moment"),
        ({"create": []}, "/create", "not_lists"),
        ({"create": {"years": []}}, "/create", "not_lists"),
        ({"create": {"plans": "甲"}}, "/create", "not_lists"),
        ({"create": {"plans": [1]}}, "/create", "not_text"),
        ({"create": {"plans": [""]}}, "/create", "text_length"),
        ({"create": {"plans": ["甲\x00"]}}, "/create", "bad_character"),
        ({"a~b": None}, "/a~0b", "unknown_field"),
    ],
)
def test_one_wrong_field_is_told_in_chinese_at_its_place(
    more: dict[str, Any], pointer: str, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        Sample.take({"text": "好的", **more})
    [error] = refused.value.errors
    assert (error.pointer, error.code) == (pointer, code)
    assert re.fullmatch(r"[^{}]*[一-鿿][^{}]*。", error.detail), error.detail


def test_every_wrong_field_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        Sample.take({"whole": 0, "flag": "x", "y": 1})
    assert [(one.pointer, one.code) for one in refused.value.errors] == [
        ("/text", "missing"),
        ("/whole", "out_of_range"),
        ("/flag", "not_flag"),
        ("/y", "unknown_field"),
    ]


def test_a_query_or_form_means_the_same_as_json() -> None:
    said = {
        "text": ["好的"],
        "whole": ["12"],
        "flag": ["on"],
        "kinds": ["a,b"],
        "at": ["2026-11-23T09:00:00+08:00"],
    }
    assert Sample.take_texts(said) == Sample(
        text="好的",
        whole=12,
        flag=True,
        kinds=["a", "b"],
        at="2026-11-23T09:00:00+08:00",  # type: ignore[arg-type]  # as JSON has it
    )
    for name, text, code in (
        ("whole", "1.5", "not_whole"),
        ("flag", "yes", "not_flag"),
        ("kind", "", "not_a_choice"),
    ):
        with pytest.raises(Invalid) as refused:
            Sample.take_texts({"text": ["好的"], name: [text]})
        assert [(one.pointer, one.code) for one in refused.value.errors] == [(f"/{name}", code)]
    with pytest.raises(Invalid) as refused:
        Sample.take_texts({"text": ["好的", "好的"]})
    assert [one.code for one in refused.value.errors] == ["given_twice"]


def test_a_refused_input_is_in_no_message() -> None:
    with pytest.raises(Invalid) as refused:
        Sample.take({"text": "110101199003074512"})
    assert (
        "110101199003074512" not in f"{refused.value!r} {refused.value.__context__!r} {refused.value.errors}"
    )


def test_a_model_as_openapi_3_has_it() -> None:
    written = openapi.schema_of(Sample)
    assert written["properties"].pop("create")["properties"].keys() == {"plans", "schools", "sites"}
    assert written == {
        "type": "object",
        "additionalProperties": False,
        "required": ["text"],
        "properties": {
            "text": {"type": "string", "minLength": 2, "maxLength": 4},
            "whole": {
                "type": "integer",
                "format": "int64",
                "minimum": 1,
                "maximum": 2**63 - 1,
                "nullable": True,
            },
            "flag": {"type": "boolean", "nullable": True},
            "kind": {"type": "string", "enum": ["a", "b"], "nullable": True},
            "kinds": {
                "type": "array",
                "items": {"type": "string", "enum": ["a", "b"]},
                "maxItems": 2,
                "nullable": True,
            },
            "ids": {
                "type": "array",
                "items": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1},
                "minItems": 1,
                "maxItems": 3,
                "nullable": True,
            },
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["number"],
                    "properties": {"number": {"type": "string", "maxLength": 5}},
                },
                "minItems": 1,
                "maxItems": 2,
                "nullable": True,
            },
            "at": {"type": "string", "format": "date-time", "nullable": True},
        },
    }
