"""Erasures that a backup does not know: they are done again before anybody may see the data (`xcert restore`), or by the sweep.

Nothing is asked: who asked and who approved is on the register. What was open in the backup's time does not hinder it; it is
told, for a person to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from server.domain.actor import SYSTEM
from server.domain.fault_points import transaction
from server.domain.notices import overtaken
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_facts, erasure_register, erasure_transitions, subjects
from server.domain.privacy.erasure_register import Entry
from server.domain.privacy.states import UNDER_WAY_GUARDS, Standing
from server.domain.privacy.subjects import KINDS, Subject
from server.models.database import rows

BACK = " UNION ALL ".join(
    f"SELECT e.kind, e.row FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS e (kind, row, made)"  # noqa: S608
    f" JOIN {of.table} c ON e.kind = '{kind}' AND c.id = e.row AND c.{of.made} = e.made AND c.erased_at IS NULL"
    for kind, of in KINDS.items()
)
WHY = "本人的信息已删除"
# What the backup may have open, by the code of the guard that would have refused (`states`).
OPEN = {
    "exam_pending": "没有出成绩的报考",
    "certificate_pending": "通过了还没有发的证书",
    "correction_open": "没有办完的更正或成绩变更",
    "money_open": "没有缴清的费用，或没有办完的订单、退款、减免",
    "paper_pending": "在路上的纸质证书",
    "message_pending": "没有发完的通知",
    "in_office": "账号（签发负责人）没有停用",
}


@dataclass(frozen=True, slots=True)
class Redone:
    """One erasure that was done again; `open`: what the backup had under way for the person, in words."""

    who: Subject
    open: tuple[str, ...]


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
        if not await outstanding([entry.key]) or (await subjects.hold(entry.of)).erased_at is not None:
            return None
        known = await erasure_facts.under_way(entry.of, Standing())
        reasons = [guard(known) for guard in UNDER_WAY_GUARDS]
        row = await erasure_transitions.redo(s.clock, entry, actor=SYSTEM)
        await overtaken.stop_person(s.clock.now(), entry.kind, entry.row, WHY)
        bound = await erasing.take_out(s, row)
    erasing.forget(s, bound)
    return Redone(entry.of, tuple(OPEN[one.code] for one in reasons if one is not None))


async def bring_up(s: Services, more: Iterable[Entry] = ()) -> list[Redone]:
    """Every erasure on the register done again, and the register whole in every place; what was done again.

    Files follow by their job, or `erasing.sweep`.

    Args:
        more: entries from elsewhere, other backups' for instance.

    Raises OutsideFailure: a place of the register cannot be read or written; what the others say is done by then.
    """
    given = list(more)
    done = [await redo(s, one) for one in given]
    for place in erasure_register.places(s):
        for key in await outstanding([key async for key in erasure_register.keys_in(place)]):
            if (entry := await erasure_register.got(s.keys, place, key)) is not None:
                done.append(await redo(s, entry))
    await complete(s, given)
    return [one for one in done if one is not None]


async def complete(s: Services, more: Iterable[Entry] = ()) -> int:
    """Write what a place of the register lacks: an entry's place may have been away, or new. How many."""
    wanted = {one.key: one for one in (*await erasure_register.approved(), *more)}
    count = 0
    for place in erasure_register.places(s):
        there = {key async for key in erasure_register.keys_in(place)}
        count += await erasure_register.write(
            s.keys, place, [one for key, one in wanted.items() if key not in there]
        )
    return count


async def sweep(s: Services) -> None:
    """A database that came back by other means than `xcert restore`. Sweep `privacy.register`."""
    await bring_up(s)
