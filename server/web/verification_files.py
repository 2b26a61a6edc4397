"""/v/file: a certificate's PDF, credential or receipt is put in, and what it is is told. /v/about: which certificate this is.

For everybody, without JavaScript or account; nothing is kept.
"""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse, Request

from server.domain.certificates.claims import AUTHORITY
from server.domain.issuance import given_files
from server.domain.issuance.given_files import Judged
from server.domain.issuance.offline import Judgement
from server.domain.lookups.wording import CERTIFIES
from server.errors import Invalid, OutsideFailure, TooMany
from server.web import responses, templating
from server.web.body_limits import Body
from server.web.look_alikes import LOOK_ALIKES
from server.web.request import client_address, services, wants_page
from server.web.verification import PORTAL
from server.web.verification_documents import FileFinding, FileJudged

ROOM = 100_000  # bytes that a form needs around its file
MARKS = {Judgement.RIGHT: "✓", Judgement.WRONG: "✕", Judgement.UNCLEAR: "?", Judgement.NOTE: ""}
WORDS = {
    Judgement.RIGHT: "通过",
    Judgement.WRONG: "不通过",
    Judgement.UNCLEAR: "无法判断",
    Judgement.NOTE: "",
}

bp = Blueprint("verification_files")


@bp.get("/v/file")
async def form(request: Request) -> HTTPResponse:
    """Where a file is put in."""
    return await _form(request)


@bp.post(
    "/v/file",
    ctx_body=Body(largest=given_files.LARGEST + ROOM, seconds=60.0),
)
async def judge(request: Request) -> HTTPResponse:
    """What the file is."""
    file = request.files.get("file") if request.files else None
    try:
        judged = await given_files.judge(
            services(request), file.body if file is not None else b"", address=client_address(request)
        )
    except (Invalid, TooMany, OutsideFailure) as refusal:
        if not wants_page(request):
            raise
        return await _form(request, refusal=refusal)
    if not wants_page(request):
        return responses.json(_document(judged))
    return await templating.render(
        request,
        "verification/file_judged.html",
        title=judged.report.conclusion.rstrip("。"),
        judged=judged,
        kind=judged.report.title.partition("：")[2],
        marks=MARKS,
        words=WORDS,
        tone="good" if judged.is_good else "wait" if judged.report.is_open else "bad",
        authority=AUTHORITY,
        portal=PORTAL,
    )


@bp.get("/v/about")
async def about(request: Request) -> HTTPResponse:
    """Which certificate this is, and which look-alikes it is not (S10)."""
    return await templating.render(
        request,
        "verification/about.html",
        title="这是哪一种证书",
        look_alikes=LOOK_ALIKES,
        levels=list(CERTIFIES.items()),
        authority=AUTHORITY,
        portal=PORTAL,
    )


async def _form(
    request: Request, *, refusal: Invalid | TooMany | OutsideFailure | None = None
) -> HTTPResponse:
    status = {Invalid: 422, TooMany: 429, OutsideFailure: 503}[type(refusal)] if refusal is not None else 200
    sentence = (
        "正在核验的人太多，请稍后再试。"
        if isinstance(refusal, OutsideFailure)
        else refusal.message
        if refusal
        else ""
    )
    response = await templating.render(
        request, "verification/file.html", status=status, title="核验文件", sentence=sentence
    )
    if isinstance(refusal, TooMany):
        response.headers["retry-after"] = str(refusal.retry_after)
    return response


def _document(judged: Judged) -> FileJudged:
    standing = judged.standing
    return FileJudged(
        kind=judged.report.title.partition("：")[2],
        conclusion=judged.report.conclusion,
        is_genuine=judged.report.is_genuine,
        is_good=judged.is_good,
        findings=[
            FileFinding(judgement=one.judgement.value, text=one.text) for one in judged.report.findings
        ],
        standing=standing.standing.value if standing is not None else None,
        standing_label=standing.standing.label if standing is not None else None,
    )
