"""Erasures that a backup does not know: they are done again before anybody may see the data (`xcert restore`), or by the sweep.

Nothing is asked: who asked and who approved is on the register. What was open in the backup's time does not hinder it; it is
told, for a person to look at.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from server.domain.actor import SYSTEM
from server.domain.events import publish
from server.domain.fault_points import transaction
from server.domain.issuance import unlisting
from server.domain.issuance.transitions import tell_state
from server.domain.notices import overtaken
from server.domain.people import officers, staff
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_facts, erasure_register, erasure_transitions, subjects
from server.domain.privacy.erasure_register import Entry
from server.domain.privacy.states import UNDER_WAY_GUARDS, Standing
from server.domain.privacy.subjects import KINDS, Subject
from server.errors import OutsideFailure
from server.models.database import rows

BACK = " UNION ALL ".join(
    f"SELECT e.kind, e.row FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS e (kind, row, made)"  # noqa: S608
    f" JOIN {of.table} c ON e.kind = '{kind}' AND c.id = e.row AND c.{of.made} = e.made AND c.erased_at IS NULL"
    for kind, of in KINDS.items()
)
WHY = "本人的信息已删除"
UNREAD = (
    "{count} 条登记读不出（如 {key}），而它写的记录又在数据库里：文件损坏，不是本系统写的，或缺少封它的 index 密钥。"
    "请放回密钥目录里缺的 index 密钥，或从别的备份、登记的另一处取回这个文件；确认不是本系统写的，就删掉这个文件"
)
log = logging.getLogger("xcert.privacy")
# What the backup may have open, by the code of the guard that would have refused (`states`).
OPEN = {
    "exam_pending": "没有出成绩的报考",
    "certificate_pending": "通过了还没有发的证书（已从名单去掉；没有发放的批次要重新签发）",
    "correction_open": "没有办完的更正或成绩变更",
    "money_open": "没有缴清的费用，或没有办完的订单、退款、减免",
    "paper_pending": "在路上的纸质证书",
    "message_pending": "没有发完的通知",
    "in_office": "账号（签发负责人）没有停用（已停用）",
}


@dataclass(frozen=True, slots=True)
class Redone:
    """One erasure that was done again; `open`: what the backup had under way for the person, in words."""

    who: Subject
    open: tuple[str, ...]


class Unfinished(OutsideFailure):
    """Part of the register could not be read or done again: `left` says what, in words; `done` is what was."""

    def __init__(self, done: list[Redone], left: list[str]) -> None:
        super().__init__("；".join(left))
        self.done, self.left = done, left


async def outstanding(keys_named: Iterable[str]) -> list[str]:
    """Those of the register's keys whose rows are there and not erased: a backup brought them back."""
    found = {named: key for key in keys_named if (named := erasure_register.named(key)) is not None}
    if not found:
        return []
    back = {(row["kind"], row["row"]) for row in await rows(BACK, *map(list, zip(*found, strict=True)))}
    return [key for (kind, row, _), key in found.items() if (kind, row) in back]


async def redo(s: Services, entry: Entry) -> Redone | None:
    """Take the person out once more, and write down that it was approved; None: there is nobody to take out.

    Safe to repeat, and to be killed anywhere.
    """
    async with transaction(s.faults, "redoing.redo"):
        batches = await unlisting.hold(entry.row) if entry.kind == "candidate" else []
        if not await outstanding([entry.key]) or (await subjects.hold(entry.of)).erased_at is not None:
            return None
        known = await erasure_facts.under_way(entry.of, Standing())
        reasons = [guard(known) for guard in UNDER_WAY_GUARDS]
        row = await erasure_transitions.redo(s.clock, entry, actor=SYSTEM)
        await overtaken.stop_person(s.clock.now(), entry.kind, entry.row, WHY)
        if entry.kind == "candidate":
            batches = await unlisting.take_off(s, entry.row)
        replaced = await _close(s, entry.of)
        bound = await erasing.take_out(s, row)
        await unlisting.end(s, batches)
    erasing.forget(s, bound)
    for issuance in batches:
        await tell_state(s.event_bus, issuance)
    for issuance_id in replaced:
        await publish(s.event_bus, issuance_id, "replaced")
    return Redone(entry.of, tuple(OPEN[one.code] for one in reasons if one is not None))


async def _close(s: Services, who: Subject) -> list[int]:
    """Whoever the backup has in office is closed by the writer of that life: nobody can, once they are erased.

    Returns: the batches whose QR is dead now.
    """
    if who.kind == "officer":
        return await officers.close(s.clock, who.id, actor=SYSTEM)
    if who.kind == "staff":
        await staff.set_active(s.clock, who.id, False, actor=SYSTEM)
    return []


async def bring_up(
    s: Services, more: Iterable[Entry] = (), *, unread: Iterable[str] = (), reads_all: bool = True
) -> list[Redone]:
    """Every erasure on the register done again, and the register whole in every place; what was done again.

    Files follow by their job, or `erasing.sweep`.

    Args:
        more: entries from elsewhere, other backups' for instance; `unread`: keys of those there that cannot be read.
        reads_all: also mend entries that are there and cannot be read.

    Raises Unfinished: an entry that concerns somebody, or a place, cannot be read or written; all the rest is done by then.
    """
    given, done = list(more), list[Redone]()
    left, lost = list[str](), set(unread)
    for one in given:
        await _one(s, one, done, left)
    for place in erasure_register.places(s):
        try:
            for key in await outstanding([key async for key in erasure_register.keys_in(place)]):
                if (entry := await erasure_register.got(s.keys, place, key)) is None:
                    lost.add(key)
                else:
                    await _one(s, entry, done, left)
        except OutsideFailure as failure:
            left.append(str(failure))
    try:
        await complete(s, given, reads_all=reads_all)
    except OutsideFailure as failure:
        left.append(str(failure))
    if still := await outstanding(sorted(lost)):
        left.append(UNREAD.format(count=len(still), key=still[0]))
    if left:
        raise Unfinished(done, list(dict.fromkeys(left)))
    return done


async def _one(s: Services, entry: Entry, done: list[Redone], left: list[str]) -> None:
    """One of them; whatever goes wrong with it does not keep the others."""
    try:
        if (redone := await redo(s, entry)) is not None:
            done.append(redone)
    except Exception as error:  # of this person alone, as far as anybody knows
        log.error("an erasure was not done again: %s: %s", entry.key, type(error).__name__)
        left.append(f"登记 {entry.key} 没有重做成（{type(error).__name__}）")


async def complete(s: Services, more: Iterable[Entry] = (), *, reads_all: bool = True) -> int:
    """Write what a place of the register lacks: an entry's place may have been away, or new. How many.

    Args:
        reads_all: read those that are there, too, and write anew what is damaged.

    Raises OutsideFailure: a place is away; the others are complete by then.
    """
    wanted = {one.key: one for one in (*await erasure_register.approved(), *more)}
    count, failed = 0, None
    for place in erasure_register.places(s):
        try:
            there = set[str]() if reads_all else {key async for key in erasure_register.keys_in(place)}
            lacking = [one for key, one in wanted.items() if key not in there]
            count += await erasure_register.write(s.keys, place, lacking)
        except OutsideFailure as failure:
            failed = failure
    if failed is not None:
        raise failed
    return count


async def sweep(s: Services) -> None:
    """A database that came back by other means than `xcert restore`. Sweep `privacy.register`."""
    await bring_up(s, reads_all=False)


async def mend(s: Services) -> None:
    """Read all of the register, and write anew what is damaged. Sweep `privacy.register_read`."""
    await bring_up(s)
