"""个人信息副本: the archive that a person is given, readable by people and by machines."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from enum import Enum
from typing import Any

import orjson
from pydantic import Field
from sanic import HTTPResponse

from server.domain import beijing
from server.domain.certificates.states import CertificateState
from server.domain.corrections.contents import FIELDS, CorrectionKind
from server.domain.corrections.states import CorrectionState
from server.domain.exams.results import Result, Status
from server.domain.levels import Level
from server.domain.notices.states import NoticeState
from server.domain.paper.states import SheetState
from server.domain.payments.fee_states import FeeState
from server.domain.payments.order_states import OrderState
from server.domain.payments.refund_states import RefundState
from server.domain.payments.waiver_states import WaiverState
from server.domain.people.officer_states import OfficerState
from server.domain.people.staff_change_states import StaffChangeState
from server.domain.privacy import personal_copy
from server.domain.privacy.personal_copy import Asked, PersonalCopy
from server.domain.privacy.subjects import KINDS, Subject
from server.domain.roles import Verb
from server.domain.score_changes.states import ScoreChangeState
from server.web import languages, templating
from server.web.console.audit_words import ACTIONS
from server.web.console.auth import Call
from server.web.console.campaign_words import CHANNELS
from server.web.console.erasure_desk import PLACES
from server.web.console.people import ACCOUNTS
from server.web.responses import download
from server.web.routes import Route
from server.web.schema import Day, Input

ZIP = "application/zip"
PAGE, DATA = "个人信息副本.html", "个人信息副本.json"
_STATES: dict[tuple[str, str], type[Enum]] = {
    ("registration", "outcome"): Result,
    ("score", "status"): Status,
    ("score_change", "was_status"): Status,
    ("score_change", "status"): Status,
    ("score_change", "state"): ScoreChangeState,
    ("certificate", "state"): CertificateState,
    ("paper_sheet", "state"): SheetState,
    ("fee", "state"): FeeState,
    ("fee_waiver", "state"): WaiverState,
    ("fee_order", "state"): OrderState,
    ("fee_refund", "state"): RefundState,
    ("delivery", "state"): NoticeState,
    ("correction", "kind"): CorrectionKind,
    ("correction", "state"): CorrectionState,
    ("officer", "state"): OfficerState,
    ("staff_change", "state"): StaffChangeState,
}
_WORDS = {
    "account": ACCOUNTS,
    "channel": CHANNELS,
    "kind": {"school": "本校考生", "social": "社会考生"},
    "action": ACTIONS,
    "level": {level.value: level.label for level in Level},
    "actor_kind": {"staff": "工作人员", "candidate": "本人", "system": "系统", "officer": "签发负责人"},
}


class CopyAsked(Input):
    asked_on: Day = Field(description="本人书面申请的日期")
    reason: str = Field(min_length=1, max_length=400, description="依据；会记入审计，不写证件号码")


async def take(call: Call, body: CopyAsked, candidate_id: int) -> HTTPResponse:
    """The archive itself is the answer: it is kept nowhere, and there is no address at which it could be asked for again."""
    call.browser_session()
    asked = Asked(body.asked_on, body.reason)
    found = await personal_copy.take(call.s, candidate_id, asked, actor=call.actor)
    data = await asyncio.to_thread(archive, found, call.s.settings.issuer, call.s.settings.contact)
    return download(data, ZIP, f"个人信息副本-{candidate_id}.zip")


def _of(kind: str) -> Callable[..., Awaitable[HTTPResponse]]:
    async def take_of(call: Call, body: CopyAsked, person_id: int) -> HTTPResponse:
        call.browser_session()
        asked = Asked(body.asked_on, body.reason)
        found = await personal_copy.take(call.s, Subject(kind, person_id), asked, actor=call.actor)
        data = await asyncio.to_thread(archive, found, call.s.settings.issuer, call.s.settings.contact)
        return download(data, ZIP, f"个人信息副本-{found.of.of.label}-{person_id}.zip")

    take_of.__name__ = f"take_{kind}"  # a route is called by its function's name
    return take_of


def archive(of: PersonalCopy, issuer: str, contact: str) -> bytes:
    """The ZIP: a page to read, the same as JSON, and the person's own files."""
    page = templating.environment_of(languages.SPEAKERS[languages.CHINESE])
    text = page.get_template("console/personal_copy.html").render(
        it=of,
        issuer=issuer,
        contact=contact,
        made_at=of.made_at,
        said=_said,
    )
    sections = {
        one.table: [{name: _plain(value) for name, value in row.items()} for row in one.rows]
        for one in of.sections
    }
    data = orjson.dumps(
        {"made_at": _plain(of.made_at), "processor": issuer, "held": sections},
        default=str,
        option=orjson.OPT_INDENT_2,
    )
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(PAGE, text)
        packed.writestr(DATA, data)
        for name, content in of.files:
            packed.writestr(f"文件/{name}", content)
    return target.getvalue()


def _plain(value: Any) -> Any:
    """For JSON: moments in Beijing."""
    return beijing.rfc3339(value) if isinstance(value, datetime) else value


def _said(table: str, name: str, value: Any) -> str:
    """For people: the words for states, days and minutes; a dash for nothing."""
    if value is None or value in ("", {}, []):
        return "–"
    kind = _STATES.get((table, name))
    if kind is not None and value in {one.value for one in kind}:
        return str(kind(value).label)  # type: ignore[attr-defined]  # each of these has one
    if isinstance(value, str) and value in _WORDS.get(name, {}):
        return str(_WORDS[name][value])
    if isinstance(value, datetime):
        return beijing.short_second(value)
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, dict):
        return "；".join(f"{FIELDS.get(key, key)}：{inner}" for key, inner in value.items())
    if isinstance(value, list):
        return "；".join(_said(table, "", inner) for inner in value)
    return value.isoformat() if isinstance(value, date) else str(value)


ROUTES = [
    Route("POST", "/people/<candidate_id:int>/copy", take, "本人的个人信息副本（压缩包），按书面申请导出；记入审计", takes=CopyAsked, gives=ZIP, verb=Verb.EXPORT_PERSON),
    *(Route("POST", f"/{place}/<person_id:int>/copy", _of(kind), f"{KINDS[kind].label}的个人信息副本（压缩包），按书面申请导出；记入审计", takes=CopyAsked, gives=ZIP, verb=KINDS[kind].also or Verb.EXPORT_PERSON) for kind, place in PLACES.items()),
]  # fmt: skip
