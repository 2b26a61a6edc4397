"""Who did what: the one writer of audit entries. Call it inside the transaction of the change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from server.domain.ports import Clock
from server.models import AuditEntry


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `kind` is staff, officer, candidate, system or stranger; `name` is shown in the trail.

    `scopes`: of the API token by which it is done; None where it is the person. See `people.roles.SCOPES`.
    """

    kind: str
    id: int | None
    name: str
    role: str = ""
    school_id: int | None = None
    address: str = ""
    request_id: str = ""
    scopes: frozenset[str] | None = None

    def at(self, address: str, request_id: str) -> Actor:
        """The same actor, coming from there."""
        return replace(self, address=address, request_id=request_id)

    def kept(self) -> dict[str, Any]:
        """As JSON, for a job that goes on in this actor's name; `of` reads it."""
        scopes = sorted(self.scopes) if self.scopes is not None else None
        return {**asdict(self), "scopes": scopes}

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Actor:
        """Whom `kept` wrote."""
        scopes = kept.get("scopes")
        return cls(**{**kept, "scopes": frozenset(scopes) if scopes is not None else None})


SYSTEM = Actor("system", None, "系统")


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
    """Write one entry in the current transaction. Never pass identity numbers, phones, tokens or openids."""
    await AuditEntry.create(
        at=clock.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name,
        action=action,
        subject_kind=subject_kind,
        subject_id=str(subject_id),
        was=dict(was) if was is not None else None,
        became=dict(became) if became is not None else None,
        address=actor.address,
        request_id=actor.request_id,
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
