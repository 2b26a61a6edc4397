"""An invented cohort: people who do not exist, always the same ones for the same seed.

Identity numbers carry an unassigned area code (99xxxx) and a right check character, phone numbers begin with 199.
The order of the random draws is the generator's contract: tests and screenshots name these people.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from io import BytesIO
from typing import Any

from openpyxl import Workbook

from server.domain.people.candidates import check_character

CERTIFICATE = "社会心理服务职业技能等级证书"
SUBJECT = "社会心理服务（机考）"
SCHOOLS = (
    "京华职业技术学院",
    "江岸卫生职业学院",
    "岭南师范职业学院",
    "滨海开放大学",
    "云山中等专业学校",
    "河洛应用技术大学",
)
PLANS = tuple((f"2023年9月{day}日社会心理服务证书考试计划", date(2023, 9, day)) for day in (22, 23))
LEVELS = ("初级", "中级")
PEOPLE_HEADER = (
    "姓名",
    "证件类型",
    "证件号码",
    "手机号",
    "考生类型",
    "院校",
    "专业代码",
    "专业名称",
    "专业版本号",
    "专业层次",
)
SCORE_HEADER = (
    "考试计划",
    "考试日期",
    "证书名称",
    "证书等级",
    "院校",
    "考核站点",
    "准考证号",
    "姓名",
    "证件号码",
    "考试科目",
    "成绩",
    "备注",
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余叶蒋杜苏魏程吕丁沈任姚卢傅钟姜崔谭廖范汪陆金石戴贾韦夏邱方侯邹熊孟秦"
    "白江阎薛尹段雷黎史龙陶贺顾毛郝龚邵万"
)
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红玲芬燕彬辉建国文斌宇浩凯健俊帆雪琴云莲真环荣爱妹香月莺媛瑞凡佳嘉琼勤珍贞莉欣怡婷雯梓涵子轩一诺思远若曦"
_RARE_NAMES = ("欧阳·阿卜杜拉", "司马𬱖", "䶮昊", "买买提·艾力")
_MAJORS = (
    ("520201", "护理", "高职"),
    ("570102K", "学前教育", "高职"),
    ("590106", "公共关系", "高职"),
    ("071102", "应用心理学", "本科"),
)
_ABSENT = 0.04
_SOCIAL = 0.1


@dataclass(frozen=True, slots=True)
class Person:
    """One invented candidate with one examination."""

    name: str
    id_number: str
    mobile: str
    is_social: bool
    school: str
    major: tuple[str, str, str] | None
    plan: str
    exam_date: date
    level: str
    admission_number: str
    score: float | None

    @property
    def passed(self) -> bool:
        return self.score is not None and self.score >= 60

    @property
    def site(self) -> str:
        return f"{self.school}{CERTIFICATE}{self.level}"

    def people_row(self) -> list[Any]:
        code, name, tier = self.major or ("", "", "")
        version = "2021" if self.major else ""
        kind = "社会考生" if self.is_social else "本校考生"
        return [
            self.name,
            "居民身份证",
            self.id_number,
            self.mobile,
            kind,
            self.school,
            code,
            name,
            version,
            tier,
        ]

    def score_row(self) -> list[Any]:
        absent = self.score is None
        return [
            self.plan,
            self.exam_date.isoformat(),
            CERTIFICATE,
            self.level,
            self.school,
            self.site,
            self.admission_number,
            self.name,
            self.id_number,
            SUBJECT,
            "" if absent else self.score,
            "缺考" if absent else "",
        ]


def people(count: int, *, schools: int = 3, seed: int = 7) -> list[Person]:
    """`count` invented candidates (a few less when a number comes up twice)."""
    rng = random.Random(seed)  # noqa: S311 -- repeatable on purpose
    persons: list[Person] = []
    numbers: set[str] = set()
    for place in range(count):
        number = _number(rng)
        if number in numbers:
            continue
        numbers.add(number)
        persons.append(_person(rng, place, number, schools))
    return persons


def _number(rng: random.Random) -> str:
    born = date(1998, 1, 1) + timedelta(days=rng.randrange(365 * 8))
    first17 = f"99{rng.randrange(100, 9999):04d}{born:%Y%m%d}{rng.randrange(1, 999):03d}"
    return first17 + check_character(first17)


def _person(rng: random.Random, place: int, number: str, schools: int) -> Person:
    is_social = rng.random() < _SOCIAL
    major = rng.choice(_MAJORS)
    plan, day = rng.choice(PLANS)
    level = rng.choice(LEVELS)
    school = SCHOOLS[rng.randrange(schools)]
    is_absent = rng.random() < _ABSENT
    score = None if is_absent else round(min(100, max(12, rng.gauss(71, 13))), 1)
    if place % 97 == 96:
        name = rng.choice(_RARE_NAMES)
    else:
        name = rng.choice(_SURNAMES) + "".join(rng.sample(_GIVEN, rng.choice((1, 2))))
    return Person(
        name=name,
        id_number=number,
        mobile=f"199{rng.randrange(10**8):08d}",
        is_social=is_social,
        school=school,
        major=None if is_social else major,
        plan=plan,
        exam_date=day,
        level=level,
        admission_number=f"23{day:%m%d}{place:07d}",
        score=score,
    )


def people_book(persons: Iterable[Person]) -> bytes:
    """考生信息.xlsx"""
    return book(PEOPLE_HEADER, [person.people_row() for person in persons])


def score_book(persons: Iterable[Person]) -> bytes:
    """成绩.xlsx"""
    return book(SCORE_HEADER, [person.score_row() for person in persons])


def names(persons: Iterable[Person]) -> dict[str, list[str]]:
    """The plans, schools and sites of these people, by kind, as an import wants them confirmed."""
    everybody = list(persons)
    return {
        "plans": sorted({person.plan for person in everybody}),
        "schools": sorted({person.school for person in everybody}),
        "sites": sorted({person.site for person in everybody}),
    }


def book(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A workbook with one sheet."""
    workbook = Workbook(write_only=True)
    sheet = workbook.create_sheet("Sheet1")
    sheet.append(header)
    for row in rows:
        sheet.append(row)
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()


def examples(*, beside: int, count: int = 40) -> dict[str, bytes]:
    """Spreadsheets to try the import with: people who come after the first `beside`, and a sheet with mistakes."""
    more = people(beside + count)[beside:]
    rows = [person.score_row() for person in more]
    for place, column, value in (
        (0, "成绩", 101),
        (1, "姓名", ""),
        (2, "证书等级", "特级"),
        (3, "成绩", "优秀"),
    ):
        rows[place] = [*rows[place]]
        rows[place][SCORE_HEADER.index(column)] = value
    return {
        "考生信息.xlsx": people_book(more),
        "成绩.xlsx": score_book(more),
        "成绩（有错误的）.xlsx": book(SCORE_HEADER, rows),
    }
