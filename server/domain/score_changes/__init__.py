"""成绩变更: scores of a released plan change only by the act of two people, with a reason, and the candidate is told.

states the life · facts what must hold · verbs request, approve, refuse, withdraw · queries the SQL, and what staff see
"""

from server.domain.score_changes.queries import SORTS, ScoreChangeView, count, listing, waiting
from server.domain.score_changes.states import STEPS, ScoreChangeState
from server.domain.score_changes.verbs import (
    SHORTEST_REASON,
    approve,
    approve_in_case,
    end_in_case,
    mark_of,
    refuse,
    request,
    request_in_case,
    withdraw,
)

__all__ = [
    "SHORTEST_REASON",
    "SORTS",
    "STEPS",
    "ScoreChangeState",
    "ScoreChangeView",
    "approve",
    "approve_in_case",
    "count",
    "end_in_case",
    "listing",
    "mark_of",
    "refuse",
    "request",
    "request_in_case",
    "waiting",
    "withdraw",
]
