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


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Take the file in. Returns the exit code."""

    async def take(s: Services) -> ImportView:
        return await imports.run_file(
            s,
            args.kind,
            args.file,
            wish=imports.Wish(
                dry_run=args.dry_run,
                all_or_nothing=args.all_or_nothing,
                creating=imports.Names.whatever(args.create),
            ),
            report_path=args.report,
            actor=SYSTEM,
        )

    try:
        summary = with_services(settings, take)
    except Refused as refused:
        print(refused.message, file=sys.stderr)
        return UNREADABLE
    except OSError as error:
        print(
            f"{error.filename or args.file} 无法读写（{os_errors.cause(error)}），请检查路径和权限。",
            file=sys.stderr,
        )
        return UNREADABLE
    _print(summary, dry_run=args.dry_run)
    return exit_code(summary)


def exit_code(summary: ImportView) -> int:
    """0 all rows taken, 3 some refused, 2 the file could not be read."""
    if summary.refusal_code:
        return UNREADABLE
    return 3 if summary.rows_refused else 0


def _print(summary: ImportView, *, dry_run: bool) -> None:
    if summary.refusal_code:
        print(summary.refusal, file=sys.stderr)
        return
    for note in summary.notes:
        print(f"提示：{note}")
    for one in summary.differences[:MOST_SHOWN]:
        changes = "；".join(
            f"{change['what']} {change['was']} → {change['became']}" for change in one["changes"]
        )
        print(f"第 {one['row']} 行 改动 {one['who']}：{changes}")
    if summary.rows_changed > MOST_SHOWN:
        print(f"共改动 {summary.rows_changed} 行，其余请用 --report 查看。")
    for error in summary.errors:
        print(f"第 {error['row']} 行 {error['column']}：{error['detail']}（{error['code']}）")
    _print_unknown_names(summary)
    verb = "可导入" if dry_run else "已导入"
    print(
        f"共 {summary.rows_total} 行：{verb} {summary.rows_taken} 行（新增 {summary.rows_new}，改动 {summary.rows_changed}），"
        f"没有变化 {summary.rows_unchanged} 行，拒绝 {summary.rows_refused} 行"
        + (f"，没有读取 {summary.rows_skipped} 行。" if summary.rows_skipped else "。")
    )


def _print_unknown_names(summary: ImportView) -> None:
    """The unknown names, each with what it may be a slip of, and how they are confirmed."""
    for kind, names in summary.asked.items():
        for one in names:
            like = f"，看起来像{'、'.join(f'“{name}”' for name in one['like'])}" if one["like"] else ""
            print(f"待确认的{imports.LABELS[kind]}：{one['name']}（{one['rows']} 行{like}）")
    if summary.asked:
        print("确是新的名称，请逐个加上 --create 名称 再运行一次；是笔误的，请改正表格。")
