"""The page of one exam plan: how it went, the last look before its release, and who asked and approved."""

from __future__ import annotations

from sanic import Blueprint, HTTPResponse

from server.domain import roles
from server.domain.dossiers import plan_dossier
from server.domain.dossiers.plan_dossier import PASSING_BAND, Distribution
from server.domain.exams.results import Result
from server.domain.levels import Level
from server.domain.roles import Verb
from server.web.console import page_base
from server.web.console.auth import Call

bp = Blueprint("console_plan", url_prefix="/console")
COLUMNS = (Result.PASSED, Result.FAILED, Result.ABSENT, Result.DEFERRED, Result.MISCONDUCT, Result.PENDING)
HEIGHT, WIDTH, GAP = 110, 34, 8  # of a drawn distribution, in its own units
TONES = {"requested": "wait", "approved": "good", "refused": "bad"}


def bars(drawn: Distribution) -> list[dict[str, object]]:
    """The rectangles of a distribution, the tallest `HEIGHT` high."""
    most = max(drawn.most, 1)
    return [
        {
            "x": band * (WIDTH + GAP),
            "height": (tall := round(HEIGHT * people / most) or (1 if people else 0)),
            "y": 18 + HEIGHT - tall,
            "people": people,
            "passes": band >= PASSING_BAND,
            "label": f"{band * 10}–{band * 10 + 9 if band < 9 else 100}",
        }
        for band, people in enumerate(drawn.bands)
    ]


async def plan_page(call: Call, plan_id: int) -> HTTPResponse:
    it = await plan_dossier.view(call.s.clock, plan_id, actor=call.actor)
    return await page_base.render(
        call,
        "plan.html",
        title=it.name,
        nav="/console/plans",
        it=it,
        columns=COLUMNS,
        pending=Result.PENDING,
        absent=Result.ABSENT,
        passed=Result.PASSED,
        all_levels=[level for level in Level if any(one.level is level for one in it.levels)],
        bars=bars,
        drawn={"height": HEIGHT, "width": WIDTH, "gap": GAP},
        tones=TONES,
        may_ask=roles.may(call.actor, Verb.RELEASE),
        may_approve=roles.may(call.actor, Verb.APPROVE_RELEASE),
        may_prepare=roles.may(call.actor, Verb.PREPARE),
        may_see_batches=roles.may(call.actor, Verb.SEE_ISSUANCES),
        may_see_schools=roles.may(call.actor, Verb.SEE_OFFICERS),
    )


page_base.mount(bp, "/plans/<plan_id:int>", plan_page, Verb.SEE_PLANS)
