"""成绩: what a row says, and what it comes to against the records (S21, S25, S52, S84). `score_writing` writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from server.domain.imports import cells
from server.domain.imports.drafts import Column, Draft
from server.domain.imports.score_records import Entry, Known, Registered, Seat, load
from server.domain.imports.score_writing import Work, take
from server.domain.imports.verdicts import Row, Verdict, judge_person
from server.domain.ports import Services
from server.domain.results import Status, site_name

__all__ = ["COLUMNS", "TITLE", "judge", "load", "settle", "take"]

TITLE = "成绩"
COLUMNS: tuple[Column, ...] = (
    Column("考试计划", cells.needed(120)),
    Column("考试日期", cells.exam_date),
    Column("证书名称", cells.needed(100)),
    Column("证书等级", cells.level),
    Column("院校", cells.needed(100)),
    Column("考核站点", cells.text(200), required=False),
    Column("准考证号", cells.admission_number),
    Column("姓名", cells.name),
    Column("证件号码", cells.id_number),
    Column("考试科目", cells.needed(60)),
    Column("成绩", cells.score),
    Column("备注", cells.text(200), required=False),
)
_ADVICE = "有成绩就清空备注里的这个词；确是{word}，就清空成绩。"


def settle(draft: Draft) -> None:
    """成绩 and 备注 together: a score, or one of the four words, never both and never neither (S84)."""
    if "成绩" not in draft.values or "备注" not in draft.values:
        return
    mark, remark = draft.values["成绩"], draft.values["备注"]
    word = Status.of_label(remark)
    word = None if word is Status.SCORED else word
    if isinstance(mark, Status):
        if word not in (None, mark):
            draft.refuse("备注", "status_differs", "成绩和备注写的情况不同，请只保留正确的一个。")
        draft.values["成绩"] = (mark.value, None)
    elif mark is not None and word is not None:
        draft.refuse(
            "成绩", "score_and_status", f"备注是“{word.label}”却有成绩。{_ADVICE.format(word=word.label)}"
        )
    elif mark is not None:
        draft.values["成绩"] = (Status.SCORED.value, mark)
    elif word is not None:
        draft.values["成绩"] = (word.value, None)
    else:
        draft.refuse("成绩", "missing", "请填写成绩；没有成绩的，请在备注里写缺考、缓考、违纪或作弊。")


@dataclass(slots=True)
class _Above:
    """What the good rows above have said."""

    plans: dict[str, tuple[date, str]] = field(default_factory=dict)
    seats: dict[str, tuple[Seat, int]] = field(default_factory=dict)
    admissions: dict[tuple[Seat, int], str] = field(default_factory=dict)
    marks: dict[tuple[str, str], Entry] = field(default_factory=dict)


def judge(s: Services, known: Known, drafts: list[Draft]) -> Verdict:
    """Compare every draft with the records and with the good rows above it."""
    work, above = Work(known), _Above()
    verdict = Verdict(work=work)
    for draft in drafts:
        person = judge_person(draft, known.people)
        _judge_place(draft, known, above)
        if draft.errors or person is None:
            continue
        seat = _seat(draft)
        if not _judge_admission(draft, known, above, seat, person):
            continue
        _judge_mark(draft, known, above, verdict, seat, person)
    _note(verdict, work, known)
    return verdict


def _seat(draft: Draft) -> Seat:
    v = draft.values
    return Seat(v["考试计划"], v["证书名称"], v["证书等级"], v["院校"])


def _judge_place(draft: Draft, known: Known, above: _Above) -> None:
    """Certificate, school, plan and site, each as far as its cells could be read."""
    certificate, school, level = draft.get("证书名称"), draft.get("院校"), draft.get("证书等级")
    if certificate is not None and certificate not in known.kinds:
        draft.refuse(
            "证书名称", "certificate_unknown", "系统里没有这种证书，请核对证书名称，须与证书全称完全一致。"
        )
    if school is not None and school not in known.schools:
        draft.refuse("院校", "school_unknown", "系统里没有这所院校，请核对名称，或先导入该校的考生信息。")
    if certificate and school and level:
        built, given = site_name(school, certificate, level), draft.get("考核站点")
        if given and given != built:
            draft.refuse(
                "考核站点",
                "site_name",
                f"考核站点名称由院校、证书和等级组成（S52），应为“{built}”，请改正或清空。",
            )
    plan, day = draft.get("考试计划"), draft.get("考试日期")
    if plan is None or day is None or certificate is None:
        return
    before = known.plans.get(plan) or above.plans.get(plan)
    if before is not None and before[0] != day:
        draft.refuse("考试日期", "plan_date_differs", "同一考试计划的考试日期与前面登记的不同，请核对。")
    elif before is not None and before[1] != certificate:
        draft.refuse(
            "证书名称", "plan_certificate_differs", "同一考试计划的证书名称与前面登记的不同，请核对。"
        )
    elif not draft.errors:
        above.plans.setdefault(plan, (day, certificate))


def _judge_admission(draft: Draft, known: Known, above: _Above, seat: Seat, person: Row) -> bool:
    """An admission number is one person's at one place, and a person has one of them there."""
    number = draft.values["准考证号"]
    registered = known.registrations.get(number)
    holder = (registered.seat, registered.candidate_id) if registered else above.seats.get(number)
    mine = (seat, person["id"])
    if holder is not None and holder != mine:
        if holder[1] != mine[1]:
            draft.refuse("准考证号", "admission_other_person", "这个准考证号属于另一位考生，请核对。")
        else:
            draft.refuse(
                "准考证号", "admission_other_plan", "这个准考证号属于另一场考试或另一考核站点，请核对。"
            )
    other = known.admissions.get(mine) or above.admissions.get(mine)
    if holder is None and other is not None and other != number:
        draft.refuse("准考证号", "registered_twice", "这位考生在这场考试里已有另一个准考证号，请核对。")
    return not draft.errors


