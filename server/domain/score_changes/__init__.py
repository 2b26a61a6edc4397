"""成绩变更: scores of a released plan change only by the act of two people, with a reason, and the candidate is told.

states the life · facts what must hold · verbs request, approve, refuse, withdraw · listing what staff see ·
queries the SQL
"""

from server.domain.score_changes.listing import ScoreChangeView, listing
from server.domain.score_changes.queries import waiting
from server.domain.score_changes.states import STEPS, ScoreChangeState
from server.domain.score_changes.verbs import SHORTEST_REASON, approve, refuse, request, withdraw

__all__ = [
    "SHORTEST_REASON",
    "STEPS",
    "ScoreChangeState",
    "ScoreChangeView",
    "approve",
    "listing",
    "refuse",
    "request",
    "waiting",
    "withdraw",
]
