"""与门户的差异 as a workbook: for the portal's people, or to work through; who took it is in the audit trail."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from server.domain import beijing, roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.certificates.claims import AUTHORITY
from server.domain.portal_lists import portal_differences
from server.domain.portal_lists.portal_differences import KINDS, PortalDifferenceView, Wanted
from server.domain.ports import Cell, Clock, Mark, SheetToWrite, WorkbookWriter
from server.domain.roles import Verb
from server.errors import Refused

MOST_ROWS = 50_000
HEAD = (
    "差异",
    "考试计划",
    "证书编号",
    "门户证书编号",
    "本系统 → 门户",
    "发现时间",
    "处理",
    "处理人",
    "处理时间",
)
_WIDTHS = (20, 36, 20, 20, 44, 18, 36, 12, 18)


async def workbook(clock: Clock, writer: WorkbookWriter, wanted: Wanted, *, actor: Actor) -> bytes:
    """The differences that are wanted.

    Raises:
        Forbidden: role_not_allowed. Refused: too_many_rows.
    """
    roles.require(actor, Verb.SETTLE_PORTAL)
    found = await portal_differences.listing(wanted, size=MOST_ROWS, actor=actor)
    if found.next_cursor is not None:
        message = f"差异超过 {MOST_ROWS:,} 项，一次导不完；请选一个考试计划或一种差异，分几次导出。"
        raise Refused("too_many_rows", message)
    sheet = SheetToWrite(
        "与门户的差异", _lines(found.items, clock), widths=dict(enumerate(_WIDTHS, 1)), frozen=3
    )
    data = await asyncio.to_thread(writer.write, [sheet])
    became = {"kind": wanted.kind, "plan_id": wanted.plan_id, "rows": len(found.items)}
    await audit_log.record(clock, actor, "portal_difference.export", "portal_difference", 0, became=became)
    return data


def _lines(found: list[PortalDifferenceView], clock: Clock) -> Iterator[list[Cell]]:
    yield [Cell(AUTHORITY, Mark.BOLD)]
    yield [Cell(f"导出时间 {beijing.short(clock.now())}")]
    yield [Cell(one, Mark.HEAD) for one in HEAD]
    for one in found:
        told = "；".join(
            f"{each.label}：{each.ours or '无'} → {each.theirs}" if each.theirs else f"{each.label}不同"
            for each in one.fields
        )
        settled = beijing.short(one.settled_at) if one.settled_at else ""
        texts = (
            KINDS[one.kind],
            one.plan,
            one.number,
            one.portal_number,
            told,
            beijing.short(one.found_at),
            one.note,
            one.settled_by_name,
            settled,
        )
        yield [Cell(text) for text in texts]
