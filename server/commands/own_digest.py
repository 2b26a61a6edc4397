"""`xcert roster digest`: the digest that an officer signs, from the school's own register; needs nothing of ours."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from server import os_errors
from server.adapters.spreadsheets import process
from server.domain.issuance import roster_digest
from server.domain.issuance.roster_digest import Recomputed
from server.domain.tables import Sheet
from server.errors import Refused
from server.settings import Settings

LARGEST = 50_000_000


def digest(args: argparse.Namespace, settings: Settings) -> int:
    """Compute the digest of a downloaded list with the school's own identity numbers.

    Returns:
        0 the school's numbers make exactly this list; 1 something does not fit; 2 the files cannot be read, or a line
        cannot be computed.
    """
    del settings  # neither keys nor database: a school runs this without us
    try:
        register = None if args.own is None else roster_digest.register_of(_sheets(args.own))
        found = roster_digest.recompute(_sheets(args.file), register)
    except Refused as refused:
        print(f"无法计算：{refused.message}", file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"无法计算：读不了 {error.filename or args.file}（{os_errors.cause(error)}），请检查路径和权限。",
            file=sys.stderr,
        )
        return 2
    print(printed(found))
    if found.is_the_list:
        return 0
    return 1 if found.is_complete else 2


def printed(found: Recomputed) -> str:
    """What was found, for the one who is about to sign or has signed."""
    lines = [
        f"{label}：{found.facts[label]}"
        for label in ("考试计划", "考试日期", "院校", "等级", "批次")
        if found.facts.get(label)
    ]
    lines += [f"人数：{found.count}", *(f"✗ {fault}" for fault in found.faults)]
    if not found.is_complete:
        return "\n".join([*lines, "结论：还算不出名单摘要，请先补全上面各项。"])
    lines += [f"名单摘要：{found.digest}", f"手机上显示的校验码：{found.shown}"]
    if found.is_the_list:
        verdict = "本校的证件号码算出的正是这份名单。手机上显示的若与这里的 8 位相同，签的就是它。"
    elif found.faults:
        verdict = "本校的证件号码与名单不符，请先不要签发；请扫码退回并写明是第几位。"
    else:
        verdict = f"算出的与表格里写的名单校验码（{found.stated[:8]}…）不同：表格被改动过，请重新下载。"
    return "\n".join([*lines, f"结论：{verdict}"])


def _sheets(path: Path) -> list[Sheet]:
    if path.stat().st_size > LARGEST:
        raise Refused("file_too_large", f"{path} 太大，不是名单。")
    return list(process.read(path.read_bytes()))
