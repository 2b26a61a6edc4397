"""我的证书 (S93): each certificate with its state, and why one is not there yet (S13, S85–S90)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from tortoise import connections

from server.domain.beijing import local, say_minute
from server.domain.certificates.states import CertificateState
from server.domain.levels import Level
from server.domain.lookups import wording
from server.domain.lookups.cache import ready, standing
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import READY_SECONDS, CachedAnswer

# A certificate is shown once its whole batch is issued, which is also when its holder is told.
_SQL = """
SELECT c.name, c.id_sealed, r.id AS registration_id, p.name AS plan, p.exam_date, p.release_at,
       p.requires_practice, k.name AS certificate, t.level, h.name AS school,
       CASE WHEN p.release_at <= $3 THEN r.outcome END AS outcome, i.state AS batch, i.issued_at,
       e.number, e.state, e.claims, e.code, e.revoked_at, e.revoke_reason, e.portal_number, e.expires_on,
       n.number AS successor, q.practice_hours, q.supervision_hours
FROM binding b
JOIN candidate c ON c.id = b.candidate_id
LEFT JOIN registration r ON r.candidate_id = c.id
LEFT JOIN plan p ON p.id = r.plan_id
LEFT JOIN site t ON t.id = r.site_id
LEFT JOIN school h ON h.id = t.school_id
LEFT JOIN certificate_kind k ON k.id = p.kind_id
LEFT JOIN certificate e ON e.registration_id = r.id AND p.release_at <= $3
    AND e.state IN ('valid', 'revoked', 'superseded')
    AND EXISTS (SELECT 1 FROM issuance x WHERE x.id = e.issuance_id AND x.state = 'issued')
LEFT JOIN LATERAL (SELECT * FROM issuance x WHERE x.plan_id = r.plan_id AND x.site_id = r.site_id
    ORDER BY x.id = e.issuance_id DESC NULLS LAST, x.id DESC LIMIT 1) i ON true
