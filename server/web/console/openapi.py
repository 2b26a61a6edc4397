"""The console API as OpenAPI 3 tells it: made from the routes themselves, so that it cannot lie."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sanic_ext.extensions.openapi.builders import OperationBuilder, SpecificationBuilder
from sanic_ext.extensions.openapi.types import Schema

from server.web.console.route import OpenRoute, Route
from server.web.console.schema import Shape, schema_of

PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["title", "status", "code", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "稳定的英文代码"},
        "detail": {"type": "string", "description": "中文说明与下一步"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
    },
}
REFUSALS = {
    400: "请求无法理解",
    401: "未登录或登录已失效",
    403: "没有权限",
    404: "没有找到",
    409: "状态已变化",
    410: "已失效",
    413: "内容太大",
    415: "格式不支持",
    422: "内容有误，逐项列出",
    429: "操作太频繁",
    503: "服务暂时繁忙",
}


class RawSchema(Schema):
    """A JSON schema as it stands."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fields = schema


def page_of(item: dict[str, Any]) -> dict[str, Any]:
    """The schema of a page."""
    return {
        "type": "object",
        "required": ["items", "next_cursor"],
        "properties": {
            "items": {"type": "array", "items": item},
            "next_cursor": {"type": "string", "nullable": True},
        },
    }


def thing(
    given: Mapping[str, str | dict[str, Any]] | None = None, /, **more: str | dict[str, Any]
) -> dict[str, Any]:
    """The schema of an object whose properties are all there; `"string?"` may be null."""
    found: dict[str, Any] = {}
    for name, kind in {**(given or {}), **more}.items():
        if isinstance(kind, dict):
            found[name] = kind
            continue
        plain = kind.rstrip("?")
        schema = {"type": "string", "format": plain} if plain in ("date", "date-time") else {"type": plain}
        found[name] = schema | ({"nullable": True} if kind.endswith("?") else {})
    return {"type": "object", "required": list(found), "properties": found}


def declare_schemes(specification: SpecificationBuilder) -> None:
    """The two ways in."""
    specification.add_security_scheme(
        "console_session", "apiKey", location="cookie", name="xcert_console", description="登录后的会话"
    )
    specification.add_security_scheme("api_token", "http", scheme="bearer", description="API 令牌")


def describe(operation: OperationBuilder, route: Route) -> None:
    """Write one route into the specification."""
    _begin(operation, route)
    _describe_entry(operation, route)
    if route.form is None and route.body:
        _json_body(operation, route.body)
    elif route.form is not None:
        _form_body(operation, route.form)
    if route.status == 204:
        operation.response(204, {}, "已完成")
    else:
        binary = {"type": "string", "format": "binary"}
        operation.response(route.status, {route.content: {"schema": route.gives or binary}}, "成功")
    _refusals(operation)


def describe_open(operation: OperationBuilder, route: OpenRoute) -> None:
    """The same for a route without log-in."""
    _begin(operation, route)
    _json_body(operation, route.body)
    operation.response(route.status, {"application/json": {"schema": route.gives}}, "成功")
    _refusals(operation)


def _begin(operation: OperationBuilder, route: Route | OpenRoute) -> None:
    operation.disable_autodoc()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    operation.tag("console")
    operation.describe(summary=route.summary)
    operation.name(f"console_{route.method.lower()}_{_words(route.path)}")


def _json_body(operation: OperationBuilder, shape: Shape) -> None:
    content = {"application/json": {"schema": schema_of(shape)}}
    operation.body(content, required=any(field.required for field in shape.values()))


def _form_body(operation: OperationBuilder, shape: Shape) -> None:
    schema = schema_of(shape)
    schema["properties"]["file"] = {"type": "string", "format": "binary"}
    schema["required"] = [*schema.get("required", []), "file"]
    operation.body({"multipart/form-data": {"schema": schema}}, required=True)


def _refusals(operation: OperationBuilder) -> None:
    for status, said in REFUSALS.items():
        operation.response(status, {"application/problem+json": {"schema": PROBLEM}}, said)


def _describe_entry(operation: OperationBuilder, route: Route) -> None:
    operation.secured("console_session")  # type: ignore[no-untyped-call]
    operation.secured("api_token")  # type: ignore[no-untyped-call]
    for name, field in route.query.items():
        operation.parameter(
            name, RawSchema(field.schema()), "query", required=field.required, description=field.help
        )
    if route.method != "GET":
        operation.parameter(
            "X-CSRF-Token", RawSchema({"type": "string"}), "header", description="用会话登录时必须提供"
        )
    if route.creates:
        schema = RawSchema({"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"})
        operation.parameter(
            "Idempotency-Key", schema, "header", description="同一个键和内容只生效一次，一天内得到同一回答"
        )


def _words(path: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in path.replace(":int", "").replace(":str", "")).strip("_")
