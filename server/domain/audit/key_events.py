"""Keys in the trail: what the terminal did to the key folder becomes audit entries, once each.

The commands that make and retire keys need no database, so they write the life of a key beside it; a job reads it.
"""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.beijing import local
from server.domain.ports import Clock, KeyEvent, Services
from server.models import AuditEntry

_ACTIONS = {"made": "keys.make", "retired": "keys.retire"}


async def sweep(s: Services) -> None:
    """Write down what is not in the trail yet. Sweep `keys.trail`."""
    events = s.keys.events()
    recorded = await AuditEntry.filter(subject_kind="key", action__in=list(_ACTIONS.values())).values_list(
        "action", "subject_id"
    )
    async with in_transaction():
        for event in events:
            if (_ACTIONS[event.kind], event.key_id) not in set(recorded):
                await _record(s.clock, event)


async def _record(clock: Clock, event: KeyEvent) -> None:
    actor = Actor("system", None, f"终端 {event.by}"[:100])
    became = {"at": local(event.at).isoformat(timespec="seconds")}
    if event.begins is not None:
        became["from"] = local(event.begins).isoformat(timespec="seconds")
    if event.reason:
        became["reason"] = event.reason
    await audit_log.record(clock, actor, _ACTIONS[event.kind], "key", event.key_id, became=became)
