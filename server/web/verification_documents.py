"""公开核验 as OpenAPI tells it, for programs that ask with `Accept: application/json`. /metrics, for operators, has none."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from server.domain.certificates.status_lists import ENDING
from server.domain.certificates.wallet_credentials import MEDIA_TYPE
from server.web.openapi import refusals, schema_of
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


class Logged(Answer):
    """One event of the certificate in the public log of issuing (docs/public-log.md)."""

    event: str = Field(description="issued 发放、revoked 撤销、superseded 更正换发")
    index: int = Field(description="日志里的序号，从 0 起")
    tree_size: int = Field(description="证明所对的检查点有多少条")
    tlog_proof: str = Field(description="C2SP tlog-proof 格式的证明，可以离线核对")


class Found(Answer):
    """What a verification came to."""

    standing: str
    standing_label: str
    is_valid: bool
    checked_at: datetime
    revoked_at: datetime | None
    superseded_by: str | None = Field(description="换发的新证书编号；已撤销的也可能另有新证书")
    superseded_at: datetime | None
    superseded_word: str | None = Field(description="为什么换发，一个词，例如“姓名更正”")
    claims: Claims
    portal_number: str | None
    pdf_sha256: str | None
    authority: str
    log: list[Logged]


class FileFinding(Answer):
    """One thing that was found in a file."""

    judgement: str = Field(description="right、wrong、unclear、note")
    text: str


class FileJudged(Answer):
    """What a file is by its signatures, and how its certificate stands now."""

    kind: str
    conclusion: str
    is_genuine: bool
    is_good: bool = Field(description="真实、完整，且（是证书的话）现在有效")
    findings: list[FileFinding]
    standing: str | None
    standing_label: str | None


class Search(Input):
    """The form of a search; the handler reads it itself, so that a page can show what was typed."""

    model_config = ConfigDict(extra="ignore")
    number: str = Field(description="证书编号")
    name: str = Field(description="持证人姓名")


def paths() -> dict[str, Any]:
    """The doors of `server.web.verification`; the page with the form stays out of it."""
    form = {
        "requestBody": {
            "content": {"application/x-www-form-urlencoded": {"schema": schema_of(Search)}},
            "required": True,
        }
    }
    code = {"type": "string", "description": "二维码网址中 /v/ 之后的部分"}
    scanned = {"parameters": [{"name": "code", "in": "path", "required": True, "schema": code}]}
    refused, and_form = (400, 404, 429, 503), (400, 404, 413, 422, 429, 503)
    keys = {
        "operationId": "verify_keys",
        "summary": "每一期公钥与核验码的格式：不靠本服务也能核验",
        "tags": ["verification"],
        "responses": {"200": {"description": "公钥", "content": {JSON: {"schema": {"type": "object"}}}}},
    }
    proof = _file(
        "verify_log_proof",
        "证书在公开签发日志里的一条记录的证明",
        "text/plain",
        code="核验码",
        file="issued.tlog-proof、revoked.tlog-proof 或 superseded.tlog-proof",
    )
    proof["responses"] |= refusals((429, 503))
    return {
        "/v": {"post": _operation("verify_number_and_name", "按证书编号和姓名核验", and_form) | form},
        "/v/file": {"post": _given_file()},
        "/v/{code}": {"get": _operation("verify_code", "按二维码中的核验码核验", refused) | scanned},
        "/v/{code}/{file}": {"get": proof},
        "/.well-known/xcert-keys.json": {"get": keys},
        "/.well-known/did.json": {
            "get": _public("verify_did", "did:web 文档：可验证凭证的公钥", "application/did+json")
        },
        "/status/{purpose}/{number}": {"get": _status()},
        "/log/checkpoint": {
            "get": _file("log_checkpoint", "公开签发日志的检查点（C2SP tlog-checkpoint）", "text/plain")
        },
        "/log/tile/{path}": {
            "get": _file(
                "log_tile", "公开签发日志的一块（C2SP tlog-tiles）", "application/octet-stream", path="path"
            )
        },
    }


def _given_file() -> dict[str, Any]:
    """A file that is put in."""
    whole = {"type": "string", "format": "binary"}
    form = {"type": "object", "properties": {"file": whole}, "required": ["file"]}
    body = {"content": {"multipart/form-data": {"schema": form}}, "required": True}
    summary = "核验一份文件：证书 PDF、签发凭据、可验证凭证"
    told = _operation("verify_file", summary, (400, 413, 422, 429, 503), FileJudged)
    return told | {"requestBody": body}


def _public(name: str, summary: str, media: str) -> dict[str, Any]:
    answer = {"description": summary, "content": {media: {"schema": {"type": "object"}}}}
    return {"operationId": name, "summary": summary, "tags": ["verification"], "responses": {"200": answer}}


def _status() -> dict[str, Any]:
    purpose = {"type": "string", "enum": list(ENDING)}
    number = {"type": "integer", "minimum": 0}
    told = _public("verify_status", "状态清单（Bitstring Status List v1.0）", MEDIA_TYPE)
    return {
        **told,
        "parameters": [
            {"name": "purpose", "in": "path", "required": True, "schema": purpose},
            {"name": "number", "in": "path", "required": True, "schema": number},
        ],
        "responses": told["responses"] | refusals((404,)),
    }


def _file(name: str, summary: str, content_type: str, **parts: str) -> dict[str, Any]:
    """A file, with the parts of its path."""
    found: dict[str, Any] = {
        "description": summary,
        "content": {content_type: {"schema": {"type": "string"}}},
    }
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "tags": ["verification"],
        "responses": {"200": found} | refusals((404,)),
    }
    if parts:
        operation["parameters"] = [
            {"name": part, "in": "path", "required": True, "schema": {"type": "string", "description": about}}
            for part, about in parts.items()
        ]
    return operation


def _operation(
    name: str, summary: str, refused: tuple[int, ...], gives: type[Answer] = Found
) -> dict[str, Any]:
    told = {JSON: {"schema": schema_of(gives)}}
    if name == "verify_code":
        told[MEDIA_TYPE] = {"schema": {"type": "object"}}
    answer = {"description": "核验结果", "content": told}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["verification"],
        "responses": {"200": answer} | refusals(refused),
    }
