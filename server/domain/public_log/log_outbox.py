"""What a step of a certificate's life leaves for the log, written in the transaction of the step."""

from __future__ import annotations

from collections.abc import Sequence

from server.domain.public_log import queries
from server.domain.public_log.log_entry import Entry


async def put(entries: Sequence[Entry]) -> None:
    """Put events that are to be logged into the current transaction; the sequencer gives them their places."""
    if entries:
        await queries.put(entries)
