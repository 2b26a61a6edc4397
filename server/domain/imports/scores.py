"""成绩: what a row says, and what it comes to against the records (S21, S25, S52, S84). `score_writing` writes it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from operator import itemgetter
from typing import Any

from server.domain.exams.results import Result, Status, outcome_of, say, site_name
from server.domain.imports import cells
from server.domain.imports.import_plan import Verdict, judge_person, who
from server.domain.imports.new_names import Names, Register, likely
from server.domain.imports.on_record import OnRecord
from server.domain.imports.parsed_rows import Column, Draft
from server.domain.imports.score_clashes import judge_whole
from server.domain.imports.score_records import Entry, Mark, Records, Registered, Seat, load
from server.domain.imports.score_writing import Work, take
from server.domain.imports.uniqueness import row_numbers
from server.domain.ports import PdfRenderer

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
_SCORED = Status.SCORED.value
_ADVICE = "有成绩就清空备注里的这个词；确是{word}，就清空成绩。"


def settle(draft: Draft) -> None:
    """成绩 and 备注 together: a score, or one of the four words, never both and never neither (S84)."""
    if "成绩" not in draft.values or "备注" not in draft.values:
        return
    mark, remark = draft.values["成绩"], draft.values["备注"]
    if not remark and isinstance(mark, Decimal):  # so nearly every row
        draft.values["成绩"] = (_SCORED, mark)
        return
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
        draft.values["成绩"] = (_SCORED, mark)
    elif word is not None:
        draft.values["成绩"] = (word.value, None)
    else:
        draft.refuse("成绩", "missing", "请填写成绩；没有成绩的，请在备注里写缺考、缓考、违纪或作弊。")


def judge(pdf_renderer: PdfRenderer, records: Records, drafts: list[Draft], creating: Names) -> Verdict:
    """Judge what must be unique over the whole file, then every draft against the records."""
    register = Register(
        creating, {"plans": records.every_plan, "schools": records.schools, "sites": records.sites}
    )
    work = Work(records)
    verdict = Verdict(work=work, register=register)
    judge_whole(records, drafts)
    changed: list[tuple[Draft, Entry]] = []
    entries: dict[tuple[str, str], Entry] = {}
    places = _Places(records, register)
    for draft in drafts:
        person = judge_person(draft, records.people)
        seat = places.seat_of(draft)
        if draft.errors or person is None or seat is None or not places.admit(draft, seat):
            continue
        registered = _judge_admission(draft, records, person, seat)
        if draft.errors:
            continue
        entry = _entry(draft, records, registered)
        if entry.was == entry.mark or (entry.number, entry.subject) in entries:
            verdict.unchanged += 1
        elif (refusal := records.closed(seat, entry.subject, is_registered=bool(registered))) is not None:
            draft.refuse(*refusal)
        else:
            entries[entry.number, entry.subject] = entry
            _plan_writing(work, draft, entry, registered, person, seat)
            changed.append((draft, entry))
    _tell(verdict, records, changed)
    _note(verdict, work, records)
    return verdict


_PLACE = itemgetter("考试计划", "证书名称", "证书等级", "院校", "考试日期", "考核站点")


class _Places:
    """The places of a sheet, judged once each: a thousand rows say the same plan, school and site.

    What is refused is judged for every row, for each is told why.
    """

    def __init__(self, records: Records, register: Register) -> None:
        self._records, self._register = records, register
        self._sound: dict[tuple[Any, ...], Seat] = {}
        self._admitted: set[Seat] = set()

    def seat_of(self, draft: Draft) -> Seat | None:
        """Judge the row's place; its seat, or None if a cell that says it could not be read."""
        try:
            place = _PLACE(draft.values)
        except KeyError:
            _judge_place(draft, self._records)
            return None
        if (seat := self._sound.get(place)) is None:
            before = len(draft.errors)
            _judge_place(draft, self._records)
            seat = Seat(*place[:4])
            if len(draft.errors) == before:
                self._sound[place] = seat
        return seat

    def admit(self, draft: Draft, seat: Seat) -> bool:
        """Whether plan and site are on record or confirmed; both are asked for at once."""
        if seat in self._admitted:
            return True
        site = site_name(seat.school, seat.certificate, seat.level)
        plan_is_known = self._register.admits(draft, "plans", seat.plan, "考试计划")
        if self._register.admits(draft, "sites", site, "考核站点") and plan_is_known:
            self._admitted.add(seat)
            return True
        return False


def _judge_place(draft: Draft, records: Records) -> None:
    """Certificate, school, plan and site, each as far as its cells could be read."""
    certificate, school, level = draft.get("证书名称"), draft.get("院校"), draft.get("证书等级")
    if certificate is not None and certificate not in records.kinds:
        draft.refuse(
            "证书名称", "certificate_unknown", "系统里没有这种证书，请核对证书名称，须与证书全称完全一致。"
        )
    if school is not None and school not in records.schools:
        like = "、".join(f"“{other}”" for other in likely(school, records.schools))
        draft.refuse(
            "院校",
            "school_unknown",
            f"系统里没有这所院校{f'，看起来像已有的{like}' if like else ''}。请核对名称，或先导入该校的考生信息。",
        )
    if certificate and school and level:
        built, site = site_name(school, certificate, level), draft.get("考核站点")
        if site and site != built:
            draft.refuse(
                "考核站点",
                "site_name",
                f"考核站点名称由院校、证书和等级组成，应为“{built}”，请改正或清空。",
            )
    plan, day = draft.get("考试计划"), draft.get("考试日期")
    if plan is not None and day is not None and certificate is not None:
        _judge_plan(draft, records, plan, day, certificate)


