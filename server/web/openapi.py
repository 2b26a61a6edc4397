"""Both APIs as OpenAPI 3 tells them: made from the routes and from the models that read and write, so that it cannot lie."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema
from sanic import Blueprint
from sanic_ext.extensions.openapi.builders import OperationBuilder, OperationStore, SpecificationBuilder
from sanic_ext.extensions.openapi.types import Schema

from server.web.problems import REFUSALS, Problem
from server.web.routes import Api, Route
from server.web.schema import JSON

BINARY = {"type": "string", "format": "binary"}


class RawSchema(Schema):
    """A JSON schema as it stands."""

    def __init__(self, schema: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._fields = schema


class _OpenApi3(GenerateJsonSchema):
    """pydantic writes JSON Schema 2020-12; OpenAPI 3.0 says `nullable`."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return {"nullable": True, "allOf": [self.generate_inner(schema["schema"])]}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model as a schema of OpenAPI 3.0, whole: without references, titles and defaults."""
    written = model.model_json_schema(schema_generator=_OpenApi3)
    found: dict[str, Any] = _inlined(written, written.pop("$defs", {}))
    return found


def _inlined(part: Any, known: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, known) for one in part]
    if not isinstance(part, dict):
        return part
    whole: dict[str, Any] = {}
    for name, value in part.items():
        if name == "$ref":
            whole = _inlined(known[value.rpartition("/")[2]], known) | whole
        elif name == "allOf" and len(value) == 1:
            whole = _inlined(value[0], known) | whole
        elif name == "properties":
            whole[name] = {one: _inlined(about, known) for one, about in value.items()}
        elif name == "const":
            whole["enum"] = [value]
        elif name not in ("title", "default"):
            whole[name] = _inlined(value, known)
    return whole


def declare(bp: Blueprint, way: str, kind: str, **more: Any) -> None:
    """A way in stands in the specification of every app."""

    async def write(_: Any) -> None:
        SpecificationBuilder().add_security_scheme(way, kind, **more)

    bp.before_server_start(write)


def describe(bp: Blueprint, handler: Any, api: Api, route: Route) -> None:
    """Write one route into the specification."""
    store = OperationStore()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    if not route.shown_as:
        _write(store[handler], api, route)
        return
    store[handler].exclude()
    operation = OperationBuilder()  # type: ignore[no-untyped-call]  # the same
    _write(operation, api, route)
    for name in re.findall(r"{(\w+)}", route.shown_as):
        operation.parameter(name, str, "path", required=True)
    bp.before_server_start(_shown_apart(operation, route))


def _shown_apart(operation: OperationBuilder, route: Route) -> Callable[[Any], Coroutine[Any, Any, None]]:
    """A listener that writes one route into the specification under the path it says itself."""

    async def write(app: Any) -> None:
        operation._app = app  # operations of other apps in this process are left out
        SpecificationBuilder().operation(route.shown_as, route.method.lower(), operation)

    return write


def _write(operation: OperationBuilder, api: Api, route: Route) -> None:
    operation.disable_autodoc()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    operation.tag(api.tag)
    operation.describe(summary=route.summary)
    operation.name(api.operation(route))
    if not route.is_open:
        for way in api.security:
            operation.secured(way)  # type: ignore[no-untyped-call]  # the same
    _write_headers(operation, api, route)
    if route.takes is not None:
        _write_taken(operation, route)
    if route.status == 204:
        operation.response(204, {}, "已完成")
    else:
        content = {route.gives: {"schema": BINARY}} if isinstance(route.gives, str) else {}
        if route.gives is not None and not isinstance(route.gives, str):
            content = {JSON: {"schema": schema_of(route.gives)}}
        operation.response(route.status, content, "成功")
    refuse(operation, api.refuses)


def _write_headers(operation: OperationBuilder, api: Api, route: Route) -> None:
    if api.secret is not None and route.method != "GET" and not route.is_open:
        name, said = api.secret
        operation.parameter(name, RawSchema({"type": "string"}), "header", description=said)
    if route.creates:
        form = RawSchema({"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"})
        said = "同一个键和内容只生效一次，一天内得到同一回答"
        operation.parameter("Idempotency-Key", form, "header", required=False, description=said)


def _write_taken(operation: OperationBuilder, route: Route) -> None:
    assert route.takes is not None
    taken = schema_of(route.takes)
    required = taken.get("required", [])
    if route.file:
        taken["properties"]["file"] = BINARY
        taken["required"] = [*required, "file"]
        operation.body({"multipart/form-data": {"schema": taken}}, required=True)
    elif route.method != "GET":
        operation.body({JSON: {"schema": taken}}, required=bool(required))
    else:
        for name, about in taken["properties"].items():
            said = about.pop("description", "")
            about.pop("nullable", None)
            operation.parameter(name, RawSchema(about), "query", required=name in required, description=said)


def refuse(operation: OperationBuilder, statuses: tuple[int, ...]) -> None:
    """Write the refusals that an operation may answer with."""
    for status in statuses:
        operation.response(status, {"application/problem+json": {"schema": _problem()}}, REFUSALS[status])


@cache
def _problem() -> dict[str, Any]:
    return schema_of(Problem)
