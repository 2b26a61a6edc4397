"""`xcert log …`: what the operator of the public log does with it."""

from __future__ import annotations

import argparse
from pathlib import Path

from server.adapters.storage import FolderFileStore
from server.commands import Impossible
from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.certificates import log_completeness, queries
from server.domain.issuance import certificate_query
from server.domain.ports import Services
from server.domain.public_log import checkpoints, inclusion, log_recovery, log_state
from server.domain.public_log import queries as log_queries
from server.domain.public_log.inclusion import Inclusion
from server.domain.public_log.log_recovery import Plan, Review
from server.domain.public_log.log_state import LogStopped, Reader
from server.settings import Settings


def keys(args: argparse.Namespace, settings: Settings) -> int:
    """The log's name and its keys, as whoever follows it writes them down."""

    async def look(s: Services) -> tuple[str, list[str]]:
        origin = (await log_queries.head()).origin or checkpoints.origin_of(
            s.settings.public_url, s.settings.log_origin
        )
        return origin, [str(key) for key in log_state.log_keys(s.keys, origin).values()]

    origin, found = with_services(settings, look)
    print(f"日志：{origin}\n网址：{settings.public_url}/log")
    print("\n".join(f"公钥：{one}" for one in found))
    return 0


def verify(args: argparse.Namespace, settings: Settings) -> int:
    """Compare record, files and signed head. Returns 0 when all is one history, else 1."""

    async def look(s: Services) -> Review:
        return await log_recovery.review(s)

    review = with_services(settings, look)
    if review.problems:
        print("\n".join(f"✗ {one}" for one in review.problems[:20]))
        if len(review.problems) > 20:
            print(f"…… 共 {len(review.problems)} 处")
        return 1
    signed = review.checkpoint.size if review.checkpoint is not None else 0
    print(f"✓ 数据库、文件与签过的检查点一致：{signed} 条，另有 {review.size - signed} 条等待下一个检查点。")
    return 0


def prove(args: argparse.Namespace, settings: Settings) -> int:
    """Write or print the proofs of one certificate, the newest event last. Returns 1 when there is none."""

    async def look(s: Services) -> list[Inclusion]:
        code = await queries.code_of(args.number)
        return await inclusion.find(s.file_store, s.keys, code) if code else []

    found = with_services(settings, look)
    if not found:
        print(f"公开签发日志里没有 {args.number}：编号不对，或还没有载入（通常一分钟内）。")
        return 1
    chosen = next((one for one in found if one.entry.event == args.event), None) if args.event else found[0]
    if chosen is None:
        print(f"{args.number} 在日志里没有这种记录；有的是 {'、'.join(one.entry.event for one in found)}。")
        return 1
    if args.output is not None:
        args.output.write_text(str(chosen), "utf-8")
        print(f"第 {chosen.index + 1} 条的证明已写到 {args.output}")
    else:
        print(str(chosen), end="")
    return 0


def recover(args: argparse.Namespace, settings: Settings) -> int:
    """Make record and publication one history again, and let the log and the sealing go on."""

    async def work(s: Services) -> tuple[Plan, int, dict[str, int], list[str]]:
        source: Reader = s.file_store if args.copy is None else _Copy(args.copy)
        found = await log_recovery.plan(s, source)
        stepped = await certificate_query.step_on(found.serials)
        files = await log_recovery.carry_out(s, found, actor=SYSTEM)
        return found, files, stepped, await log_completeness.still_valid(found.ended)

    try:
        found, files, stepped, over = with_services(settings, work)
    except LogStopped as stopped:
        raise Impossible(str(stopped)) from None
    print(
        f"公开签发日志已接上：{found.size} 条；补回 {len(found.missing)} 条，重写文件 {files} 个。签发可以继续。"
    )
    for series, given in sorted(stepped.items()):
        print(f"编号 {series} 已跳到 {given} 之后：备份之后发出的编号不会重复。")
    issued = sum(entry.event == "issued" for entry, _ in found.missing)
    if issued:
        print(f"备份之后发出的 {issued} 份证书在日志里，数据库里没有；请从院校保存的电子证书核对后重新办理。")
    if over:
        print(f"日志记载已撤销或更正、数据库里仍有效的证书，请重新撤销：{'、'.join(over)}")
    return 0


class _Copy:
    """A copy of the published log that somebody kept: a folder with `checkpoint` and `tile/…`."""

    def __init__(self, folder: Path) -> None:
        self._files = FolderFileStore(folder)

    async def get(self, key: str) -> bytes:
        return await self._files.get(key.removeprefix("log/"))