def _judge_plan(draft: Draft, records: Records, plan: str, day: date, certificate: str) -> None:
    """A plan has one date and one certificate; an import never moves them, and a new one's date must make sense."""
    on_record = records.plans.get(plan)
    if on_record is None:
        since = records.since.get(certificate)
        if day > records.today:
            draft.refuse(
                "考试日期", "exam_date_future", f"考试日期 {day} 还没有到，却已有成绩，请核对年份和月日。"
            )
        elif since is not None and day < since:
            draft.refuse(
                "考试日期",
                "exam_date_early",
                f"考试日期 {day} 早于这种证书标准的实施日期 {since}，请核对年份。",
            )
    elif on_record[0] != day:
        draft.refuse(
            "考试日期",
            "plan_date_differs",
            f"“{plan}”登记的考试日期是 {on_record[0]}，表格里是 {day}，不能用导入更改；请核对日期或考试计划名称。",
        )
    elif on_record[1] != certificate:
        draft.refuse(
            "证书名称",
            "plan_certificate_differs",
            f"“{plan}”登记的证书是“{on_record[1]}”，与表格里的不同，请核对。",
        )


def _judge_admission(draft: Draft, records: Records, person: OnRecord, seat: Seat) -> Registered | None:
    """The registration that this admission number stands for, if it is this person's at this place."""
    number = draft.values["准考证号"]
    registered = records.registrations.get(number)
    if registered is not None and registered.candidate_id != person.id:
        draft.refuse(
            "准考证号",
            "admission_other_person",
            "这个准考证号在系统里属于另一位考生，请核对准考证号和证件号码。",
        )
    elif registered is not None and registered.seat != seat:
        draft.refuse(
            "准考证号", "admission_other_plan", "这个准考证号属于另一考试计划或另一考核站点，请核对。"
        )
    other = records.admissions.get((seat, person.id))
    if registered is None and other is not None:
        draft.refuse(
            "准考证号", "registered_twice", f"这位考生在这个考试计划里已有准考证号 {other}，请核对。"
        )
    return registered


def _entry(draft: Draft, records: Records, registered: Registered | None) -> Entry:
    subject, mark = draft.values["考试科目"], draft.values["成绩"]
    was = records.marks.get(registered.id, {}).get(subject) if registered else None
    return Entry(draft.values["准考证号"], subject, mark, was)


def _plan_writing(
    work: Work, draft: Draft, entry: Entry, registered: Registered | None, person: OnRecord, seat: Seat
) -> None:
    work.entries.append(entry)
    if registered is None and entry.number not in work.registrations:
        work.registrations[entry.number] = Registered(0, person.id, seat, entry.number)
    work.seats.setdefault(seat, draft.values["考试日期"])
    work.subjects.setdefault((seat.plan, seat.level), set()).add(entry.subject)


def _tell(verdict: Verdict, records: Records, changed: list[tuple[Draft, Entry]]) -> None:
    """New marks are counted; changed ones are told with what they do to the result."""
    became: dict[str, dict[str, Mark]] = {}
    for _, entry in changed:
        became.setdefault(entry.number, {})[entry.subject] = entry.mark
    lost = []
    for draft, entry in changed:
        registered = records.registrations.get(entry.number)
        if registered is None:
            verdict.add_new(draft)
            continue
        stood = records.marks.get(registered.id, {})
        subjects = records.subjects.get((registered.seat.plan, registered.seat.level), set())
        was = outcome_of(stood, subjects)
        now = outcome_of(stood | became[entry.number], subjects | became[entry.number].keys())
        is_grave = was is Result.PASSED and now is not Result.PASSED
        if is_grave:
            lost.append(draft.row)
        if entry.was is None:
            verdict.add_new(draft)
            continue
        changes = [(entry.subject, say(entry.was), say(entry.mark))]
        changes += [("考证结果", was.label, now.label)] if was is not now else []
        verdict.add_changed(draft, who(draft), changes, is_grave=is_grave)
    if lost:
        verdict.notes.append(f"{row_numbers(lost)}的考生现在是“通过”，写入后不再通过，请逐一核对。")


def _note(verdict: Verdict, work: Work, records: Records) -> None:
    plans = frozenset(seat.plan for seat in work.seats) - records.every_plan
    sites = frozenset(site_name(seat.school, seat.certificate, seat.level) for seat in work.seats)
    verdict.creates = Names(plans=plans, sites=sites - records.sites)
    for (plan, level), subjects in work.subjects.items():
        had = records.subjects.get((plan, level), set())
        if had and (new := sorted(subjects - had)):
            verdict.notes.append(
                f"{plan}（{level.label}）新增科目：{'、'.join(new)}。新科目没有成绩的考生，结果变为“成绩未齐”。"
            )
