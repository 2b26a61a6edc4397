"""What happens to a batch now, told to the desktop pages that watch it."""

from __future__ import annotations

import logging
from typing import Any

from server.domain.ports import EventBus

log = logging.getLogger("xcert.events")


async def publish(event_bus: EventBus, issuance_id: int, event: str, **more: Any) -> None:
    """Tell the desktop pages that watch this batch. After the commit; a deaf channel undoes nothing."""
    try:
        await event_bus.publish(f"issuance:{issuance_id}", {"event": event, **more})
    except Exception as error:
        log.warning("live event %s of issuance %s was not told: %s", event, issuance_id, type(error).__name__)
