"""The mini-program API as OpenAPI 3 tells it: made from the routes themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from sanic_ext.extensions.openapi.builders import OperationBuilder, SpecificationBuilder

from miniprogram_api.request import JSON, Shape, Text
from miniprogram_api.route import Route

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
    422: "内容有误或无法办理",
    429: "操作太频繁",
    503: "服务暂时繁忙",
}


def text(*, nullable: bool = False, **more: Any) -> dict[str, Any]:
    """The schema of a text."""
    return {"type": "string", **({"nullable": True} if nullable else {}), **more}


def thing(**properties: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object whose properties are all there."""
    return {"type": "object", "required": list(properties), "properties": properties}


def many(item: dict[str, Any]) -> dict[str, Any]:
    """The schema of a list."""
    return {"type": "array", "items": item}


async def declare_scheme(_: Any) -> None:
    """The way in; a listener."""
    SpecificationBuilder().add_security_scheme(
        "mp_token", "http", scheme="bearer", description="POST /mp/v1/session 得到的 token"
    )


def shown_apart(route: Route) -> Callable[..., Coroutine[Any, Any, None]]:
    """A listener that writes one route into the specification under the path it says itself."""
    operation = OperationBuilder()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    describe(operation, route)
    for name in re.findall(r"{(\w+)}", route.shown_as):
        operation.parameter(name, str, "path", required=True)

    async def write(app: Any) -> None:
        operation._app = app  # operations of other apps in this process are left out
        SpecificationBuilder().operation(route.shown_as, route.method.lower(), operation)

    return write


def describe(operation: OperationBuilder, route: Route) -> None:
    """Write one route into the specification."""
    operation.disable_autodoc()  # type: ignore[no-untyped-call]  # sanic-ext has no types here
    operation.tag("miniprogram")
    operation.describe(summary=route.summary)
    operation.name(f"mp_{route.name}")
    if not route.is_open:
        operation.secured("mp_token")  # type: ignore[no-untyped-call]  # the same
    if route.creates:
        said = "同一个键和内容只生效一次，一天内得到同一回答"
        operation.parameter("Idempotency-Key", str, "header", required=False, description=said)
    if route.takes:
        operation.body({JSON: {"schema": _schema_of(route.takes)}}, required=True)
    if isinstance(route.gives, str):
        binary = {"type": "string", "format": "binary"}
        operation.response(route.status, {route.gives: {"schema": binary}}, "成功")
    elif route.gives:
        operation.response(route.status, {JSON: {"schema": route.gives}}, "成功")
    else:
        operation.response(route.status, {}, "已完成")
    for status, said in REFUSALS.items():
        operation.response(status, {"application/problem+json": {"schema": PROBLEM}}, said)


def _schema_of(shape: Shape) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for name, wanted in shape.items():
        if isinstance(wanted, Text):
            properties[name] = {"type": "string", "maxLength": wanted.longest, "description": wanted.help}
        else:
            item = {"type": "string", "minLength": 1, "maxLength": wanted.longest}
            properties[name] = {
                "type": "array",
                "items": item,
                "maxItems": wanted.most,
                "description": wanted.help,
            }
    required = [name for name, wanted in shape.items() if wanted.required]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