LEFT JOIN certificate n ON n.id = e.superseded_by_id
LEFT JOIN practice_record q ON q.candidate_id = c.id AND q.level = t.level
WHERE b.account = $1 AND b.openid = $2 AND b.unbound_at IS NULL
ORDER BY p.exam_date DESC, e.id DESC, r.id DESC
"""
_BATCH = {
    None: ("in_preparation", "证书准备中", "评价组织正在核对签发信息"),
    "prepared": ("in_preparation", "证书准备中", "评价组织正在核对签发信息"),
    "returned": ("in_preparation", "证书准备中", "签发信息正在由评价组织更正"),
    "site_pending": ("awaiting_school", "待院校签发", "正在等待院校确认签发"),
    "school_signed": ("in_production", "证书生成中", "院校已确认签发，电子证书即将生成"),
    "generating": ("in_production", "证书生成中", "电子证书正在生成"),
}


async def certificates(s: Services, who: WeChatIdentity) -> CachedAnswer:
    """The answer to `GET /certificates`, ready to send, with its ETag.

    Body: `{bound, candidate, items, withheld, notices, next_cursor}`. `withheld` are certificates that are earned but
    not there yet, each with its reason and what is missing; `notices` say why there is nothing else.
    """
    return await ready(s, "certificates", who, _read)


async def certificates_bytes(s: Services, who: WeChatIdentity) -> bytes:
    """The JSON body of `certificates`."""
    return (await certificates(s, who)).body


async def certificates_view(s: Services, who: WeChatIdentity) -> dict[str, Any]:
    """The same as a dictionary, for pages and chat."""
    view: dict[str, Any] = orjson.loads((await certificates(s, who)).body)
    return view


async def certificate_view(s: Services, who: WeChatIdentity, number: str) -> dict[str, Any] | None:
    """One certificate of this person; None when it is not theirs or not there: nobody can tell which."""
    items = (await certificates_view(s, who))["items"]
    return next((item for item in items if item["number"] == number), None)


async def _read(s: Services, who: WeChatIdentity, now: datetime, as_of: int) -> CachedAnswer:
    rows = await connections.get("default").execute_query_dict(_SQL, [who.account, who.openid, now])
    answer = _answer(s, rows, now)
    # Where a batch stands changes without a word to look-ups; a minute's delay there is no untruth that matters.
    seconds = (60 if answer["withheld"] else READY_SECONDS) if rows else 0  # "not bound" is never kept
    bounds = standing([row["release_at"] for row in rows], now, seconds=seconds)
    return CachedAnswer(orjson.dumps(answer), as_of, **bounds)


def _answer(s: Services, rows: list[dict[str, Any]], now: datetime) -> dict[str, Any]:
    if not rows:
        return {**wording.nothing([wording.NOT_BOUND]), "withheld": []}
    items, withheld, notices = [], [], []
    for row in rows:
        if row["registration_id"] is None:
            continue
        if row["number"] is not None:
            items.append(_item(s, row))
        elif row["release_at"] is None or row["release_at"] > now:
            notices.append(_not_released(row))
        elif row["outcome"] == "passed":
            withheld.append(_withheld(row))
        else:
            notices.append(_not_passed(row))
    if not items and not withheld and not notices:
        notices.append(wording.NO_REGISTRATION)
    return {
        "bound": True,
        "candidate": wording.person(s, rows[0]),
        "items": items,
        "withheld": withheld,
        "notices": notices,
        "next_cursor": None,
    }


def _item(s: Services, row: dict[str, Any]) -> dict[str, Any]:
    """What the certificate itself says, from its claims; and what has become of it since."""
    claims = orjson.loads(row["claims"])
    level = Level(claims["level"])
    return {
        "number": row["number"],
        "state": row["state"],
        "state_name": wording.CERTIFICATE[row["state"]],
        "certificate": claims["certificate"],
        "level": level.value,
        "level_name": level.label,
        "standard": claims["standard"],
        "certifies": wording.CERTIFIES[level.value],
        "plan": claims["plan"],
        "exam_date": claims["exam_date"],
        "issued_on": claims["issued_on"],
        "issued_at": wording.moment(row["issued_at"]),
        "school": claims["school"],
        "issuer": claims["issuer"],
        "portal_number": row["portal_number"] or None,
        "expires_on": row["expires_on"].isoformat() if row["expires_on"] else None,
        "revoked_at": wording.moment(row["revoked_at"]),
        "revoke_reason": row["revoke_reason"] or None,
        "superseded_by": row["successor"],
        "advice": _advice(row),
        "verification_url": f"{s.settings.public_url}/v/{row['code']}",
    }


def _advice(row: dict[str, Any]) -> str:
    if row["state"] == CertificateState.REVOKED.value:
        return (
            f"该证书已于 {say_minute(row['revoked_at'])} 撤销，不再有效。"
            f"撤销原因：{row['revoke_reason'] or '未注明'}。如有疑问，请联系所在院校。"
        )
    if row["state"] == CertificateState.SUPERSEDED.value:
        return f"该证书已更正换发，请使用新证书 {row['successor'] or ''}。".replace(" 。", "。")
    return ""


def _place(row: dict[str, Any]) -> dict[str, Any]:
    level = Level(row["level"])
    return {
        "plan": row["plan"],
        "exam_date": row["exam_date"].isoformat(),
        "certificate": row["certificate"],
        "level": level.value,
        "level_name": level.label,
        "school": row["school"],
    }


def _withheld(row: dict[str, Any]) -> dict[str, Any]:
    missing = _missing_hours(row)
    if missing:
        said = "、".join(f"{name}还差 {hours:g} 小时" for name, hours in missing.items())
        return {
            "code": "practice_missing",
            "title": "证书暂缓发放",
            "detail": f"您已通过考核。按标准要求，{said}；记录补齐后即可进入签发。请联系所在院校登记学时。",
            "missing": {_HOURS[name]: float(hours) for name, hours in missing.items()},
            **_place(row),
        }
    code, title, why = _BATCH.get(row["batch"], _BATCH[None])
    return {
        "code": code,
        "title": title,
        "detail": f"您已通过考核，{why}。证书发放后可在这里直接查看，无需其他操作。",
        "missing": {},
        **_place(row),
    }


_HOURS = {"督导": "supervision_hours", "实践": "practice_hours"}


def _missing_hours(row: dict[str, Any]) -> dict[str, Decimal]:
    """The hours that are still to be put on record, where the plan asks for them (S13)."""
    if not row["requires_practice"]:
        return {}
    asked = dict(zip(_HOURS, Level(row["level"]).hours, strict=True))
    gaps = {name: hours - (row[_HOURS[name]] or Decimal(0)) for name, hours in asked.items()}
    return {name: gap for name, gap in gaps.items() if gap > 0}


def _not_released(row: dict[str, Any]) -> dict[str, Any]:
    until: datetime | None = row["release_at"]
    when = f"预计 {say_minute(until)} 公布。" if until else "公布时间尚未确定。"
    return {
        "code": "not_released",
        "title": "成绩尚未公布",
        "detail": f"{row['plan']}的成绩尚未公布，{when}成绩公布并完成签发后，合格考生的证书会显示在这里。",
        "until": local(until).isoformat(timespec="seconds") if until else None,
        **_place(row),
    }


def _not_passed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": "not_passed",
        "title": f"考证结果：{wording.OUTCOME[row['outcome']]}",
        "detail": f"{row['plan']}没有证书可发放。{wording.OUTCOME_ADVICE[row['outcome']]}",
        "outcome": row["outcome"],
        **_place(row),
    }
