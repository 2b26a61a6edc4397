"""成绩与考证结果 (S84, S93): what a bound candidate is told, before and after release."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from tortoise import connections

from server.domain.beijing import local, say_minute
from server.domain.levels import Level
from server.domain.lookups import wording
from server.domain.lookups.cache import ready, standing
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import READY_SECONDS, CachedAnswer

# One statement, and the same work whether a plan's scores are there or not: before its release nothing of a
# score is read, so neither bytes nor time can tell.
_SQL = """
SELECT c.name, c.id_sealed, r.id AS registration_id, p.name AS plan, p.exam_date, p.release_at, t.level,
       k.name AS certificate, h.name AS school, r.admission_number,
       CASE WHEN p.release_at <= $3 THEN r.outcome END AS outcome,
       CASE WHEN p.release_at <= $3 THEN (
           SELECT json_agg(json_build_object('name', s.subject, 'score', s.score, 'status', s.status) ORDER BY s.id)
           FROM score s WHERE s.registration_id = r.id) END AS subjects,
       CASE WHEN p.release_at <= $3 THEN (
           SELECT max(x.decided_at) FROM score_change x
           WHERE x.registration_id = r.id AND x.state = 'approved') END AS corrected_at
FROM binding b
JOIN candidate c ON c.id = b.candidate_id
LEFT JOIN registration r ON r.candidate_id = c.id
LEFT JOIN plan p ON p.id = r.plan_id
LEFT JOIN site t ON t.id = r.site_id
LEFT JOIN school h ON h.id = t.school_id
LEFT JOIN certificate_kind k ON k.id = p.kind_id
WHERE b.account = $1 AND b.openid = $2 AND b.unbound_at IS NULL
ORDER BY p.exam_date DESC, r.id DESC
"""


async def results(s: Services, who: WeChatIdentity) -> CachedAnswer:
    """The answer to `GET /results`, ready to send, with its ETag.

    Body: `{bound, candidate, items, notices, next_cursor}`. `items` are released results alone; `notices` say why
    something is not there (`not_bound`, `not_found`, `not_released`) and what to do next.
    """
    return await ready(s, "results", who, _read)


async def results_bytes(s: Services, who: WeChatIdentity) -> bytes:
    """The JSON body of `results`."""
    return (await results(s, who)).body


async def results_view(s: Services, who: WeChatIdentity) -> dict[str, Any]:
    """The same as a dictionary, for pages and chat."""
    view: dict[str, Any] = orjson.loads((await results(s, who)).body)
    return view


async def _read(s: Services, who: WeChatIdentity, now: datetime, as_of: int) -> CachedAnswer:
    rows = await connections.get("default").execute_query_dict(_SQL, [who.account, who.openid, now])
    answer = _answer(s, rows, now)
    # "Not bound" is never kept: whoever binds next must find it gone on every process at once.
    bounds = standing([row["release_at"] for row in rows], now, seconds=READY_SECONDS if rows else 0)
    return CachedAnswer(orjson.dumps(answer), as_of, **bounds)


def _answer(s: Services, rows: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    if not rows:
        return wording.nothing([wording.NOT_BOUND])
    items, notices = [], []
    for row in rows:
        if row["registration_id"] is None:
            continue
        if row["release_at"] is not None and row["release_at"] <= now:
            items.append(_item(row))
        else:
            notices.append(_not_released(row))
    if not items and not notices:
        notices.append(wording.NO_REGISTRATION)
    return {
        "bound": True,
        "candidate": wording.person(s, rows[0]),
        "items": items,
        "notices": notices,
        "next_cursor": None,
    }


def _item(row: dict[str, Any]) -> dict[str, Any]:
    subjects = [
        {**subject, "status_name": wording.STATUS[subject["status"]]}
        for subject in orjson.loads(row["subjects"] or "[]")
    ]
    return {
        "plan": row["plan"],
        "exam_date": row["exam_date"].isoformat(),
        "certificate": row["certificate"],
        "level": row["level"],
        "level_name": Level(row["level"]).label,
        "school": row["school"],
        "admission_number": row["admission_number"],
        "subjects": subjects,
        "outcome": row["outcome"],
        "outcome_name": wording.OUTCOME[row["outcome"]],
        "advice": wording.OUTCOME_ADVICE[row["outcome"]],
        "released_at": wording.moment(row["release_at"]),
        "corrected_at": wording.moment(row["corrected_at"]),
    }


def _not_released(row: dict[str, Any]) -> dict[str, Any]:
    until: datetime | None = row["release_at"]
    when = f"预计 {say_minute(until)} 公布，届时" if until else "公布时间尚未确定，公布后"
    return {
        "code": "not_released",
        "title": "成绩尚未公布",
        "detail": f"{row['plan']}的成绩尚未公布。{when}可在这里直接查询，无需其他操作。",
        "plan": row["plan"],
        "exam_date": row["exam_date"].isoformat(),
        "level": row["level"],
        "level_name": Level(row["level"]).label,
        "until": local(until).isoformat(timespec="seconds") if until else None,
    }
