"""What a row must be to be taken: every refusal against the records, each with its code and column."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from server import demo_cohort
from server.adapters import keys
from server.demo_cohort import PEOPLE_HEADER, SCORE_HEADER, Person
from server.domain.levels import Level
from server.domain.ports import Services
from server.models import (
    AuditEntry,
    Candidate,
    Issuance,
    LookupChange,
    Plan,
    PlanSlot,
    Registration,
    School,
    Score,
    Site,
)
from tests.kit import make
from tests.kit.cohort import changed
from tests.kit.columns import column
from tests.kit.exchange import exchange
from tests.kit.import_rules import HOURS, ONE, PEOPLE, TWO, codes, person_row, scores, take

# 考生信息


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ({"姓名": "崔\n涵"}, "姓名", "name_control"),
        ({"姓名": "崔涵9"}, "姓名", "name_characters"),
        ({"姓名": "崔\ue863"}, "姓名", "name_private"),
        ({"证件类型": "护照"}, "证件类型", "id_kind_unknown"),
        ({"证件号码": ""}, "证件号码", "missing"),
        ({"证件号码": 110105194912310020}, "证件号码", "number_rounded"),
        ({"证件号码": "9.92571E+17"}, "证件号码", "number_rounded"),
        ({"手机号": "1"}, "手机号", "mobile_invalid"),
        ({"考生类型": "旁听"}, "考生类型", "kind_unknown"),
        ({"院校": ""}, "院校", "missing"),
        ({"院校": "院" * 101}, "院校", "too_long"),
        ({"专业名称": "护\n理"}, "专业名称", "control_character"),
    ],
)
async def test_a_candidates_cell_is_refused(services: Services, cells: Any, column: str, code: str) -> None:
    ended = await take(services, "candidates", PEOPLE_HEADER, person_row(ONE, **cells))
    assert codes(ended) == [(2, column, code)]
    assert ended.errors[0]["detail"].endswith("。")
    assert not await Candidate.all().exists()


@pytest.mark.rule("S57")
async def test_social_candidates_have_no_major(services: Services) -> None:
    ended = await take(services, "candidates", PEOPLE_HEADER, person_row(ONE, 考生类型="社会考生"))
    assert codes(ended) == [
        (2, title, "major_of_social") for title in ("专业代码", "专业名称", "专业版本号", "专业层次")
    ]


@pytest.mark.rule("S67")
async def test_a_name_on_record_is_not_changed_by_an_import(known: Services) -> None:
    ended = await take(known, "candidates", PEOPLE_HEADER, person_row(ONE, 姓名="另一人"))
    assert codes(ended) == [(2, "姓名", "name_differs")]
    assert await Candidate.filter(name=ONE.name).exists()


async def test_other_data_of_a_candidate_may_change_and_is_in_the_trail(known: Services) -> None:
    row = person_row(ONE, 手机号="19900000000", 院校="新学院", 专业名称="心理学")
    ended = await take(known, "candidates", PEOPLE_HEADER, row, TWO.people_row())
    assert (ended.rows_new, ended.rows_changed, ended.rows_unchanged) == (0, 1, 1)
    assert ONE.major is not None
    assert ended.differences == [
        {
            "row": 2,
            "who": f"{ONE.name} 99************{ONE.id_number[-4:]}",
            "changes": [
                {"what": "专业名称", "was": ONE.major[1], "became": "心理学"},
                {"what": "院校", "was": ONE.school, "became": "新学院"},
                {"what": "手机号", "was": f"199****{ONE.mobile[-4:]}", "became": "199****0000"},
            ],
            "is_grave": False,
        }
    ]
    person = await Candidate.get(name=ONE.name).prefetch_related("school")
    assert person.school is not None
    assert (person.school.name, person.major_name) == ("新学院", "心理学")
    assert known.keys.decrypt(person.mobile_sealed, about="candidate.mobile") == "19900000000"  # type: ignore[arg-type]
    old = await School.get(name=ONE.school)
    entry = await AuditEntry.get(action="candidate.change")
    assert (entry.subject_id, entry.was, entry.became) == (
        str(person.id),
        {"major_name": ONE.major[1], "school_id": old.id},
        {"major_name": "心理学", "school_id": person.school_id, "mobile": "已更换"},
    )


async def test_one_number_twice_in_a_file(services: Services) -> None:
    """Rows that say the same are one; of rows that differ none is taken, whichever came first."""
    same = await take(services, "candidates", PEOPLE_HEADER, ONE.people_row(), ONE.people_row())
    assert (same.rows_new, same.rows_unchanged, codes(same)) == (1, 1, [])
    rows = [TWO.people_row(), TWO.people_row(), person_row(TWO, 手机号="19900000000")]
    ended = await take(services, "candidates", PEOPLE_HEADER, *rows)
    assert codes(ended) == [(row, "证件号码", "person_twice") for row in (2, 3, 4)]
    assert ended.errors[0]["detail"] == (
        "第 2、3、4 行是同一证件号码，手机号却不同，这些行都没有写入；请只保留正确的一行。"
    )
    assert await column(Candidate.all(), "name") == [ONE.name]


async def test_people_are_found_under_an_older_key(known: Services, keys_dir: Any, tmp_path: Any) -> None:
    folder = tmp_path / "rotated"
    folder.mkdir()
    for file in keys_dir.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for purpose in ("index", "field"):
        keys.rotate(folder, purpose, organisation="x")
    exchange(known, keys=keys.KeyFolder(folder, production=False))
    again = await take(known, "candidates", PEOPLE_HEADER, ONE.people_row(), TWO.people_row())
    assert (again.rows_unchanged, again.rows_taken) == (2, 0)
    assert (await scores(known, ONE.score_row())).rows_taken == 1


async def test_characters_that_no_certificate_can_show_are_noted(services: Services) -> None:
    services.pdf_renderer.unprintable = "𬱖"  # type: ignore[attr-defined]
    ended = await take(services, "candidates", PEOPLE_HEADER, person_row(ONE, 姓名="司马𬱖"))
    assert ended.notes[-1] == "证书字体里没有第 2 行姓名中的“𬱖”，发放证书前请联系管理员补字。"


# 成绩


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        ({"考试计划": ""}, "考试计划", "missing"),
        ({"考试日期": ""}, "考试日期", "missing"),
        ({"考试日期": "九月"}, "考试日期", "date_unknown"),
        ({"证书名称": "心理咨询师", "考核站点": ""}, "证书名称", "certificate_unknown"),
        ({"院校": "不存在的学院", "考核站点": ""}, "院校", "school_unknown"),
        ({"考核站点": "别的站点"}, "考核站点", "site_name"),
        ({"准考证号": ""}, "准考证号", "missing"),
        ({"准考证号": "23*1"}, "准考证号", "admission_characters"),
        ({"准考证号": 2309220000000016000}, "准考证号", "number_rounded"),
        ({"证件号码": PEOPLE[5].id_number, "姓名": PEOPLE[5].name}, "证件号码", "candidate_unknown"),
        ({"姓名": "另一人"}, "姓名", "name_differs"),
        ({"考试科目": ""}, "考试科目", "missing"),
        ({"成绩": 100.5}, "成绩", "score_out_of_range"),
        ({"成绩": 87.25}, "成绩", "score_precision"),
        ({"成绩": "nan"}, "成绩", "score_not_a_number"),
        ({"成绩": ""}, "成绩", "missing"),
        ({"成绩": "", "备注": "请假"}, "成绩", "missing"),
        ({"成绩": 0, "备注": "缺考"}, "成绩", "score_and_status"),
        ({"成绩": "缓考", "备注": "缺考"}, "备注", "status_differs"),
        ({"成绩": "=1+1"}, "成绩", "formula"),
    ],
)
async def test_a_scores_cell_is_refused(known: Services, cells: Any, column: str, code: str) -> None:
    ended = await scores(known, changed(ONE, **cells))
    assert codes(ended) == [(2, column, code)]
    assert ended.errors[0]["detail"].endswith("。")
    assert not await Registration.all().exists()
    assert not await Plan.all().exists()


async def test_all_faults_of_a_row_are_told_at_once(known: Services) -> None:
    ended = await scores(known, changed(ONE, 证书等级="特级", 姓名="另一人", 成绩=101, 院校="没有的学院"))
    assert sorted(codes(ended)) == sorted(
        [
            (2, "证书等级", "level_unknown"),
            (2, "成绩", "score_out_of_range"),
            (2, "姓名", "name_differs"),
            (2, "院校", "school_unknown"),
        ]
    )


@pytest.mark.rule("S84")
@pytest.mark.parametrize(
    ("cells", "status", "score", "outcome"),
    [
        ({"成绩": 60}, "scored", Decimal("60.0"), "passed"),
        ({"成绩": "59.9"}, "scored", Decimal("59.9"), "failed"),
        ({"成绩": 0}, "scored", Decimal("0.0"), "failed"),
        ({"成绩": "", "备注": "缺考"}, "absent", None, "absent"),
        ({"成绩": "缺考"}, "absent", None, "absent"),
        ({"成绩": "缓考", "备注": "缓考"}, "deferred", None, "deferred"),
        ({"成绩": "", "备注": "违纪"}, "misconduct", None, "misconduct"),
        ({"成绩": "作弊"}, "cheating", None, "misconduct"),
        ({"成绩": 88, "备注": "复核"}, "scored", Decimal("88.0"), "passed"),
    ],
)
async def test_a_mark_and_the_outcome_are_two_things(
    known: Services, cells: Any, status: str, score: Any, outcome: str
) -> None:
    assert codes(await scores(known, changed(ONE, **cells))) == []
    mark = await Score.get().prefetch_related("registration")
    assert (mark.status, mark.score, mark.registration.outcome) == (status, score, outcome)


@pytest.mark.parametrize(
    "day",
    [
        "2023/9/22",
        "2023.09.22",
        "2023年9月22日",
        "20230922",
        "２０２３-９-２２",
        "2023-09-22 00:00:00",
        date(2023, 9, 22),
        datetime(2023, 9, 22),
        45191,
    ],
)
async def test_dates_as_people_write_them(known: Services, day: Any) -> None:
    assert codes(await scores(known, changed(ONE, 考试日期=day))) == []
    assert (await Plan.get()).exam_date.isoformat() == "2023-09-22"


async def test_admission_numbers_belong_to_one_person_at_one_place(known: Services) -> None:
    await scores(known, ONE.score_row())
    number = ONE.admission_number
    other_level = "中级" if ONE.level == "初级" else "初级"
    site = f"{ONE.school}{demo_cohort.CERTIFICATE}{other_level}"
    for row, code in (
        (changed(TWO, 准考证号=number), "admission_other_person"),
        (changed(ONE, 证书等级=other_level, 考核站点=site), "admission_other_plan"),
        (changed(ONE, 准考证号="9"), "registered_twice"),
    ):
        assert codes(await scores(known, row)) == [(2, "准考证号", code)]
    assert codes(await scores(known, TWO.score_row())) == []
    assert await Registration.all().count() == 2


async def test_a_changed_score_moves_the_outcome_and_leaves_a_trail(known: Services) -> None:
    await scores(known, changed(ONE, 成绩=59.5))
    assert not await AuditEntry.filter(action="score.change").exists()
    changes = await LookupChange.all().count()
    ended = await scores(known, changed(ONE, 成绩=60.5))
    assert (ended.rows_taken, ended.rows_unchanged) == (1, 0)
    registration = await Registration.get()
    assert registration.outcome == "passed"
    entry = await AuditEntry.get(action="score.change")
    assert (entry.subject_kind, entry.subject_id, entry.actor_id) == (
        "registration",
        str(registration.id),
        make.OPERATOR.id,
    )
    subject = {"subject": demo_cohort.SUBJECT, "status": "scored"}
    assert entry.was == {**subject, "score": "59.5", "outcome": "failed"}
    assert entry.became == {**subject, "score": "60.5", "outcome": "passed"}
    assert await LookupChange.all().count() == changes + 1


async def test_a_second_subject_makes_the_first_alone_incomplete(known: Services) -> None:
    rest = {"考试计划": ONE.plan, "证书等级": ONE.level, "考核站点": ""}
    await scores(
        known, changed(ONE, 成绩=80), changed(TWO, 成绩=80, 考试日期=ONE.exam_date.isoformat(), **rest)
    )
    ended = await scores(known, changed(ONE, 成绩=70, 考试科目="实操"))
    assert "新增科目：实操" in ended.notes[-1]
    outcomes = dict(await Registration.all().values_list("admission_number", "outcome"))
    assert outcomes == {ONE.admission_number: "passed", TWO.admission_number: "pending"}
    assert await PlanSlot.all().count() == 2


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("prepared", None),
        ("returned", None),
        ("site_pending", "batch_at_school"),
        ("school_signed", "batch_signed"),
        ("generating", "batch_signed"),
        ("issued", "batch_signed"),
    ],
)
async def test_a_batch_on_its_way_is_not_changed(known: Services, state: str, code: str | None) -> None:
    await scores(known, ONE.score_row())
    plan, site = await Plan.get(), await Site.get()
    await Issuance.create(plan=plan, site=site, state=state)
    assert codes(await scores(known, ONE.score_row())) == []
    ended = await scores(known, changed(ONE, 成绩=99))
    assert codes(ended) == ([] if code is None else [(2, "成绩", code)])
    assert (await Score.get()).score == (Decimal(99) if code is None else Decimal(str(ONE.score)))
    if code is not None:
        late = changed(
            TWO, 考试计划=ONE.plan, 考试日期=ONE.exam_date.isoformat(), 证书等级=ONE.level, 考核站点=""
        )
        late[SCORE_HEADER.index("院校")] = ONE.school
        assert codes(await scores(known, late)) == [(2, "成绩", code)]


async def test_no_subject_is_added_once_a_batch_of_the_level_is_on_its_way(known: Services) -> None:
    both = {
        "考试计划": ONE.plan,
        "考试日期": ONE.exam_date.isoformat(),
        "证书等级": ONE.level,
        "考核站点": "",
    }
    await scores(known, ONE.score_row(), changed(TWO, **both))
    site = await Site.get(school__name=ONE.school)
    assert TWO.school != ONE.school
    await Issuance.create(plan=await Plan.get(), site=site, state="issued")
    ended = await scores(known, changed(TWO, **both, 考试科目="实操"))
    assert codes(ended) == [(2, "考试科目", "subject_late")]


async def test_a_title_is_one_title_however_its_brackets_are_typed(known: Services) -> None:
    await scores(known, ONE.score_row())
    again = await scores(known, changed(ONE, 考试科目="社会心理服务(机考)"))
    assert (again.rows_unchanged, codes(again)) == (1, [])
    assert await column(PlanSlot.all(), "subject") == [demo_cohort.SUBJECT]


# 实践与督导学时


@pytest.mark.rule("S13")
async def test_hours_are_taken_changed_and_refused(known: Services) -> None:
    def row(person: Person, *rest: Any) -> list[Any]:
        return [person.name, person.id_number, "中级", *rest]

    first = await take(known, "practice", HOURS, row(ONE, 40, "125学时"), row(TWO, "５０", 125.5))
    assert (first.rows_taken, codes(first)) == (2, [])
    again = await take(known, "practice", HOURS, row(ONE, 50, 125), row(TWO, 50, 125.5), row(TWO, 50, 125.5))
    assert (again.rows_taken, again.rows_unchanged) == (1, 2)
    entry = await AuditEntry.get(action="practice.change")
    level = Level.INTERMEDIATE.value
    assert entry.was == {"level": level, "supervision_hours": "40.0", "practice_hours": "125.0"}
    assert entry.became == {"level": level, "supervision_hours": "50.0", "practice_hours": "125.0"}
    bad = await take(
        known,
        "practice",
        HOURS,
        row(ONE, "", 1),
        row(ONE, "多", 1),
        row(ONE, 10_000, 1),
        row(ONE, 1.25, 1),
        row(PEOPLE[5], 1, 1),
        row(ONE, 1, 1),
        row(ONE, 2, 1),
    )
    assert codes(bad) == [
        (2, "督导学时", "missing"),
        (3, "督导学时", "hours_not_a_number"),
        (4, "督导学时", "hours_out_of_range"),
        (5, "督导学时", "hours_precision"),
        (6, "证件号码", "candidate_unknown"),
        (7, "证书等级", "hours_twice"),
        (8, "证书等级", "hours_twice"),
    ]
