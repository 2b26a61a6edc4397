"""The one writer of `import_run.state`."""

from __future__ import annotations

from typing import Any

from server.domain.imports.states import STEPS
from server.models import ImportRun


async def advance(import_id: int, name: str, **changes: Any) -> bool:
    """Take one step by a conditional UPDATE; the audit row is the caller's, in the same transaction.

    Args:
        name: of a step in `states.STEPS`.
        changes: columns that change with the state.

    Returns: False when the run is in no state that this step leaves; nothing is written then.
    """
    step = STEPS[name]
    sources = [state.value for state in step.sources]
    query = ImportRun.filter(id=import_id, state__in=sources)
    return bool(await query.update(state=step.target.value, **changes))
