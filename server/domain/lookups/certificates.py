"""我的证书 (S93): each certificate with its state, and why one is not there yet (S13, S85–S90)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from server.domain.beijing import say_minute
from server.domain.certificates.claims import code_url
from server.domain.certificates.states import CertificateState
from server.domain.exams.results import Result
from server.domain.levels import Level
from server.domain.lookups import queries, wording
from server.domain.lookups.queries import CertificateRow
from server.domain.lookups.results import place
from server.domain.lookups.views import CertificateItem, CertificatesView, Missing, Notice, Standing, Withheld
from server.domain.people.candidates import masked
from server.domain.ports import Services, WeChatIdentity
from server.domain.ports.lookups import READY_SECONDS

UNDER_WAY_SECONDS = (
    60  # where a batch stands changes without a word to look-ups; so much delay there is no untruth
)
_BATCH = {
    None: ("in_preparation", "证书准备中", "评价组织正在核对签发信息"),
    "prepared": ("in_preparation", "证书准备中", "评价组织正在核对签发信息"),
    "returned": ("in_preparation", "证书准备中", "签发信息正在由评价组织更正"),
    "site_pending": ("awaiting_school", "待院校签发", "正在等待院校确认签发"),
    "school_signed": ("in_production", "证书生成中", "院校已确认签发，电子证书即将生成"),
    "generating": ("in_production", "证书生成中", "电子证书正在生成"),
}


async def certificates(s: Services, who: WeChatIdentity) -> CertificatesView:
    """Each certificate; those that are earned but not there yet, with the reason; and why there is nothing else."""
    now = s.clock.now()
    record = await queries.certificates(who, now)
    if record is None:  # never kept
        return CertificatesView(None, (), (), (wording.NOT_BOUND,), Standing.between([], now, seconds=0))
    items, withheld, notices = [], [], []
    for row in record.rows:
        if row["number"] is not None:
            items.append(_item(s.settings.public_url, row["number"], row))
        elif row["release_at"] is None or row["release_at"] > now:
            notices.append(_not_released(row))
        elif row["outcome"] == Result.PASSED.value:
            withheld.append(_withheld(row))
        else:
            notices.append(_not_passed(row))
    if not items and not withheld and not notices:
        notices.append(wording.NO_REGISTRATION)
    seconds = UNDER_WAY_SECONDS if withheld else READY_SECONDS
    return CertificatesView(
        masked(s.keys, record.name, record.id_sealed),
        tuple(items),
        tuple(withheld),
        tuple(notices),
        Standing.between([row["release_at"] for row in record.rows], now, seconds=seconds),
    )


async def certificate(s: Services, who: WeChatIdentity, number: str) -> CertificateItem | None:
    """One certificate of this person; None when it is not theirs or not there: nobody can tell which."""
    return next((item for item in (await certificates(s, who)).items if item.number == number), None)


def _item(public_url: str, number: str, row: CertificateRow) -> CertificateItem:
    level = Level(row["says_level"])
    return CertificateItem(
        number=number,
        state=CertificateState(row["state"]),
        certificate=row["says_certificate"],
        level=level,
        standard=row["says_standard"],
        certifies=wording.CERTIFIES[level],
        plan=row["says_plan"],
        exam_date=date.fromisoformat(row["says_exam_date"]),
        issued_on=date.fromisoformat(row["says_issued_on"]),
        issued_at=row["issued_at"],
        school=row["says_school"],
        issuer=row["says_issuer"],
        portal_number=row["portal_number"] or None,
        expires_on=row["expires_on"],
        revoked_at=row["revoked_at"],
        revoke_reason=row["revoke_reason"] or None,
        superseded_by=row["successor"],
        superseded_at=row["superseded_at"],
        advice=_advice(row),
        verification_url=code_url(public_url, row["code"]),
    )


def _advice(row: CertificateRow) -> str:
    if row["state"] == CertificateState.REVOKED.value and row["revoked_at"] is not None:
        return (
            f"该证书已于 {say_minute(row['revoked_at'])} 撤销，不再有效。"
            f"撤销原因：{row['revoke_reason'] or '未注明'}。"
            + (
                f"已另发新证书 {row['successor']}。"
                if row["successor"]
                else f"如有疑问，请联系{row['says_school']}。"
            )
        )
    if row["state"] == CertificateState.SUPERSEDED.value and row["superseded_at"] is not None:
        return (
            f"该证书因{row['superseded_word'] or '更正'}，已于 {say_minute(row['superseded_at'])} 换发，"
            f"不再有效。请使用新证书 {row['successor']}。"
        )
    return ""


def _withheld(row: CertificateRow) -> Withheld:
    missing = _missing(row)
    if missing:
        gaps = (("督导", missing.supervision), ("实践", missing.practice))
        lacks = "、".join(f"{name}还差 {hours:g} 小时" for name, hours in gaps if hours)
        detail = f"您已通过考试。按标准要求，{lacks}；记录补齐后即可进入签发。请联系{row['school']}登记学时。"
        return Withheld("practice_missing", "证书暂缓发放", detail, place(row), missing)
    code, title, why = _BATCH.get(row["batch"], _BATCH[None])
    detail = f"您已通过考试，{why}。证书发放后可在这里直接查看，无需其他操作。"
    return Withheld(code, title, detail, place(row), Missing())


def _missing(row: CertificateRow) -> Missing:
    """The hours that are still to be put on record, where the plan asks for them (S13)."""
    if not row["requires_practice"]:
        return Missing()
    supervision, practice = Level(row["level"]).hours
    return Missing(_gap(supervision, row["supervision_hours"]), _gap(practice, row["practice_hours"]))


def _gap(needed: Decimal, have: Decimal | None) -> Decimal:
    return max(needed - (have or Decimal(0)), Decimal(0))


def _not_released(row: CertificateRow) -> Notice:
    until: datetime | None = row["release_at"]
    when = f"预计 {say_minute(until)} 公布。" if until else "公布时间尚未确定。"
    detail = f"{row['plan']}的成绩尚未公布，{when}成绩公布并完成签发后，合格考生的证书会显示在这里。"
    return Notice("not_released", "成绩尚未公布", detail, place(row), until)


def _not_passed(row: CertificateRow) -> Notice:
    outcome = Result(row["outcome"])
    detail = f"{row['plan']}没有证书可发放。{wording.advice(outcome, row['school'])}"
    return Notice("not_passed", f"考证结果：{outcome.label}", detail, place(row), outcome=outcome)
