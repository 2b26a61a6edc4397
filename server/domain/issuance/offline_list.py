"""核验一份规范名单 offline: its form, its SHA-256 and, with a receipt, that an officer signed exactly this list.

What `xcert verify --list` prints; `docs/signed-list.md` is the form. A list by itself is signed by nobody: without the
receipt nothing can be said of it but its form and its digest.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from itertools import pairwise
from typing import Any

from server.domain.certificates.claims import FIRST, Line, Verifier, canonical
from server.domain.issuance import offline, receipts
from server.domain.issuance.offline import Report
from server.domain.levels import Level

_SHARED = {
    "plan": "考试计划",
    "exam_date": "考试日期",
    "certificate": "证书",
    "issuer": "评价组织",
    "school": "院校",
}


def verify_list(data: bytes, receipt: bytes | None, keys: Verifier | None) -> Report:
    """Whether this is a canonical list, and whether the receipt's signature is for it.

    Args:
        data: the list as it was downloaded.
        receipt: the receipt that is said to sign it; None: only the form is checked, and the verdict stays open.
        keys: the published keys; needed with a receipt.
    """
    report = Report("文件类型：签发名单")
    try:
        lines = _lines_of(data)
    except ValueError as why:
        report.wrong(f"不是规范名单：{why}。")
        return report
    content = canonical([line.said() for line in lines])
    digest = hashlib.sha256(content).hexdigest()
    report.right(f"格式正确，共 {len(lines)} 人。")
    if content != data:
        report.note("（文件的换行、空格或编码标记与原件不同，内容相同；sha256sum 算出的会不一样）")
    for name, label in _SHARED.items():
        report.note(f"{label}：{'、'.join(dict.fromkeys(getattr(line, name) for line in lines))}")
    report.note(f"等级：{'、'.join(dict.fromkeys(Level(line.level).label for line in lines))}")
    report.note(f"名单摘要（按内容重新计算）：{digest}")
    report.note(f"名单校验码：{digest[:8]}")
    if receipt is None or keys is None:
        report.unclear(
            "名单本身没有签名。要知道签发负责人签的是不是这一份，请同时给出签发凭据：xcert verify --list 名单 凭据"
        )
        return report
    _signed(report, digest, len(lines), receipt, keys)
    return report


def _signed(report: Report, digest: str, count: int, receipt: bytes, keys: Verifier) -> None:
    statement = offline.receipt_into(report, receipt, keys)
    if statement is None:
        return
    if statement.list_sha256 != digest or statement.count != count:
        report.wrong(
            f"凭据签的是另一份名单（{statement.count} 人，摘要 {statement.list_sha256}），不是这一份。"
        )
    elif statement.action != receipts.CONFIRMED:
        report.wrong("凭据记载的是退回：院校没有签发这份名单。")
    else:
        report.right("凭据签的正是这份名单，摘要和人数都一致。")


def _lines_of(data: bytes) -> list[Line]:
    """The people on the list, whatever an editor did to line breaks and spaces. Raises ValueError with what is wrong."""
    try:
        entries = json.loads(data.decode("utf-8-sig"), object_pairs_hook=receipts.once)
    except (ValueError, RecursionError):
        raise ValueError("不是 UTF-8 的 JSON，或有重复的字段") from None
    if not isinstance(entries, list) or not entries:
        raise ValueError("应是一个 JSON 数组，每人一个对象，至少一人")
    lines = [_line(place, one) for place, one in enumerate(entries, start=1)]
    for before, after in pairwise(line.number for line in lines):
        if before == after:
            raise ValueError(f"证书编号 {after} 出现了两次")
        if before > after:
            raise ValueError(f"没有按证书编号排列（{after} 在 {before} 之后）")
    return lines


def _line(place: int, entry: Any) -> Line:
    """One person's line has exactly the fields of a line, and each could stand on a certificate. Raises ValueError."""
    names = {field.name for field in fields(Line)}
    if (
        not isinstance(entry, dict)
        or set(entry) | {"form"} != names
        or not all(type(v) is str for v in entry.values())
        or entry.get("form") == FIRST
    ):
        raise ValueError(f"第 {place} 人的字段不全、有多余的，或不是文字")
    try:
        line = Line(**entry)
        line.to_bytes()
    except ValueError:
        raise ValueError(f"第 {place} 人的编号、证件摘要、等级、日期或结果不合格式") from None
    return line
