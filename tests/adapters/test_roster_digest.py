"""`xcert roster digest`: a school computes what its officer signs from its own register, with nothing of ours."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from sanic import Sanic

from server.command_line import build_parser
from server.commands import own_digest
from server.commands.own_digest import digest
from server.domain.certificates.claims import Line, id_hash_of_index
from server.domain.issuance import receipts, roster, roster_digest, roster_query, scan_tickets
from server.domain.ports import Services
from server.domain.roles import Role
from server.domain.tables import Sheet
from server.errors import Refused
from server.models import Candidate, Certificate, Issuance, Officer
from server.settings import Settings
from tests.kit import issuing, make
from tests.kit.console_desk import seated
from tests.kit.issuing import PIN

App = Sanic[Any, Any]
FULL = "证件号码全号（本校填写）"


@dataclass
class Book:
    """The list as a school downloaded it, and what the school knows."""

    path: Path
    batch: Issuance
    numbers: list[str]  # in the order of the list

    @property
    def digest(self) -> str:
        return bytes(self.batch.list_sha256 or b"").hex()

    def rows(self) -> list[list[Any]]:
        sheet = openpyxl.load_workbook(self.path).active
        assert sheet is not None
        return [list(row) for row in sheet.iter_rows(values_only=True)]

    def save(self, rows: list[list[Any]]) -> Path:
        book = openpyxl.Workbook()
        assert book.active is not None
        for row in rows:
            book.active.append(row)
        book.save(self.path)
        return self.path

    def filled(self, numbers: list[Any] | None = None) -> list[list[Any]]:
        """The rows with the numbers written into the last column."""
        rows = self.rows()
        head = next(at for at, row in enumerate(rows) if row[0] == "序号")
        for row, number in zip(rows[head + 1 :], self.numbers if numbers is None else numbers, strict=True):
            row[rows[head].index(FULL)] = number
        return rows


@pytest.fixture
async def book(app: App, services: Services, tmp_path: Path) -> Book:
    of = await issuing.cohort(services)
    batch = await issuing.pending(services, of)
    who = await seated(app, services, Role.SCHOOL, school=of.school)
    path = tmp_path / "list.xlsx"
    path.write_bytes((await who("GET", f"/issuances/{batch.id}/list.xlsx")).body)
    listed = await Certificate.all().order_by("number").prefetch_related("candidate")
    numbers = [
        services.keys.decrypt(bytes(c.candidate.id_sealed), about="candidate.id_number") for c in listed
    ]
    return Book(path, batch, numbers)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """Runs the command where there is no key and no database."""

    def run(*words: object) -> tuple[int, str]:
        args = build_parser().parse_args(["roster", "digest", *map(str, words)])
        code = digest(args, Settings(keys_dir=tmp_path / "none"))
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


async def test_the_schools_own_numbers_make_the_digest_that_is_signed(book: Book, command: Any) -> None:
    code, said = command(book.save(book.filled()))
    assert (code, book.batch.count) == (0, 4)
    assert f"名单摘要：{book.digest}\n手机上显示的校验码：{book.digest[:8]}\n" in said
    assert "考试计划：" in said and "人数：4" in said and "算出的正是这份名单" in said


async def test_it_is_what_the_receipt_says(book: Book, services: Services, command: Any) -> None:
    shown = await scan_tickets.show(services, book.batch.id, actor=make.ISSUER_STAFF)
    officer = await Officer.get()
    identity = issuing.oa(f"oOfficer{officer.school_id:020d}")
    view = await scan_tickets.look(services, shown.token, identity=identity)
    done = await scan_tickets.confirm(services, shown.token, PIN, identity=identity)
    assert receipts.verify(services.keys, done.receipt).list_sha256 == book.digest
    assert view.list_sha256[:8] == book.digest[:8]
    _, said = command(book.save(book.filled()))
    assert book.digest in said


async def test_a_file_that_is_no_list_by_its_size_is_not_read(
    book: Book, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = book.save(book.filled())
    own = tmp_path / "own.csv"
    own.write_bytes(b"0" * (good.stat().st_size + 1))
    monkeypatch.setattr(own_digest, "LARGEST", good.stat().st_size)
    assert command(good)[0] == 0
    with pytest.raises(Refused) as refused:
        own_digest._sheets(own)
    assert refused.value.code == "file_too_large"
    for words, large in (((good, "--own", own), own), ((own,), own)):
        code, said = command(*words)
        assert (code, said) == (2, f"无法计算：{large} 太大，不是名单。\n")


async def test_a_csv_and_a_register_of_the_school_do_as_well(
    book: Book, command: Any, tmp_path: Path, services: Services
) -> None:
    sheet = tmp_path / "list.csv"
    out = io.StringIO()
    csv.writer(out).writerows([["" if v is None else v for v in row] for row in book.rows()])
    sheet.write_text(out.getvalue(), "utf-8-sig")
    own = tmp_path / "own.csv"
    people = [["姓名", "证件号码", "班级"]]
    people += [[name, number, "1"] for name, number in zip(issuing.NAMES, book.numbers, strict=True)]
    people += [[issuing.NAMES[0], "990101200001010014", "2"], ["另一人", book.numbers[1].lower(), "2"]]
    own.write_text("\n".join(",".join(row) for row in people), "utf-8-sig")
    code, said = command(sheet, "--own", own)
    assert (code, book.digest in said) == (0, True)
    own.write_text("\n".join(",".join(row) for row in people[:3]), "utf-8-sig")
    code, said = command(sheet, "--own", own)
    assert code == 2 and "第 3 位（表格第" in said and "本校名册里没有这个姓名" in said
    own.write_text("名字,号码\n甲,1\n", "utf-8-sig")
    assert command(sheet, "--own", own) == (2, "无法计算：本校名册里没有找到“姓名”和“证件号码”两列。\n")


async def test_whoever_does_not_fit_is_named(book: Book, command: Any) -> None:
    other = make.id_number(8888)
    code, said = command(book.save(book.filled([*book.numbers[:2], other, book.numbers[3]])))
    assert code == 1
    [fault] = [line for line in said.splitlines() if line.startswith("✗")]
    assert fault.startswith("✗ 第 3 位（表格第 ") and fault.endswith("证件号码与名单不符。")
    assert book.digest not in said and "请先不要签发" in said and other not in said


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("", f"没有填写“{FULL}”。"),
        ("9901012000010100", "证件号码应为 18 位，这里是 16 位"),
        (990101200001010014, "被表格当成了数字"),
    ],
)
async def test_what_is_no_number_is_told(book: Book, command: Any, written: Any, sentence: str) -> None:
    code, said = command(book.save(book.filled([written, *book.numbers[1:]])))
    assert code == 2 and sentence in said and "还算不出名单摘要" in said
    assert "990101200001010014" not in said


async def test_a_workbook_that_somebody_changed_is_not_the_list(book: Book, command: Any) -> None:
    rows = book.filled()
    head = next(at for at, row in enumerate(rows) if row[0] == "序号")
    rows[head + 1][2] = "崔子函"
    code, said = command(book.save(rows))
    assert code == 1 and "表格被改动过" in said and book.digest not in said
    code, said = command(book.save([row for row in book.filled() if row[0] != "标准版本"]))
    assert (code, "不全，请重新下载名单" in said) == (2, True)
    code, said = command(book.save([["序号", "姓名"], [1, "甲"]]))
    assert (code, "没有找到名单" in said) == (2, True)
    assert command(book.path.parent / "none.xlsx")[0] == 2


async def test_what_is_no_list_is_refused_by_its_code(book: Book) -> None:
    rows = [["" if one is None else one for one in row] for row in book.filled()]
    head = next(at for at, row in enumerate(rows) if row[0] == "序号")
    with pytest.raises(Refused, match=r"名单中没有人。") as refusal:
        roster_digest.recompute([Sheet("x", rows[: head + 1])])
    assert refusal.value.code == "not_a_roster"
    day = next(row for row in rows if row[0] == "考试日期")
    day[1] = "2023年2月30日"
    with pytest.raises(Refused, match="考试日期不是一个日期，请重新下载名单") as refusal:
        roster_digest.recompute([Sheet("x", rows)])
    assert refusal.value.code == "not_a_roster"
    for act in (roster_digest.recompute, roster_digest.register_of):
        with pytest.raises(Refused) as refusal:
            act([Sheet("x", [["甲"]])])
        assert refusal.value.code == "not_a_roster"


@pytest.mark.parametrize(
    ("column", "written", "sentence"),
    [
        ("核对码", "", "没有核对码。这一行是旧格式，只有系统能重算。"),
        ("核对码", "abcd-ef01", "核对码或证件摘要不完整，请重新下载名单。"),
        ("证件摘要", "abcd-ef01", "核对码或证件摘要不完整，请重新下载名单。"),
        ("证书编号", "没有编号 ", "证书编号不合格式，请重新下载名单。"),
    ],
)
async def test_a_line_that_cannot_be_computed_is_named(
    book: Book, command: Any, column: str, written: str, sentence: str
) -> None:
    rows = book.filled()
    head = next(at for at, row in enumerate(rows) if row[0] == "序号")
    rows[head + 2][rows[head].index(column)] = written
    code, said = command(book.save(rows))
    assert code == 2 and "还算不出名单摘要" in said
    [fault] = [line for line in said.splitlines() if line.startswith("✗")]
    assert fault == f"✗ 第 2 位（表格第 {head + 3} 行）：{sentence}"


async def test_several_of_one_name_none_of_whom_fits_are_told(book: Book) -> None:
    rows = [["" if one is None else one for one in row] for row in book.rows()]
    head = next(at for at, row in enumerate(rows) if row[0] == "序号")
    at = rows[head].index("姓名")
    register = {str(row[at]): [number] for row, number in zip(rows[head + 1 :], book.numbers, strict=True)}
    name = str(rows[head + 1][at])
    register[name] = [make.id_number(8888), make.id_number(8889)]
    done = roster_digest.recompute([Sheet("x", rows)], register)
    assert done.faults == [f"第 1 位（表格第 {head + 2} 行）：本校名册里有几位同名的，都与名单不符。"]
    assert (done.is_complete, done.digest) == (False, "")


async def test_nobody_but_the_school_gets_the_salts(app: App, services: Services, book: Book) -> None:
    """With mask and salt all numbers that are possible can be tried: for those alone who have them anyway."""
    for role in (Role.ISSUER, Role.OPERATOR, Role.ADMIN):
        who = await seated(app, services, role)
        data = (await who("GET", f"/issuances/{book.batch.id}/list.xlsx")).body
        sheet = openpyxl.load_workbook(io.BytesIO(data)).active
        assert sheet is not None
        said = {str(cell.value) for row in sheet.iter_rows() for cell in row}
        assert not said & {"核对码", "证件摘要", FULL}
    salts = {one.salt(services.keys) for one in await roster_query.reserved(book.batch.id)}
    assert len(salts) == 4 and all(len(one) == 32 for one in salts)
    certificate = await Certificate.all().order_by("number").first()
    assert certificate is not None and certificate.id_salt_sealed is not None
    assert not any(one.encode() in bytes(certificate.id_salt_sealed) for one in salts)


async def test_lists_of_the_first_form_stay_as_they_are(services: Services, book: Book, command: Any) -> None:
    """What was prepared, signed or shown before there were salts is confirmed and issued as it stands."""
    for one in await Certificate.all():
        line, holder = Line.from_bytes(bytes(one.line)), await Candidate.get(id=one.candidate_id)
        old = replace(line, form="1", id_hash=id_hash_of_index(bytes(holder.id_index)))
        await Certificate.filter(id=one.id).update(line=old.to_bytes(), id_salt_sealed=None)
    lines = await roster_query.reserved(book.batch.id)
    await Issuance.filter(id=book.batch.id).update(list_sha256=roster.stored_digest(lines))
    batch = await Issuance.get(id=book.batch.id)
    frame, digest_now = await roster.today(services.settings, services.keys, services.pdf_renderer, batch)
    assert digest_now == bytes(batch.list_sha256 or b"") and frame.school
    shown = await scan_tickets.show(services, batch.id, actor=make.ISSUER_STAFF)
    assert shown.revision == 1
