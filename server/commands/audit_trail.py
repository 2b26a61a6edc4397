"""`xcert audit …`: whether the trail is as it was written, and the trail as a file for others."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from server.commands import Impossible
from server.commands.with_services import with_services
from server.domain.actor import SYSTEM
from server.domain.audit import audit_log, chain
from server.domain.audit.chain import Verdict
from server.domain.ports import Services
from server.settings import Settings

BROKEN = 3  # exit code: the trail is not as it was written
_AT_ONCE = 1000


def verify(args: argparse.Namespace, settings: Settings) -> int:
    """Reckon the chain anew. Returns 0 when all agrees, else 3."""

    async def look(s: Services) -> Verdict:
        return await chain.verify(s, remembered=args.head)

    verdict = with_services(settings, look)
    for problem in verdict.problems[:20]:
        print(f"✗ {problem}。")
    for note in verdict.notes:
        print(f"! {note}。")
    if verdict.problems:
        print("审计记录与当时写下的不一致。请保留数据库和文件的现状，联系开发人员，从备份里对照。")
        return BROKEN
    print(
        f"✓ {verdict.entries} 条审计记录、{verdict.links} 节与当时写下的一致，另有 {verdict.waiting} 条等着入链（约两分钟）。"
    )
    if verdict.head:
        print(f"链头：{verdict.head}\n请把它记在别处；下次用 --head 核对，整条链被改写也看得出。")
    return 0


def export(args: argparse.Namespace, settings: Settings) -> int:
    """Write links and their entries into a new file, one line each; entries come before their link."""
    path: Path = args.file

    async def work(s: Services) -> tuple[int, str]:
        count, head, until = 0, "", await _until(args.after)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            async for link in chain.links(args.after):
                while until < link.until_id and (some := await chain.entries(until, link.until_id, _AT_ONCE)):
                    out.writelines(one.line + b"\n" for one in some)
                    count, until = count + len(some), some[-1].id
                out.write(link.line() + b"\n")
                head, until = link.hash.hex(), link.until_id
            out.flush()
            os.fsync(out.fileno())
        became = {"entries": count, "after": args.after}
        await audit_log.record(s.clock, SYSTEM, "audit.export", "audit", "-", became=became)
        return count, head

    try:
        count, head = with_services(settings, work)
    except FileExistsError:
        raise Impossible(f"{path} 已经存在，请换一个文件名。") from None
    print(f"{count} 条审计记录已写到 {path}，链头：{head or '（还没有入链的记录）'}")
    return 0


async def _until(position: int) -> int:
    """The last entry of this link; 0 for the beginning. Raises Impossible."""
    if not position:
        return 0
    async for link in chain.links(position - 1):
        if link.position == position:
            return link.until_id
        break
    raise Impossible(f"链上没有第 {position} 节。")
