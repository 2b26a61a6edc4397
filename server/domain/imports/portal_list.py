"""The national portal's list of certificates out of a spreadsheet: its numbers come to stand beside ours (S94)."""

from __future__ import annotations

from typing import Any

from server.domain.actor import Actor
from server.domain.certificates import portal
from server.domain.certificates.portal import Pair, Standing, Weighed
from server.domain.imports import cells
from server.domain.imports.import_plan import Verdict
from server.domain.imports.new_names import Names
from server.domain.imports.parsed_rows import Column, Draft
from server.domain.ports import Clock, Keys, PdfRenderer, Services

TITLE = "门户证书编号"
_LONGEST_CELL = 200


def _ours(raw: Any) -> str:
    return portal.our_number(cells.needed(_LONGEST_CELL)(raw))


def _theirs(raw: Any) -> str:
    return portal.their_number(cells.whole_number_text("门户证书编号", raw))


def _name(raw: Any) -> str:
    return "" if cells.is_blank(raw) else cells.name(raw)


COLUMNS: tuple[Column, ...] = (
    Column("证书编号", _ours),
    Column("门户证书编号", _theirs),
    Column("姓名", _name, required=False),
)
_TITLES = {"number": "证书编号", "portal_number": "门户证书编号", "name": "姓名"}


def settle(draft: Draft) -> None:
    """No rule between cells."""


def _pairs(drafts: list[Draft]) -> dict[int, Pair]:
    return {
        place: Pair(draft.values["证书编号"], draft.values["门户证书编号"], draft.get("姓名") or "")
        for place, draft in enumerate(drafts)
        if not draft.errors
    }


async def load(clock: Clock, keys: Keys, drafts: list[Draft]) -> Standing:
    return await portal.standing(list(_pairs(drafts).values()))


def judge(pdf_renderer: PdfRenderer, standing: Standing, drafts: list[Draft], creating: Names) -> Verdict:
    weighed = portal.weigh(_pairs(drafts), standing)
    verdict = Verdict(work=weighed)
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


async def take(s: Services, work: Weighed, *, actor: Actor) -> None:
    await portal.write(s.clock, s.faults, work, actor=actor)
