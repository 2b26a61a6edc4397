"""The one writer of `certificate.state`: one certificate or many, by one conditional statement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from server.domain.certificates.states import STEPS
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
        " RETURNING x.number",
        step.target.value,
        [state.value for state in step.sources],
        issuance_id,
        claimed_by,
        list(ids),
        *(list(values) for values in changes.values()),
    )
    return sorted(row["number"] for row in moved)
