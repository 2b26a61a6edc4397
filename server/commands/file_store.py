"""`xcert files …`: what the operator of the file store does with it."""

from __future__ import annotations

import argparse
import sys

from server.adapters.file_stores import file_store_of
from server.commands import Impossible
from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log
from server.domain.file_care import checking, copying
from server.domain.file_care.checking import Finding, Tally
from server.domain.file_care.copying import Copied
from server.domain.ports import Services
from server.errors import OutsideFailure
from server.files_place import FilesPlace, place_of
from server.settings import Settings

FOUND = 3  # exit code: the check came to its end, and something is wrong
_EVERY = 5000  # keys between two words of how far it is
_KINDS = {
    "certificate": "证书",
    "photo": "考生照片",
    "import": "导入",
    "report": "导入结果",
    "bank_transfer": "对公转账",
    "bank_refund": "银行退款",
    "correction": "更正",
}


def check(args: argparse.Namespace, settings: Settings) -> int:
    """Compare rows and files. Returns 0 when all is well, 3 when something was found."""
    tally = Tally()

    told = 0

    def going() -> None:
        nonlocal told
        if tally.rows + tally.files >= told + _EVERY:
            told = tally.rows + tally.files
            print(f"…… 已核对到 {tally.last}", file=sys.stderr, flush=True)

    async def look(s: Services) -> int:
        faults = 0
        async for finding in checking.check(s, tally, after=args.after, reads=not args.quick, going=going):
            faults += 1
            print(_line(finding), flush=True)
        return faults

    try:
        faults = with_services(settings, look)
    except OutsideFailure as failure:
        raise Impossible(f"{failure}\n{_resume(tally.last or args.after)}") from None
    except KeyboardInterrupt:
        print(_resume(tally.last or args.after), file=sys.stderr)
        raise
    print(_summary(tally, str(settings.files_place), after=args.after, reads=not args.quick))
    return FOUND if faults else 0


def _resume(last: str) -> str:
    if not last:
        return "还没有核对完一个文件，请处理后重新运行。"
    return f"已核对到 {last}；继续：xcert files check --after {last}"


def _line(one: Finding) -> str:
    whose = f"（{_KINDS[one.kind]} {one.subject}）" if one.kind else ""
    return f"✗ {one.fault.label}：{one.key}{whose}"


def _summary(tally: Tally, place: str, *, after: str, reads: bool) -> str:
    start = f"（{after} 之后）" if after else ""
    whole = "内容与记录相符" if reads else "都在（没有读内容）"
    rest = [
        f"{count} 个{label}"
        for label, count in (
            ("证书页面的图片", tally.pictures),
            ("公开签发日志的文件（用 xcert log verify 核对）", tally.log),
            ("审计链的散列、删除登记（用 xcert audit verify、xcert erasures check 核对）", tally.audit),
            ("微信验证文件", tally.site),
            ("一小时内写入、还没有登记的", tally.young),
            ("没有登记的", tally.stray),
        )
        if count
    ]
    lines = [
        f"登记的文件{start} {tally.rows} 个：{tally.whole} 个{whole}，缺失 {tally.missing} 个，不符 {tally.differing} 个。",
        f"{place} 里{start} {tally.files} 个文件、{tally.size / 1_000_000:.1f} MB：{tally.whole + tally.differing} 个有登记"
        + "".join(f"，{one}" for one in rest)
        + "。",
    ]
    if tally.missing or tally.differing:
        lines.append("缺失和不符的请从备份的 files/vault/ 按同样的名字放回去，再运行一次。")
    if tally.stray:
        lines.append("没有登记的多半是中途停下的操作留下的，不影响使用；确认不是误连了别的库以后可以删除。")
    return "\n".join(lines)


def copy(args: argparse.Namespace, settings: Settings) -> int:
    """Copy every file of another place to the one of the settings. Returns 0; 3 when the target's were newer."""
    source, target = _source(args.source, settings), settings.files_place
    if source == target:
        raise Impossible(
            f"来源和 XCERT_FILES_URL 是同一处（{target}）。请先把 XCERT_FILES_URL 改成新的位置。"
        )
    if source.folder is not None and not source.folder.is_dir():
        raise Impossible(f"{source.folder} 不是目录，没有可以复制的文件。")
    tally = Copied()

    async def work(s: Services) -> None:
        told = 0
        async for key in copying.copy(file_store_of(settings, source), s.file_store, tally):
            if tally.files >= told + _EVERY:
                told = tally.files
                print(f"…… 已复制到 {key}", file=sys.stderr, flush=True)
        became = {"copied": tally.copied, "same": tally.same, "newer": tally.newer}
        await audit_log.record(s.clock, SYSTEM, "files.copy", "files", "-", became=became)

    with_services(settings, work)
    print(
        f"{source} 的 {tally.files} 个文件：复制 {tally.copied} 个（{tally.size / 1_000_000:.1f} MB），"
        f"{target} 里已有 {tally.same} 个，那边较新而没有覆盖 {tally.newer} 个，其间被清理 {tally.gone} 个。"
    )
    print("接着运行 xcert files check。来源里的文件没有动。")
    return FOUND if tally.newer else 0


def _source(url: str, settings: Settings) -> FilesPlace:
    try:
        return place_of(url, settings.data_dir)
    except ValueError as error:
        raise Impossible(f"来源 {url} 不对：{error}。") from None
