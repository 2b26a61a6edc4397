"""Spreadsheets in: candidates, scores, practice hours and the portal's numbers, with one validator for dry and for real runs.

parsed_rows                               a table out of a file, and its rows with every error
cells                                     one cell into one value
import_plan                               what rows come to against the records
new_names                                 unknown plans, schools, sites
uniqueness, score_clashes                 what must be unique, over the whole file
people, scores, practice, portal_list     what each kind of table knows; no SQL
on_record, score_records                  the SQL that reads what is on record
people_writing, practice_writing, score_writing   the SQL that writes what was judged
validation                                the validator
submission                                what begins an import
runs, states, transitions                 the life of an import
queries                                   what staff see of it
annotated_workbook, reports               the workbook back
guide                                     what each column is for, and the empty workbooks to begin with
"""

from __future__ import annotations

from pathlib import Path

from server.domain.actor import Actor
from server.domain.imports.guide import columns, template, template_name
from server.domain.imports.new_names import LABELS, Names
from server.domain.imports.queries import ImportOverview, ImportView, Wanted, importers, listing, view, whole
from server.domain.imports.reports import report, report_name
from server.domain.imports.runs import run, sweep
from server.domain.imports.submission import TAKE, Wish, check_again, keep, submit, take_in
from server.domain.ports import Services

__all__ = [
    "LABELS",
    "ImportOverview",
    "ImportView",
    "Names",
    "Wanted",
    "Wish",
    "check_again",
    "columns",
    "importers",
    "listing",
    "report",
    "report_name",
    "run",
    "run_file",
    "submit",
    "sweep",
    "take",
    "take_in",
    "template",
    "template_name",
    "view",
]


async def take(
    s: Services,
    kind: str,
    file_name: str,
    data: bytes,
    wish: Wish = TAKE,
    *,
    actor: Actor,
) -> ImportView:
    """Import at once, in this process, by the same way as `submit` and the worker.

    Raises:
        Refused: what can be seen of a bad file in a moment; what shows later stands in the view.
    """
    import_id = await keep(s, kind, file_name, data, wish, actor=actor, queued=False)
    await run(s, import_id)
    return await whole(import_id)


async def run_file(
    s: Services,
    kind: str,
    path: Path,
    wish: Wish,
    *,
    report_path: Path | None = None,
    actor: Actor,
) -> ImportView:
    """`xcert import …`: import a file from the disk, and write the annotated workbook if asked to.

    Raises:
        Refused: the file cannot be read (exit code 2).
        OSError: there is no such file.
    """
    ended = await take(
        s,
        kind,
        path.name,
        path.read_bytes(),  # noqa: ASYNC240 -- the command line has nothing else to do meanwhile
        wish,
        actor=actor,
    )
    if report_path is not None and not ended.refusal_code:
        report_path.write_bytes(await report(s, ended.id, actor=actor))  # noqa: ASYNC240 -- the same
    return ended
