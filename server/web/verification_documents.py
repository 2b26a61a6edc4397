"""公开核验 as OpenAPI tells it, for programs that ask with `Accept: application/json`. /metrics, for operators, has none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field
from sanic_ext.extensions.openapi.builders import OperationBuilder, OperationStore

from server.web.openapi import RawSchema, refuse, schema_of
from server.web.schema import JSON, Answer, Input, WrittenDay


class Claims(Answer):
    """What the certificate itself says."""

    number: str
    name: str
    id_masked: str
    certificate: str
    level: str
    standard: str
    plan: str
    exam_date: WrittenDay
    school: str
    issuer: str
    issued_on: WrittenDay


class Found(Answer):
    """What a verification came to."""

    standing: str
    standing_label: str
    is_valid: bool
    checked_at: datetime
    revoked_at: datetime | None
    superseded_by: str | None
    claims: Claims
    portal_number: str | None
    pdf_sha256: str | None
    authority: str


class Asked(Input):
    """The form of a search; the handler reads it itself, so that a page can show what was typed."""

    model_config = ConfigDict(extra="ignore")
    number: str = Field(description="证书编号")
    name: str = Field(description="持证人姓名")


def describe(*, form: Any, search: Any, scanned: Any) -> None:
    """Write the handlers of `server.web.verification` into the document; the page with the form stays out of it."""
    store = OperationStore()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    store[form].exclude()
    _begin(store[search], "verify_number_and_name", "按证书编号和姓名核验", (400, 404, 413, 422, 429, 503))
    store[search].body({"application/x-www-form-urlencoded": {"schema": schema_of(Asked)}}, required=True)
    _begin(store[scanned], "verify_code", "按二维码中的核验码核验", (400, 404, 429, 503))
    code = RawSchema({"type": "string", "description": "二维码网址中 /v/ 之后的部分"})
    store[scanned].parameter("code", code, "path", required=True)


def _begin(operation: OperationBuilder, name: str, summary: str, refusals: tuple[int, ...]) -> None:
    operation.disable_autodoc()  # type: ignore[no-untyped-call]
    operation.tag("verification")
    operation.describe(summary=summary)
    operation.name(name)
    operation.response(200, {JSON: {"schema": schema_of(Found)}}, "核验结果")
    refuse(operation, refusals)
