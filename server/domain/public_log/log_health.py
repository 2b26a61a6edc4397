"""How the public log does, for operators: its size, what waits, who has signed it lately, and why it stands still."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain.ports import Services
from server.domain.public_log import log_state, queries

LATE_SECONDS = 300.0  # what happened is in the log within a minute; five say that nobody writes it


@dataclass(frozen=True, slots=True)
class LogHealth:
    """`problem`: why nothing is sealed, "" when all is well. `cosigned`: witness → size of what it signed last."""

    problem: str
    size: int
    signed: int
    waiting: int
    oldest_seconds: float
    is_complete: bool
    cosigned: dict[str, int]

    @property
    def is_late(self) -> bool:
        return self.oldest_seconds > LATE_SECONDS


async def look(s: Services) -> LogHealth:
    """A few short statements and one small file."""
    last, waits, head = await queries.last_checkpoint(), await queries.backlog(), await queries.head()
    witnesses = s.log_witnesses.all() if s.log_witnesses is not None else []
    newest = await queries.newest_cosigned() if witnesses else {}
    return LogHealth(
        problem=await log_state.problem_of(s, head, last),
        size=await queries.size(),
        signed=last.size if last is not None else 0,
        waiting=waits.waiting,
        oldest_seconds=waits.oldest_seconds,
        is_complete=head.complete_at is not None,
        cosigned={one.name: newest.get(one.key, -1) for one in witnesses},
    )
