"""Imports as the console answers and shows them."""

from __future__ import annotations

from server.domain import beijing
from server.domain.imports import ImportOverview, ImportView
from server.web.console.answers import ImportProgress, ImportRefusal, ImportRun, ImportSummary


def summary(one: ImportOverview) -> ImportSummary:
    return ImportSummary(
        id=one.id,
        kind=one.kind,
        kind_label=one.title,
        file_name=one.file_name,
        dry_run=one.is_dry_run,
        all_or_nothing=one.all_or_nothing,
        state=one.state.value,
        state_label="没有写入" if one.refusal_code == "moved_since_check" else one.state.label,
        refusal=ImportRefusal(code=one.refusal_code, detail=one.refusal) if one.refusal_code else None,
        progress=ImportProgress(done=one.rows_done, total=one.rows_total),
        rows_total=one.rows_total,
        rows_taken=one.rows_taken,
        rows_new=one.rows_new,
        rows_changed=one.rows_changed,
        rows_unchanged=one.rows_unchanged,
        rows_refused=one.rows_refused,
        rows_skipped=one.rows_skipped,
        notes=one.notes,
        created_by=one.created_by,
        created_at=beijing.local(one.created_at),
        finished_at=beijing.local(one.finished_at) if one.finished_at else None,
    )


def whole(one: ImportView) -> ImportRun:
    return ImportRun(
        **dict(summary(one)),
        errors=[dict(error) for error in one.errors],
        differences=[dict(difference) for difference in one.differences],
        asked=one.asked,
        creating=one.creating,
        check_id=one.check_id,
        can_check_again=one.can_check_again,
        can_take=one.can_take,
        taken_by=one.taken_by,
        has_report=one.has_report,
    )
