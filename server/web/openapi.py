"""Both APIs as OpenAPI 3 tells them: made from the routes and from the models that read and write, so that it cannot lie.

Made when somebody asks for it: writing it was a quarter of what the start of every process cost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from server.web.problems import REFUSALS, Problem
from server.web.routes import Api, Route
from server.web.schema import JSON

BINARY = {"type": "string", "format": "binary"}


class _OpenApi3(GenerateJsonSchema):
    """pydantic writes JSON Schema 2020-12; OpenAPI 3.0 says `nullable`."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return {"nullable": True, "allOf": [self.generate_inner(schema["schema"])]}


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """A model as a schema of OpenAPI 3.0, whole: without references, titles and defaults."""
    written = model.model_json_schema(schema_generator=_OpenApi3)
    schema: dict[str, Any] = _inlined(written, written.pop("$defs", {}))
    return schema


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_inlined(one, definitions) for one in part]
    if not isinstance(part, dict):
        return part
    whole: dict[str, Any] = {}
    for name, value in part.items():
        if name == "$ref":
            whole = _inlined(definitions[value.rpartition("/")[2]], definitions) | whole
        elif name == "allOf" and len(value) == 1:
            whole = _inlined(value[0], definitions) | whole
        elif name == "properties":
            whole[name] = {one: _inlined(about, definitions) for one, about in value.items()}
        elif name == "const":
            whole["enum"] = [value]
        elif name not in ("title", "default"):
            whole[name] = _inlined(value, definitions)
    return whole


@dataclass(frozen=True, slots=True)
class Described:
    """An API and where it stands.

    Args:
        prefix: what its routes' paths begin with.
    """

    prefix: str
    api: Api
    routes: tuple[Route, ...]


Paths = dict[str, dict[str, Any]]


def document(described: Iterable[Described], others: Paths) -> dict[str, Any]:
    """The whole document.

    Args:
        others: what is no route of an API, by path and method.
    """
    ways: dict[str, Any] = {}
    paths: Paths = {}
    for one in described:
        ways |= one.api.security
        for route in one.routes:
            path, parameters = _path(one.prefix, route)
            paths.setdefault(path, {})[route.method.lower()] = _operation(one.api, route, parameters)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "xcert",
            "version": "1",
            "description": "社会心理服务职业技能等级证书：成绩、签发、证书与核验。",
        },
        "paths": dict(sorted((paths | others).items())),
        "components": {"securitySchemes": ways, "schemas": {"Problem": schema_of(Problem)}},
    }


_PLACE = re.compile(r"<(\w+):(.+?)>(?=/|$|\.)")


def _path(prefix: str, route: Route) -> tuple[str, list[dict[str, Any]]]:
    """The path as documents write it, and its parameters."""
    kinds = dict(_PLACE.findall(route.path))
    path = route.shown_as or prefix + _PLACE.sub(r"{\1}", route.path)
    return path, [
        {"name": name, "in": "path", "required": True, "schema": _kind(kinds.get(name, "str"))}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _kind(pattern: str) -> dict[str, Any]:
    return {"type": "integer", "format": "int64"} if pattern == "int" else {"type": "string"}


def _operation(api: Api, route: Route, parameters: list[dict[str, Any]]) -> dict[str, Any]:
    taken, query_parameters = _input(route)
    written: dict[str, Any] = {
        "operationId": api.operation(route),
        "summary": route.summary,
        "tags": [api.tag],
        "parameters": [*parameters, *_headers(api, route), *query_parameters],
        "responses": {str(route.status): _output(route)} | refusals(api.refuses),
    }
    if not route.is_open:
        written["security"] = [{way: []} for way in api.security]
    return written | taken


def _headers(api: Api, route: Route) -> list[dict[str, Any]]:
    headers: list[dict[str, Any]] = []
    if api.secret is not None and route.method != "GET" and not route.is_open:
        name, about = api.secret
        headers.append({"name": name, "in": "header", "description": about, "schema": {"type": "string"}})
    if route.creates:
        form = {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"}
        about = "同一个键和内容只生效一次，一天内得到同一回答"
        headers.append({"name": "Idempotency-Key", "in": "header", "description": about, "schema": form})
    return headers


def _input(route: Route) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The body, as the operation's field, and the parameters of a query."""
    if route.takes is None:
        return {}, []
    schema = schema_of(route.takes)
    required = schema.get("required", [])
    if route.file:
        schema["properties"]["file"] = BINARY
        schema["required"] = [*required, "file"]
        return {"requestBody": _content("multipart/form-data", schema, required=True)}, []
    if route.method != "GET":
        return {"requestBody": _content(JSON, schema, required=bool(required))}, []
    parameters = []
    for name, about in schema["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in required, "schema": about}
        if description := about.pop("description", ""):
            parameter["description"] = description
        about.pop("nullable", None)
        parameters.append(parameter)
    return {}, parameters


def _output(route: Route) -> dict[str, Any]:
    if route.status == 204:
        return {"description": "已完成"}
    if route.gives is None:
        return {"description": "成功"}
    if isinstance(route.gives, str):
        return _content(route.gives, BINARY, description="成功")
    return _content(JSON, schema_of(route.gives), description="成功")


def _content(kind: str, schema: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"content": {kind: {"schema": schema}}, **more}


def refusals(statuses: Iterable[int]) -> dict[str, Any]:
    """What an operation may refuse with, by status."""
    problem = {"$ref": "#/components/schemas/Problem"}
    return {
        str(status): _content("application/problem+json", problem, description=REFUSALS[status])
        for status in statuses
    }
