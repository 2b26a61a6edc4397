"""The one writer of `certificate.state`: one certificate or many, by one conditional statement.

What the public log tells goes into its outbox here, so that no step is taken without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from server.domain.certificates.states import STEPS, CertificateState
from server.domain.public_log import log_outbox
from server.domain.public_log.log_entry import Entry, entry_of
from server.models.database import rows

_TYPES = {
    "claims": "bytea",
    "claims_sha256": "bytea",
    "code": "text",
    "pdf_key": "text",
    "pdf_sha256": "bytea",
    "sealed_at": "timestamptz",
    "last_error": "text",
    "claimed_until": "timestamptz",
    "revoked_at": "timestamptz",
    "revoke_reason": "text",
    "superseded_by_id": "bigint",
    "superseded_at": "timestamptz",
    "superseded_word": "text",
}

# What the public log tells, by the state that a step leads to.
LOGGED = {
    CertificateState.VALID: "issued",
    CertificateState.REVOKED: "revoked",
    CertificateState.SUPERSEDED: "superseded",
}
_SUCCESSORS = """
SELECT x.id, s.code FROM certificate x JOIN certificate s ON s.id = x.superseded_by_id WHERE x.id = ANY($1::bigint[])
"""


async def advance(
    name: str,
    ids: Sequence[int],
    *,
    changes: Mapping[str, Sequence[Any]] | None = None,
    issuance_id: int | None = None,
    claimed_by: str | None = None,
) -> list[str]:
    """Take one step with these certificates; the audit row is the caller's, in the same transaction.

    Args:
        name: of a step in `states.STEPS`.
        ids: of the certificates' rows.
        changes: columns that change with the state, each with one value for every id.
        issuance_id: of their batch; others stay as they are.
        claimed_by: whose claim must still stand on them.

    Returns: the numbers of those that were in a state which the step leaves, in order. The others stay as they are.
    """
    step, changes = STEPS[name], changes or {}
    columns = {column: _TYPES[column] for column in changes}
    arrays = ", ".join(f"${at}::{kind}[]" for at, kind in enumerate(("bigint", *columns.values()), 5))
    moved = await rows(
        f"UPDATE certificate AS x SET {', '.join(['state = $1', *(f'{c} = n.{c}' for c in columns)])}"  # noqa: S608 -- our own names
        f" FROM unnest({arrays}) AS n ({', '.join(('id', *columns))})"
        " WHERE x.id = n.id AND x.state = ANY($2::text[])"
        " AND ($3::bigint IS NULL OR x.issuance_id = $3) AND ($4::text IS NULL OR x.claimed_by = $4)"
        " RETURNING x.id, x.number, x.code, x.pdf_sha256, x.sealed_at, now() AS at",
        step.target.value,
        [state.value for state in step.sources],
        issuance_id,
        claimed_by,
        list(ids),
        *(list(values) for values in changes.values()),
    )
    if (event := LOGGED.get(step.target)) is not None and moved:
        await _log(event, moved, dict(zip(ids, _moments(changes, len(ids)), strict=True)))
    return sorted(row["number"] for row in moved)


def _moments(changes: Mapping[str, Sequence[Any]], count: int) -> list[datetime | None]:
    """When the step was taken, for each id, where a column of the step says it."""
    for column, values in changes.items():
        if column.endswith("_at"):
            return list(values)
    return [None] * count


async def _log(event: str, moved: Sequence[Mapping[str, Any]], at: Mapping[int, datetime | None]) -> None:
    """Put what happened into the log's outbox, in the same transaction."""
    successors = {}
    if event == LOGGED[CertificateState.SUPERSEDED]:
        found = await rows(_SUCCESSORS, [row["id"] for row in moved])
        successors = {row["id"]: row["code"] for row in found}
    entries = []
    for row in sorted(moved, key=lambda row: row["number"]):
        moment = at[row["id"]] or row["at"]
        if event != "issued":  # one from before there was a log has that behind it, too; twice is once
            entries.append(_entry("issued", row, row["sealed_at"] or moment))
        entries.append(_entry(event, row, moment, successors.get(row["id"], "")))
    await log_outbox.put(entries)


def _entry(event: str, row: Mapping[str, Any], at: datetime, successor: str = "") -> Entry:
    return entry_of(
        event, number=row["number"], code=row["code"], at=at, pdf=row["pdf_sha256"], successor=successor
    )
