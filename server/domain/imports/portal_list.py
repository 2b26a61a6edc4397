"""The national portal's list of certificates out of a spreadsheet: its numbers come to stand beside ours, and every row
that can be read is kept to be compared with our certificates (S22, S94)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from server.domain.actor import Actor
from server.domain.certificates import portal
from server.domain.certificates.portal import Pair, Standing, Weighed
from server.domain.imports import cells
from server.domain.imports.import_plan import Verdict
from server.domain.imports.new_names import Names
from server.domain.imports.parsed_rows import Column, Draft
from server.domain.portal_lists import keeping
from server.domain.portal_lists.keeping import ListedRow
from server.domain.ports import Clock, Keys, PdfRenderer, Services

TITLE = "门户证书编号"
_LONGEST_CELL = 200


def _ours(raw: Any) -> str:
    return portal.our_number(cells.needed(_LONGEST_CELL)(raw))


def _theirs(raw: Any) -> str:
    return portal.their_number(cells.whole_number_text("门户证书编号", raw))


def _name(raw: Any) -> str:
    return "" if cells.is_blank(raw) else cells.name(raw)


def _or_blank(clean: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda raw: None if cells.is_blank(raw) else clean(raw)


COLUMNS: tuple[Column, ...] = (
    Column("证书编号", _ours),
    Column("门户证书编号", _theirs),
    Column("姓名", _name, required=False),
    Column("证件号码", _or_blank(cells.id_number), required=False),
    Column("证书等级", _or_blank(cells.level), required=False),
    Column("发证日期", _or_blank(cells.exam_date), required=False),
)
_TITLES = {"number": "证书编号", "portal_number": "门户证书编号", "name": "姓名"}


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What is on record of the numbers, and the list's rows as they are kept."""

    standing: Standing
    rows: list[ListedRow]


@dataclass(frozen=True, slots=True)
class Work:
    """The numbers to write, and the rows to keep: also those whose number is not taken."""

    weighed: Weighed
    rows: list[ListedRow]


def settle(draft: Draft) -> None:
    """No rule between cells."""


def _pairs(drafts: list[Draft]) -> dict[int, Pair]:
    return {
        place: Pair(draft.values["证书编号"], draft.values["门户证书编号"], draft.get("姓名") or "")
        for place, draft in enumerate(drafts)
        if not draft.errors
    }


async def load(clock: Clock, keys: Keys, drafts: list[Draft]) -> OnRecord:
    listed = [_row(keys, draft) for draft in drafts if not draft.errors]
    return OnRecord(await portal.standing(list(_pairs(drafts).values())), listed)


def _row(keys: Keys, draft: Draft) -> ListedRow:
    level = draft.get("证书等级")
    return ListedRow(
        draft.values["证书编号"],
        draft.values["门户证书编号"],
        name=draft.get("姓名") or "",
        id_index=keeping.blind(keys, draft.get("证件号码")),
        level=level.value if level is not None else "",
        issued_on=draft.get("发证日期"),
    )


def judge(pdf_renderer: PdfRenderer, on_record: OnRecord, drafts: list[Draft], creating: Names) -> Verdict:
    weighed = portal.weigh(_pairs(drafts), on_record.standing)
    verdict = Verdict(work=Work(weighed, on_record.rows), keeps=bool(on_record.rows))
    for place, why in weighed.objections.items():
        drafts[place].refuse(_TITLES[why.field], why.code, why.detail)
    numbers: set[str] = set()
    for draft in drafts:
        if draft.errors:
            continue
        ours = draft.values["证书编号"]
        if ours not in weighed.changes or ours in numbers:
            verdict.unchanged += 1
            continue
        numbers.add(ours)
        was, becomes = weighed.changes[ours]
        if was:
            verdict.add_changed(draft, ours, [("门户证书编号", was, becomes)])
        else:
            verdict.add_new(draft)
    return verdict


async def take(s: Services, work: Work, *, actor: Actor) -> None:
    await portal.write(s.clock, s.faults, work.weighed, actor=actor)
    await keeping.keep(s, work.rows, actor=actor)
