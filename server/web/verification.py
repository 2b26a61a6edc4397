"""公开核验: `/v` by number and name, `/v/{code}` from the paper's QR, and the public keys to check offline.

For everybody: no WeChat, no JavaScript, no account. Nothing that is not proven genuine ever looks valid.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import orjson
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import redirect

from server.domain.beijing import local
from server.domain.certificates import packing, verification, wallet_credentials
from server.domain.certificates.claims import AUTHORITY, FORMS
from server.domain.certificates.verification import Finding
from server.domain.levels import Level
from server.domain.lookups.wording import CERTIFIES
from server.domain.ports import PublicKey, Services
from server.domain.public_log import log_entry, log_state
from server.domain.public_log.log_state import LogStopped
from server.errors import Invalid, NotFound, OutsideFailure, TooMany, Unverified
from server.web import languages, responses, site_files, templating, wallets
from server.web.languages import Speaker
from server.web.look_alikes import LOOK_ALIKES
from server.web.request import client_address, form_text, services, wants_page
from server.web.verification_documents import Claims, Found, Logged

KEYS_SECONDS = 600  # shorter than a new key waits before its first use
LATER_SECONDS = 30
PORTAL = "https://vslc.ncb.edu.cn/"  # 1+X门户: the record that counts (S94)

bp = Blueprint("verification")


@bp.get("/v")
async def form(request: Request) -> HTTPResponse:
    """Number and name, both or nothing."""
    return await _form(request)


@bp.post("/v")
async def search(request: Request) -> HTTPResponse:
    """The certificate with this number and this name.

    A person is led to an address that may be kept, forwarded and asked again; neither number nor name can be read in
    it, and it is not the code of the paper, which only the paper gives away (decision 0923).
    """
    number, name = form_text(request, "number", 200), form_text(request, "name", 200)
    try:
        finding = await verification.find(services(request), number, name, address=client_address(request))
    except (Invalid, NotFound, TooMany) as refusal:
        if not wants_page(request):
            raise
        return await _form(request, refusal=refusal, number=number, name=name)
    if wants_page(request):
        sealed = verification.address_of(services(request).keys, finding.claims.number)
        response = redirect(f"/v/found/{sealed}", status=303)
        response.headers["cache-control"] = "no-store"
        return response
    return await _show(request, finding, has_code=False)


@bp.get("/v/found/<sealed:str>")
async def found_again(request: Request, sealed: str) -> HTTPResponse:
    """What a search came to, as it stands now."""
    try:
        finding = await verification.find_again(services(request), sealed, address=client_address(request))
    except (NotFound, TooMany) as refusal:
        if not wants_page(request):
            raise
        return await _form(request, refusal=refusal)
    return await _show(request, finding, has_code=False)


@bp.get("/v/<code:str>")
async def scanned(request: Request, code: str) -> HTTPResponse:
    """What the code says, beside what to compare, and how the certificate stands now."""
    if code.endswith(".txt"):
        return await site_files.show(request, "/v/", code)
    if code.endswith(wallets.ENDING) or wallets.wants_credential(request):
        return await _credential(request, code.removesuffix(wallets.ENDING))
    try:
        finding = await verification.read_code(services(request), code, address=client_address(request))
    except Unverified as refusal:
        if refusal.code == "key_unknown" or not wants_page(request):
            return await _unproven(request, refusal)
        return await templating.render(
            request,
            "verification/forged.html",
            status=404,
            title="无法确认",
            authority=AUTHORITY,
            portal=PORTAL,
        )
    return await _show(request, finding)


async def _credential(request: Request, code: str) -> HTTPResponse:
    """The same as a verifiable credential: it says what the code says, to whoever has the code."""
    try:
        body = await wallet_credentials.of_code(services(request), code, address=client_address(request))
    except Unverified as refusal:
        return await _unproven(request, refusal)
    return wallets.credential(body, headers={"cache-control": "no-store", "vary": "accept"})


@bp.get("/v/<code:str>/<file:str>")
async def proof(request: Request, code: str, file: str) -> HTTPResponse:
    """That an event of this certificate stands in the public log, as a file that anybody can check without us."""
    event = file.removesuffix(".tlog-proof")
    try:
        finding = await verification.read_code(services(request), code, address=client_address(request))
    except Unverified as refusal:
        return await _unproven(request, refusal)
    found = [one for one in finding.logged if one.entry.event == event]
    if not found:
        raise NotFound("not_logged", "这份证书还没有载入公开签发日志的这一条记录，请稍后再试。")
    name = f"{finding.claims.number}-{event}.tlog-proof"
    return responses.download(str(found[0]).encode(), "text/plain; charset=utf-8", name)


async def _unproven(request: Request, refusal: Unverified) -> HTTPResponse:
    """Not to be told now, or never to be proven."""
    if refusal.code == "key_unknown":
        return await _not_now(request, refusal)
    raise NotFound(refusal.code, refusal.message) from None


async def _not_now(request: Request, refusal: Unverified) -> HTTPResponse:
    """A key that this process has not heard of yet: neither genuine nor forged. It is read within seconds."""
    if not wants_page(request):
        raise OutsideFailure(refusal.message)
    response = await templating.render(
        request,
        "verification/not_now.html",
        status=503,
        title="暂时无法核验",
        authority=AUTHORITY,
        portal=PORTAL,
    )
    response.headers["retry-after"] = str(LATER_SECONDS)
    return response


@bp.get("/.well-known/xcert-keys.json")
async def published_keys(request: Request) -> HTTPResponse:
    """Every public key of every epoch, and the form of the code: enough to verify without this service."""
    s = services(request)
    body = orjson.dumps(
        {
            "issuer": s.settings.issuer,
            "description": "docs/certificate-format.md",
            "keys": [key_document(key) for key in s.keys.public()],
            "log": await _log(s),
            "code_forms": {form: asdict(packing.PUBLISHED) for form in FORMS},
        }
    )
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {
        "cache-control": f"public, max-age={KEYS_SECONDS}",
        "etag": etag,
        "access-control-allow-origin": "*",
    }
    if etag in request.headers.get("if-none-match", ""):
        return HTTPResponse(status=304, headers=headers)
    return HTTPResponse(body, content_type="application/json", headers=headers)


async def _log(s: Services) -> dict[str, Any] | None:
    """The public log, for whoever wants to follow it; None before its first checkpoint. The database is not asked."""
    try:
        public = await log_state.published(s.file_store, s.keys, "")
    except (LogStopped, OutsideFailure):
        return None
    if public is None:
        return None
    origin = public.checkpoint.origin
    keys = [str(key) for key in log_state.log_keys(s.keys, origin).values()]
    return {"origin": origin, "url": f"{s.settings.public_url}/log", "keys": keys}


def key_document(key: PublicKey) -> dict[str, Any]:
    """One published key. `sha256` is the fingerprint of its bytes; `until`: when the next one took over."""
    return {
        "key_id": key.key_id,
        "purpose": key.purpose,
        "epoch": key.epoch,
        "algorithm": key.algorithm,
        "public_key": base64.urlsafe_b64encode(key.raw).decode().rstrip("="),
        "sha256": hashlib.sha256(key.raw).hexdigest(),
        "is_current": key.is_current,
        "from": _when(key.begins),
        "until": _when(key.until),
        "retired_at": _when(key.retired_at),
        "reason": key.reason or None,
        "certificates": key.certificates or None,
    }


def _when(moment: datetime | None) -> str | None:
    return local(moment).isoformat(timespec="seconds") if moment is not None else None


async def _form(
    request: Request,
    *,
    refusal: Invalid | NotFound | TooMany | None = None,
    number: str = "",
    name: str = "",
) -> HTTPResponse:
    status = {Invalid: 422, NotFound: 404, TooMany: 429}[type(refusal)] if refusal is not None else 200
    wrong = {error.pointer[1:]: error.detail for error in getattr(refusal, "errors", [])}
    response = await templating.render(
        request,
        "verification/form.html",
        status=status,
        title="证书核验",
        look_alikes=LOOK_ALIKES,
        refusal=refusal,
        wrong=wrong,
        refused=[error.detail for error in getattr(refusal, "errors", [])] or [refusal.message]
        if refusal
        else [],
        number=number,
        name=name,
        authority=AUTHORITY,
        portal=PORTAL,
    )
    if isinstance(refusal, TooMany):
        response.headers["retry-after"] = str(refusal.retry_after)
    return response


async def _show(request: Request, finding: Finding, *, has_code: bool = True) -> HTTPResponse:
    if not wants_page(request):
        return responses.json(_document(finding))
    speaker = languages.speaker(request)
    level = Level(finding.claims.level)
    return await templating.render(
        request,
        "verification/finding.html",
        title=finding.standing.label,
        found=finding,
        level=level.english if speaker.tag == languages.ENGLISH else level.label,
        certifies=CERTIFIES[level],
        superseded_word=why_superseded(speaker, finding.superseded_word),
        rows=_rows(finding, speaker),
        authority=AUTHORITY,
        portal=PORTAL,
        events=log_entry.LABELS,
        proof_at=request.path if has_code else "",
    )


def why_superseded(speaker: Speaker, word: str) -> str:
    """Why a new one was issued: the word on record, such as 姓名、证件号码更正, or the same in another language."""
    if speaker.tag == languages.CHINESE:
        return word or "更正"
    named = [one for one in word.replace("，", "、").replace("更正", "").split("、") if one]
    return ", ".join(speaker.say(one).lower() for one in named) or speaker.say("更正")


@dataclass(frozen=True, slots=True)
class Row:
    """One line to compare with the paper. `is_key`: among what people forge most; `is_chinese`: as it stands there."""

    label: str
    value: str
    is_key: bool = False
    is_code: bool = False
    is_chinese: bool = True


def _rows(finding: Finding, speaker: Speaker) -> list[Row]:
    """What must stand on the paper."""
    statement = finding.claims
    level = Level(statement.level)

    def written(day: str) -> str:
        return speaker.day(date.fromisoformat(day))

    rows = [
        Row("持证人姓名", statement.name, is_key=True),
        Row("证件号码", finding.id_masked, is_key=True, is_code=True, is_chinese=False),
        Row("证书名称", statement.certificate),
        Row("证书等级", f"{level.label}（{level.english}）", is_key=True),
        Row("证书编号", statement.number, is_key=True, is_code=True, is_chinese=False),
        Row("标准版本", statement.standard),
        Row("考试计划（不印在证书上）", statement.plan),
        Row("考试日期", written(statement.exam_date), is_chinese=False),
        Row("考核院校", statement.school),
        Row("颁证机构", statement.issuer),
        Row("发证日期", written(statement.issued_on), is_key=True, is_chinese=False),
    ]
    return [row for row in rows if row.value]


def _document(finding: Finding) -> Found:
    statement = finding.claims
    return Found(
        standing=finding.standing.value,
        standing_label=finding.standing.label,
        is_valid=finding.is_valid,
        checked_at=finding.at,
        revoked_at=finding.revoked_at,
        superseded_by=finding.superseded_by,
        superseded_at=finding.superseded_at,
        superseded_word=finding.superseded_word or None,
        claims=Claims(
            number=statement.number,
            name=statement.name,
            id_masked=finding.id_masked,
            certificate=statement.certificate,
            level=statement.level,
            standard=statement.standard,
            plan=statement.plan,
            exam_date=statement.exam_date,
            school=statement.school,
            issuer=statement.issuer,
            issued_on=statement.issued_on,
        ),
        portal_number=finding.portal_number or None,
        pdf_sha256=finding.pdf_sha256 or None,
        authority=AUTHORITY,
        log=[
            Logged(
                event=one.entry.event,
                index=one.index,
                tree_size=one.checkpoint.size,
                tlog_proof=str(one),
            )
            for one in finding.logged
        ],
    )