MASKED = thing(name_masked=text(), id_masked=text())
SOMEBODY = {**MASKED, "nullable": True}
NOTICE = {
    "type": "object",
    "required": ["code", "title", "detail"],
    "properties": {
        "code": text(description="not_bound、not_found、not_released、practice_missing、awaiting_school 等"),
        "title": text(),
        "detail": text(description="原因与下一步"),
        "until": text(nullable=True, format="date-time"),
    },
}
SUBJECT = thing(
    name=text(),
    score={"type": "number", "nullable": True},
    status=text(enum=["scored", "absent", "deferred", "misconduct", "cheating"]),
    status_name=text(),
)
RESULT = thing(
    plan=text(),
    exam_date=text(format="date"),
    certificate=text(),
    level=text(enum=["primary", "intermediate", "advanced"]),
    level_name=text(),
    school=text(),
    admission_number=text(),
    subjects=many(SUBJECT),
    outcome=text(enum=["pending", "passed", "failed", "absent", "deferred", "misconduct"]),
    outcome_name=text(),
    advice=text(),
    released_at=text(format="date-time"),
    corrected_at=text(nullable=True, format="date-time", description="公布以后更正过成绩的时间"),
)
CERTIFICATE = thing(
    number=text(),
    state=text(enum=["valid", "revoked", "superseded"]),
    state_name=text(),
    certificate=text(),
    level=text(enum=["primary", "intermediate", "advanced"]),
    level_name=text(),
    standard=text(),
    certifies=text(),
    plan=text(),
    exam_date=text(format="date"),
    issued_on=text(format="date"),
    issued_at=text(nullable=True, format="date-time"),
    school=text(),
    issuer=text(),
    portal_number=text(nullable=True),
    expires_on=text(nullable=True, format="date"),
    revoked_at=text(nullable=True, format="date-time"),
    revoke_reason=text(nullable=True),
    superseded_by=text(nullable=True),
    advice=text(),
    verification_url=text(),
)
_PAGE = {
    "bound": {"type": "boolean"},
    "candidate": SOMEBODY,
    "notices": many(NOTICE),
    "next_cursor": text(nullable=True),
}
RESULTS = thing(items=many(RESULT), **_PAGE)
CERTIFICATES = thing(items=many(CERTIFICATE), withheld=many(NOTICE), **_PAGE)
BINDING = thing(bound={"type": "boolean"}, candidate=SOMEBODY, phone_masked=text(nullable=True))
PHONE = thing(
    masked=text(nullable=True),
    problem={**thing(code=text(), detail=text(description="原因与下一步")), "nullable": True},
)
PHONE_GIVEN = thing(phone=PHONE)
BOUND = {
    "type": "object",
    "required": ["candidate"],
    "properties": {"candidate": MASKED, "phone": PHONE},
}
SUBSCRIPTION = thing(
    topic=text(description="POST 时放入 accepted"),
    title=text(),
    template_id=text(description="用于 wx.requestSubscribeMessage"),
    left={"type": "integer", "minimum": 0, "description": "还可以发送几条"},
)
SUBSCRIPTIONS = thing(items=many(SUBSCRIPTION))
LINK = {
    "type": "object",
    "required": ["kind"],
    "properties": {
        "kind": text(enum=["scan", "verification"]),
        "token": text(description="kind 为 scan 时：用于 GET /scans/{token}"),
        "code": text(description="kind 为 verification 时：网页 /v/{code}"),
    },
}
PICTURE = thing(image=text(description="data:image/png;base64,…"), expires_in={"type": "integer"})
SESSION = thing(
    token=text(), expires_at=text(format="date-time"), bound={"type": "boolean"}, roles=many(text())
)
OFFICER = thing(name=text(), school=text())
_DIGEST = text(description="名单的 SHA-256 前 8 位，应与电脑页面相同")
RECEIPT = {"type": "object", "description": "签发凭据：内容与 Ed25519 签名"}
SCAN = thing(
    state=text(),
    state_label=text(),
    plan=text(),
    exam_date=text(format="date"),
    certificate=text(),
    site=text(),
    school=text(),
    level=text(enum=["primary", "intermediate", "advanced"]),
    level_label=text(),
    count={"type": "integer"},
    digest=_DIGEST,
    revision={"type": "integer"},
    expires_at=text(format="date-time"),
    shown_at=text(format="date-time"),
    shown_by=text(description="谁的电脑在出示二维码"),
    people=many(thing(number=text(), name_masked=text(), id_masked=text())),
    receipt={**RECEIPT, "nullable": True},
)
SCANNED = thing(state=text(), state_label=text(), receipt=RECEIPT)
