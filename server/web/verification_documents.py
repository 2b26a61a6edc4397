"""公开核验 as OpenAPI tells it, for programs that ask with `Accept: application/json`. /metrics, for operators, has none."""

from __future__ import annotations

from typing import Any

from sanic_ext.extensions.openapi.builders import OperationBuilder, OperationStore

from server.web.console.openapi import PROBLEM, REFUSALS, RawSchema, thing

_TEXTS = ["number", "name", "id_masked", "certificate", "level", "standard", "plan", "school", "issuer"]
CLAIMS = thing(dict.fromkeys(_TEXTS, "string"), exam_date="date", issued_on="date")
FOUND = thing(
    standing="string",
    standing_label="string",
    is_valid="boolean",
    checked_at="date-time",
    revoked_at="date-time?",
    superseded_by="string?",
    claims=CLAIMS,
    portal_number="string?",
    pdf_sha256="string?",
    authority="string",
)
ASKED = {
    "type": "object",
    "required": ["number", "name"],
    "properties": {
        "number": {"type": "string", "description": "证书编号"},
        "name": {"type": "string", "description": "持证人姓名"},
    },
}


def describe(*, form: Any, search: Any, scanned: Any) -> None:
    """Write the handlers of `server.web.verification` into the document; the page with the form stays out of it."""
    store = OperationStore()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    store[form].exclude()
    _begin(store[search], "verify_number_and_name", "按证书编号和姓名核验", (400, 404, 413, 422, 429, 503))
    store[search].body({"application/x-www-form-urlencoded": {"schema": ASKED}}, required=True)
    _begin(store[scanned], "verify_code", "按二维码中的核验码核验", (400, 404, 429, 503))
    code = RawSchema({"type": "string", "description": "二维码网址中 /v/ 之后的部分"})
    store[scanned].parameter("code", code, "path", required=True)


def _begin(operation: OperationBuilder, name: str, summary: str, refusals: tuple[int, ...]) -> None:
    operation.disable_autodoc()  # type: ignore[no-untyped-call]
    operation.tag("verification")
    operation.describe(summary=summary)
    operation.name(name)
    operation.response(200, {"application/json": {"schema": FOUND}}, "核验结果")
    for status in refusals:
        operation.response(status, {"application/problem+json": {"schema": PROBLEM}}, REFUSALS[status])