def _judge_mark(draft: Draft, known: Known, above: _Above, verdict: Verdict, seat: Seat, person: Row) -> None:
    number, subject = draft.values["准考证号"], draft.values["考试科目"]
    mark: tuple[str, Decimal | None] = draft.values["成绩"]
    work: Work = verdict.work
    entry = above.marks.get((number, subject))
    if entry is not None:
        if entry.mark == mark:
            verdict.unchanged += 1
        else:
            draft.refuse(
                "准考证号", "admission_twice", "同一准考证号同一科目出现两次而成绩不同，请只保留正确的一行。"
            )
        return
    registered = known.registrations.get(number)
    was = known.marks.get((registered.id, subject)) if registered else None
    if was != mark and (refusal := known.closed(seat, subject)) is not None:
        draft.refuse(*refusal)
        return
    above.seats.setdefault(number, (seat, person["id"]))
    above.admissions.setdefault((seat, person["id"]), number)
    above.marks[number, subject] = Entry(number, subject, mark, was)
    if was == mark:
        verdict.unchanged += 1
        return
    verdict.taken += 1
    work.entries.append(above.marks[number, subject])
    if registered is None:
        work.registrations.setdefault(number, Registered(0, person["id"], seat, number))
    work.seats.setdefault(seat, draft.values["考试日期"])
    work.subjects.setdefault((seat.plan, seat.level), set()).add(subject)


def _note(verdict: Verdict, work: Work, known: Known) -> None:
    if plans := sorted({seat.plan for seat in work.seats} - known.plans.keys()):
        verdict.notes.append(f"新增考试计划：{'、'.join(plans)}。如是笔误，请改正后重新导入。")
    for (plan, level), subjects in work.subjects.items():
        had = known.subjects.get((plan, level), set())
        if had and (new := sorted(subjects - had)):
            verdict.notes.append(
                f"{plan}（{level.label}）新增科目：{'、'.join(new)}。新科目没有成绩的考生，结果变为“成绩未齐”。"
            )
