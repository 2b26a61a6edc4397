"""Spreadsheets in: candidates, scores, practice hours and the portal's numbers, with one validator for dry and for real runs.

files      what a file is, by its bytes, and what is refused unread
xlsx, xls  the inside of workbooks before anybody parses them
sheets     a table out of a file          cells      one cell into one value
drafts     rows with every error          verdicts   what drafts come to against the records
naming     unknown plans, schools, sites  whole_file, score_clashes   what must be unique, over the whole file
people, scores, practice, portal_list     what each kind of table knows (score_records, score_writing, people_writing)
examination                               the validator
handing_in what begins an import          runs       the life of an import
annotated, reports                        the workbook back and the answer
guide      what each column is for, and the empty workbooks to begin with
"""

from __future__ import annotations

from pathlib import Path

from server.domain.actor import Actor
from server.domain.imports.guide import columns, template, template_name
from server.domain.imports.new_names import LABELS, Names
from server.domain.imports.reports import Summary, listing, report, report_name, summary, view
from server.domain.imports.runs import run, sweep
from server.domain.imports.submission import TAKE, Wish, check_again, keep, submit, take_in
from server.domain.ports import Services

__all__ = [
    "LABELS",
    "Names",
    "Summary",
    "Wish",
    "check_again",
    "columns",
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
) -> Summary:
    """Import at once, in this process, by the same way as `submit` and the worker.

    Raises:
        Refused: what can be seen of a bad file in a moment; what shows later stands in the summary.
    """
    row = await keep(s, kind, file_name, data, wish, actor=actor, queued=False)
    await run(s, row.id)
    return await summary(row.id)


async def run_file(
    s: Services,
    kind: str,
    path: Path,
    wish: Wish,
    *,
    report_path: Path | None = None,
    actor: Actor,
) -> Summary:
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
        report_path.write_bytes(await report(s, ended.import_id, actor=actor))  # noqa: ASYNC240 -- the same
    return ended
