"""What each column is for, and the empty workbooks to begin with: made from the very columns that are read."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from server.domain.imports import validation
from server.domain.imports.parsed_rows import GUIDE_SHEET
from server.domain.ports import Cell, Mark, SheetToWrite, WorkbookWriter

_TEXT_ROWS = 500  # rows of the template that are set to text, so that long numbers keep their digits


class About(NamedTuple):
    """One column: an example, and what may stand in it."""

    example: str
    allowed: str


class ColumnHelp(NamedTuple):
    """One column as people are told of it."""

    title: str
    is_required: bool
    example: str
    allowed: str


_ID = About("990101200001010014", "18 位身份证件号码，按“文本”格式填写，末位可以是 X")
_NAME = About("崔子涵", "证件上的姓名，一字不差")
_LEVEL = About("初级", "初级、中级或高级")
ABOUT: dict[str, dict[str, About]] = {
    "candidates": {
        "姓名": _NAME,
        "证件类型": About(
            "居民身份证", "居民身份证、港澳居民居住证、台湾居民居住证、外国人永久居留身份证；空着即居民身份证"
        ),
        "证件号码": _ID,
        "手机号": About("19900001234", "11 位手机号，可空"),
        "考生类型": About("本校考生", "本校考生或社会考生"),
        "院校": About("京华职业技术学院", "院校全称；系统里没有的名称，检查时会请您确认"),
        "专业代码": About("520201", "社会考生留空"),
        "专业名称": About("护理", "社会考生留空"),
        "专业版本号": About("2021", "社会考生留空"),
        "专业层次": About("高职", "社会考生留空"),
    },
    "scores": {
        "考试计划": About(
            "2023年9月22日社会心理服务证书考试计划", "考试计划全称；系统里没有的名称，检查时会请您确认"
        ),
        "考试日期": About("2023-09-22", "年-月-日；与系统里登记的日期一致"),
        "证书名称": About("社会心理服务职业技能等级证书", "证书全称，须完全一致"),
        "证书等级": _LEVEL,
        "院校": About("京华职业技术学院", "考核站点所在院校的全称；先导入该校考生"),
        "考核站点": About("", "可空；填写时须为“院校＋证书名称＋等级”"),
        "准考证号": About("23092200000010", "字母、数字和短横线，按“文本”格式填写；一人一号"),
        "姓名": _NAME,
        "证件号码": _ID,
        "考试科目": About("社会心理服务（机考）", "科目全称"),
        "成绩": About("78.5", "0 到 100，最多一位小数；没有成绩的留空，并填写备注"),
        "备注": About("", "没有成绩时填写缺考、缓考、违纪或作弊；其余可空"),
    },
    "practice": {
        "姓名": _NAME,
        "证件号码": _ID,
        "证书等级": _LEVEL,
        "督导学时": About("50", "数字，最多一位小数"),
        "实践学时": About("125", "数字，最多一位小数"),
    },
    "portal": {
        "证书编号": About("26SPS100000012T", "本系统证书上的编号"),
        "门户证书编号": About("GJ2026000001", "国家门户导出的编号，以门户为准"),
        "姓名": About("崔子涵", "可空；填写时须与持证人一致"),
        "证件号码": About("990101200001010014", "可空；填写时一起核对，只保存摘要"),
        "证书等级": About("初级", "可空；填写时一起核对"),
        "发证日期": About("2023-10-20", "可空；年-月-日，填写时一起核对"),
    },
}


def columns(kind: str) -> list[ColumnHelp]:
    """The columns of a kind in their order. Raises Refused: kind_unknown."""
    about = ABOUT.get(kind, {})
    return [
        ColumnHelp(column.title, column.required and column.title != "成绩", *about[column.title])
        for column in validation.topic_of(kind).COLUMNS
    ]


def template_name(kind: str) -> str:
    """成绩模板.xlsx"""
    return f"{validation.topic_of(kind).TITLE}模板.xlsx"


async def template(writer: WorkbookWriter, kind: str) -> bytes:
    """An empty workbook (.xlsx) with the header, and a second sheet that explains it. Raises Refused: kind_unknown."""
    sheets = _template(validation.topic_of(kind).TITLE, columns(kind))
    return await asyncio.to_thread(writer.write, sheets)


def _template(title: str, helped: list[ColumnHelp]) -> list[SheetToWrite]:
    head = [Cell(column.title, Mark.HEAD if column.is_required else Mark.SOFT_HEAD) for column in helped]
    widths = {place: max(14, len(column.title) * 2 + 6) for place, column in enumerate(helped, 1)}
    explained = [
        (column.title, "是" if column.is_required else "否", column.example, column.allowed)
        for column in helped
    ]
    titles = [Cell(word, Mark.HEAD) for word in ("列", "必填", "例子", "可以填什么")]
    return [
        SheetToWrite(title, [head], widths=widths, frozen=1, text_cells=(_TEXT_ROWS, len(helped))),
        SheetToWrite(GUIDE_SHEET, [titles, *explained], widths={1: 16, 2: 10, 3: 34, 4: 70}),
    ]
