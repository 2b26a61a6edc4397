"""A batch's list as a workbook to be checked and filed. Everything is text or a plain number, never a formula."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from server.domain import beijing
from server.domain.issuance.roster_query import Roll
from server.domain.issuance.states import BatchState
from server.domain.levels import Level
from server.domain.ports import Services

HEAD = ("序号", "准考证号", "姓名", "证件号码", "成绩", "证书编号", "状态")
_WIDTHS = (8, 20, 16, 24, 14, 22, 14)


def facts(s: Services, roll: Roll) -> list[tuple[str, str]]:
    """What stands above the list, in the workbook and on paper."""
    issuance = roll.issuance
    return [
        ("考试计划", issuance.plan.name),
        ("考试日期", beijing.say_day(issuance.plan.exam_date)),
        ("院校", issuance.site.school.name),
        ("考核站点", issuance.site.name),
        ("等级", Level(issuance.site.level).label),
        ("批次", f"第 {issuance.id} 批，第 {issuance.revision} 版，{BatchState(issuance.state).label}"),
        ("人数", f"{len(roll.people)}"),
        ("名单校验码", roll.list_sha256),
        ("打印或下载时间", beijing.say_minute(s.clock.now())),
    ]


def workbook(s: Services, roll: Roll) -> bytes:
    """The workbook's bytes. Blocks: call it in a thread."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("签发名单")
    for place, width in enumerate(_WIDTHS):
        sheet.column_dimensions["ABCDEFG"[place]].width = width
    above = facts(s, roll)
    sheet.freeze_panes = f"A{len(above) + 4}"
    sheet.append([_text(sheet, f"{s.settings.issuer}　签发名单", bold=True)])
    for name, value in above:
        sheet.append([_text(sheet, name), _text(sheet, value)])
    sheet.append([])
    sheet.append([_text(sheet, name, bold=True) for name in HEAD])
    for one in roll.people:
        words = (one.admission_number, one.name, one.id_masked, one.score, one.number, one.state.label)
        sheet.append([one.row, *(_text(sheet, word) for word in words)])
    out = BytesIO()
    book.save(out)
    return out.getvalue()


def _text(sheet: Any, value: str, *, bold: bool = False) -> Any:
    cell = WriteOnlyCell(sheet, value="".join(c for c in value if c.isprintable()))
    cell.data_type = "s"  # a name that begins with "=" is a name
    if bold:
        cell.font = Font(bold=True)
    return cell
