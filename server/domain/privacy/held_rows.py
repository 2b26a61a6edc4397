"""The rows of one table that are about a candidate, as the candidate can read them: numbers in full, files beside them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from server.domain.corrections.case_letters import SHELF as LETTERS
from server.domain.corrections.contents import opened
from server.domain.people import phones
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE
from server.domain.people.invitations import ABOUT_MOBILE as ABOUT_OFFICER
from server.domain.ports import Keys, Services
from server.domain.privacy.holding import Holding
from server.domain.training.enrolments import ABOUT_PHONE
from server.errors import NotFound, Refused
from server.models.database import rows

_SEALED = {
    ("candidate", "id_sealed"): ABOUT_ID,
    ("candidate", "mobile_sealed"): ABOUT_MOBILE,
    ("candidate", "given_phone_sealed"): phones.ABOUT,
    ("certificate", "printed_id_sealed"): ABOUT_ID,
    ("officer", "mobile_sealed"): ABOUT_OFFICER,
    ("course_enrolment", "phone_sealed"): ABOUT_PHONE,
}
_SIDES = {"was_sealed": "was", "becomes_sealed": "becomes"}
_NUMBERED = "(SELECT x.number FROM certificate x WHERE x.id = t.certificate_id)"
_ORDERED = "(SELECT x.number FROM fee_order x WHERE x.id = t.order_id)"
_ADMITTED = "(SELECT x.admission_number FROM registration x WHERE x.id = t.registration_id)"
_SCHOOL = "(SELECT h.name FROM school h WHERE h.id = t.school_id)"
# What is read instead of a column, so that a person understands it. Results are told when they are released.
_READ = {
    ("candidate", "school_id"): _SCHOOL,
    ("officer", "school_id"): _SCHOOL,
    ("staff", "school_id"): _SCHOOL,
    ("course_enrolment", "school_id"): _SCHOOL,
    ("course_enrolment", "course_id"): "(SELECT x.title FROM course x WHERE x.id = t.course_id)",
    ("registration", "plan_id"): "(SELECT p.name FROM plan p WHERE p.id = t.plan_id)",
    ("registration", "site_id"): "(SELECT x.name FROM site x WHERE x.id = t.site_id)",
    ("registration", "outcome"): "CASE WHEN (SELECT p.release_at FROM plan p WHERE p.id = t.plan_id) <= $2"
    " THEN t.outcome ELSE '成绩公布以后提供' END",
    ("score", "registration_id"): _ADMITTED,
    ("score_change", "registration_id"): _ADMITTED,
    ("fee", "registration_id"): _ADMITTED,
    ("certificate", "pdf_sha256"): "encode(t.pdf_sha256, 'hex')",
    ("paper_sheet", "certificate_id"): _NUMBERED,
    ("correction_certificate", "certificate_id"): _NUMBERED,
    ("fee_order_line", "order_id"): _ORDERED,
    ("fee_refund", "order_id"): _ORDERED,
    ("fee_receipt", "order_id"): _ORDERED,
    ("campaign_listed", "campaign_id"): "(SELECT x.name FROM campaign x WHERE x.id = t.campaign_id)",
    # An ended binding may have been somebody else's WeChat: of that the person is told no more than its ends.
    ("binding", "openid"): "CASE WHEN t.unbound_at IS NULL THEN t.openid"
    " ELSE left(t.openid, 4) || '…' || right(t.openid, 4) END",
    ("binding", "unionid"): "CASE WHEN t.unbound_at IS NULL THEN t.unionid ELSE '' END",
    ("delivery", "openid"): "CASE WHEN EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = $1"
    " AND b.account = t.account AND b.openid = t.openid AND b.unbound_at IS NULL)"
    " OR t.openid = '' THEN t.openid ELSE left(t.openid, 4) || '…' || right(t.openid, 4) END",
    ("fee_order", "openid"): "CASE WHEN EXISTS (SELECT 1 FROM binding b WHERE b.candidate_id = $1"
    " AND b.account = t.account AND b.openid = t.openid AND b.unbound_at IS NULL)"
    " OR t.openid = '' THEN t.openid ELSE left(t.openid, 4) || '…' || right(t.openid, 4) END",
}
_JSON = {
    ("delivery", "fields_shown"),
    ("delivery", "tried"),
    ("portal_difference", "fields_differing"),
    ("erasure", "files"),
}
_OWN_FILES = {"photo_key", "pdf_key", "letter_key"}


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one table, each by the columns' names; `words`: what the columns are called."""

    table: str
    label: str
    words: dict[str, str]
    rows: tuple[dict[str, Any], ...]


async def section(
    s: Services, holding: Holding, person_id: int, now: datetime
) -> tuple[Section, list[tuple[str, bytes]]]:
    """What this table has of the person that they may be told of `now`, and the files that its rows name."""
    files: list[tuple[str, bytes]] = []
    told = []
    for row in await _rows(holding, person_id, now):
        for column in _OWN_FILES & set(row):
            row[column] = await _file(s, holding.table, row, column, files)
        place = row.pop("place", "")
        told.append(
            {
                name: _said(s.keys, holding.table, name, value, place)
                for name, value in row.items()
                if name in holding.words
            }
        )
    return Section(holding.table, holding.label, holding.words, tuple(told)), files


async def _rows(holding: Holding, person_id: int, now: datetime) -> list[dict[str, Any]]:
    taken = [f"{_READ.get((holding.table, name), f't.{name}')} AS {name}" for name in holding.words]
    if holding.table == "correction":
        taken += ["t.letter_key AS place", "t.letter_kind", "t.id"]
    where = f"({holding.of})" + (f" AND {holding.shown}" if holding.shown else "")
    query = f"SELECT {', '.join(taken)} FROM {holding.table} t WHERE {where} ORDER BY 1"  # noqa: S608 -- constants
    return await rows(query, person_id, *((now,) if "$2" in query else ()))


def _said(keys: Keys, table: str, name: str, value: Any, place: str) -> Any:
    """The value as a person can read it, numbers in full."""
    if value is None or value == "":
        return None
    if (about := _SEALED.get((table, name))) is not None:
        return keys.decrypt(bytes(value), about=about)
    if table == "correction" and name in _SIDES:
        return opened(keys, _SIDES[name], place, bytes(value))
    if (table, name) in _JSON:
        return orjson.loads(value)
    if isinstance(value, bytes | memoryview):
        return orjson.loads(bytes(value))  # a certificate's line and claims: canonical JSON
    return value


async def _file(
    s: Services, table: str, row: dict[str, Any], column: str, files: list[tuple[str, bytes]]
) -> str | None:
    """Put the file into `files`; its name there, or why it is not."""
    key = row[column]
    if not key:
        return None
    try:
        if table == "correction":
            data = await LETTERS.opened(s.keys, s.file_store, key)
            name = f"更正函件-{row['id']}.{row['letter_kind']}"
        else:
            data = await s.file_store.get(key)
            name = "照片.jpg" if table == "candidate" else f"证书-{row['number']}.pdf"
    except (NotFound, Refused):
        return "文件不在存储里"
    files.append((name, data))
    return name
