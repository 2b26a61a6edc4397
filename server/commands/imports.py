"""`xcert import …`: one spreadsheet from the terminal, by the same validator as the console."""

from __future__ import annotations

import argparse
import sys

from server import os_errors
from server.commands.with_services import with_services
from server.domain import imports
from server.domain.actor import SYSTEM
from server.domain.imports import ImportView
from server.domain.ports import Services
from server.errors import Refused
from server.settings import Settings

UNREADABLE = 2
MOST_SHOWN = 50  # changed rows printed one by one


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Take the file in. Returns the exit code."""

    async def take(s: Services) -> ImportView:
        return await imports.run_file(
            s,
            given.kind,
            given.file,
            wish=imports.Wish(
                dry_run=given.dry_run,
                all_or_nothing=given.all_or_nothing,
                creating=imports.Names.whatever(given.create),
            ),
            report_path=given.report,
            actor=SYSTEM,
        )

    try:
        ended = with_services(settings, take)
    except Refused as refused:
        print(refused.message, file=sys.stderr)
        return UNREADABLE
    except OSError as error:
        print(
            f"{error.filename or given.file} 无法读写（{os_errors.cause(error)}），请检查路径和权限。",
            file=sys.stderr,
        )
        return UNREADABLE
    _print(ended, dry_run=given.dry_run)
    return exit_code(ended)


def exit_code(ended: ImportView) -> int:
    """0 all rows taken, 3 some refused, 2 the file could not be read."""
    if ended.refusal_code:
        return UNREADABLE
    return 3 if ended.rows_refused else 0


def _print(ended: ImportView, *, dry_run: bool) -> None:
    if ended.refusal_code:
        print(ended.refusal, file=sys.stderr)
        return
    for note in ended.notes:
        print(f"提示：{note}")
    for one in ended.differences[:MOST_SHOWN]:
        told = "；".join(
            f"{change['what']} {change['was']} → {change['became']}" for change in one["changes"]
        )
        print(f"第 {one['row']} 行 改动 {one['who']}：{told}")
    if ended.rows_changed > MOST_SHOWN:
        print(f"共改动 {ended.rows_changed} 行，其余请用 --report 查看。")
    for error in ended.errors:
        print(f"第 {error['row']} 行 {error['column']}：{error['detail']}（{error['code']}）")
    _print_asked(ended)
    verb = "可导入" if dry_run else "已导入"
    print(
        f"共 {ended.rows_total} 行：{verb} {ended.rows_taken} 行（新增 {ended.rows_new}，改动 {ended.rows_changed}），"
        f"没有变化 {ended.rows_unchanged} 行，拒绝 {ended.rows_refused} 行"
        + (f"，没有读取 {ended.rows_skipped} 行。" if ended.rows_skipped else "。")
    )


def _print_asked(ended: ImportView) -> None:
    """The unknown names, each with what it may be a slip of, and how they are confirmed."""
    for kind, names in ended.asked.items():
        for one in names:
            like = f"，看起来像{'、'.join(f'“{name}”' for name in one['like'])}" if one["like"] else ""
            print(f"待确认的{imports.LABELS[kind]}：{one['name']}（{one['rows']} 行{like}）")
    if ended.asked:
        print("确是新的名称，请逐个加上 --create 名称 再运行一次；是笔误的，请改正表格。")
