"""Who did what: the one writer of audit entries. Call it inside the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from server.domain.actor import Actor
from server.domain.audit import named_people
from server.domain.ports import Clock
from server.models import AuditEntry
from server.models.database import rows

_INSERT = """
INSERT INTO audit_entry (at, actor_kind, actor_id, actor_name, action, subject_kind, subject_id, was, became, address,
                         request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9::text::jsonb, $10, $11)
"""


async def record(
    clock: Clock,
    actor: Actor,
    action: str,
    subject_kind: str,
    subject_id: int | str,
    *,
    was: Mapping[str, Any] | None = None,
    became: Mapping[str, Any] | None = None,
) -> None:
    """Write one entry in the current transaction. Never pass identity numbers, phones, tokens or openids.

    A candidate's name is taken out of what somebody wrote about them: the entry stays for ever.
    """
    became = await named_people.cleared(subject_kind, subject_id, became)
    await rows(
        _INSERT,
        clock.now(),
        actor.kind,
        actor.id,
        actor.name,
        action,
        subject_kind,
        str(subject_id),
        orjson.dumps(dict(was)).decode() if was is not None else None,
        orjson.dumps(dict(became)).decode() if became is not None else None,
        actor.address,
        actor.request_id,
    )


async def record_many(
    clock: Clock,
    actor: Actor,
    action: str,
    subject_kind: str,
    changes: Iterable[tuple[int | str, Mapping[str, Any] | None, Mapping[str, Any] | None]],
) -> None:
    """`record` for many subjects at once: (subject, was, became) each, in the current transaction."""
    at = clock.now()
    entries = [
        AuditEntry(
            at=at,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject),
            was=dict(was) if was is not None else None,
            became=dict(became) if became is not None else None,
            address=actor.address,
            request_id=actor.request_id,
        )
        for subject, was, became in changes
    ]
    if entries:
        await AuditEntry.bulk_create(entries, batch_size=1000)
