"""Every row of a file is taken, unchanged, refused or named; and who or when cannot be is refused."""

from __future__ import annotations

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from server.commands.imports import exit_code
from server.demo_cohort import PEOPLE_HEADER, SCORE_HEADER, book
from server.domain import beijing, imports
from server.domain.people.candidates import check_character
from server.domain.ports import Services
from server.errors import Refused
from server.models import Candidate, ImportRun
from tests.kit import importing, make
from tests.kit.cohort import changed
from tests.kit.import_rules import ONE, PEOPLE, TWO, codes, person_row, scores, take
from tests.kit.workbooks import front


def hiding(data: bytes, *rows: int) -> bytes:
    made = load_workbook(BytesIO(data))
    for row in rows:
        front(made).row_dimensions[row].hidden = True
    out = BytesIO()
    made.save(out)
    return out.getvalue()


async def test_the_rows_of_a_file_add_up(services: Services) -> None:
    await take(services, "candidates", PEOPLE_HEADER, ONE.people_row())
    rows = [
        [*ONE.people_row(), ""],
        [*TWO.people_row(), ""],
        [*PEOPLE[4].people_row(), "hidden"],
        [*person_row(PEOPLE[5], 姓名="=A1"), ""],
        [],
        [*[""] * 10, "以下空白"],
    ]
    data = hiding(book([*PEOPLE_HEADER, "说明"], rows), 4)
    ended = await importing.take(services, "candidates", "x.xlsx", data)
    assert codes(ended) == [(4, "姓名", "row_hidden"), (5, "姓名", "formula")]
    assert (
        ended.rows_total,
        ended.rows_taken,
        ended.rows_unchanged,
        ended.rows_refused,
        ended.rows_skipped,
    ) == (
        5,
        1,
        1,
        2,
        1,
    )
    assert "第 7 行只在不读取的列里有内容，没有导入。" in ended.notes
    assert any(note.startswith("第 4 行在表格里是隐藏的") for note in ended.notes)
    assert await Candidate.all().count() == 2
    audited = await ImportRun.get(id=ended.id)
    assert audited.rows_skipped == 1


async def test_a_verdict_that_does_not_add_up_writes_nothing(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should a rule ever lose a row: the file is refused, not the row forgotten."""
    from server.domain.imports import people

    genuine = people.judge

    def losing(*given: Any) -> Any:
        verdict = genuine(*given)
        verdict.new -= 1
        return verdict

    monkeypatch.setattr(people, "judge", losing)
    ended = await take(services, "candidates", PEOPLE_HEADER, ONE.people_row(), TWO.people_row())
    assert (ended.refusal_code, exit_code(ended)) == ("rows_do_not_add_up", 2)
    assert await Candidate.all().count() == 0


def number_born(day: date) -> str:
    first17 = f"990100{day:%Y%m%d}123"
    return first17 + check_character(first17)


async def test_nobody_is_born_tomorrow_or_before_anybody_living(services: Services) -> None:
    today = beijing.day(services.clock.now())
    ended = await take(
        services,
        "candidates",
        PEOPLE_HEADER,
        person_row(ONE, 证件号码=number_born(today + timedelta(days=1))),
        person_row(ONE, 证件号码=number_born(date(1900, 1, 1))),
        person_row(ONE, 证件号码=number_born(today)),
    )
    assert codes(ended) == [(2, "证件号码", "id_date"), (3, "证件号码", "id_date")]
    assert ended.rows_taken == 1


async def test_a_list_knows_a_person_as_binding_does(services: Services) -> None:
    """Another dot, a plain ideograph for its compatible form: the same person, whose name stays as it is."""
    named = person_row(ONE, 姓名="\uf979·买提")
    await take(services, "candidates", PEOPLE_HEADER, named)
    again = await take(services, "candidates", PEOPLE_HEADER, person_row(ONE, 姓名="凉买提"))
    assert (codes(again), again.rows_unchanged) == ([], 1)
    assert codes(await scores(services, changed(ONE, 姓名="凉 • 买提"))) == []
    assert [person.name for person in await Candidate.all()] == ["\uf979·买提"]
    other = await scores(services, changed(ONE, 姓名="凉买买提"))
    assert codes(other) == [(2, "姓名", "name_differs")]


async def test_a_file_copied_out_of_a_pdf_makes_no_second_school(services: Services) -> None:
    await take(services, "candidates", PEOPLE_HEADER, person_row(ONE, 院校="文山职业大学"))
    data = book(PEOPLE_HEADER, [person_row(TWO, 院校="⽂山 职业⼤学")])
    ended = await imports.take(services, "candidates", "x.xlsx", data, actor=make.OPERATOR)
    assert (codes(ended), ended.rows_taken, ended.asked) == ([], 1, {})
    assert len({person.school_id for person in await Candidate.all()}) == 1


async def test_a_damaged_file_is_refused_where_it_is_handed_in_or_where_it_is_read(
    services: Services,
) -> None:
    with pytest.raises(Refused) as refused:
        await take_bytes(services, book(SCORE_HEADER, [ONE.score_row()])[:-300])
    assert refused.value.code == "file_damaged"


async def take_bytes(services: Services, data: bytes) -> imports.ImportView:
    return await imports.take(services, "scores", "x.xlsx", data, actor=make.OPERATOR)
