"""What belongs to somebody else looks exactly like what is not there: asked of every route that names a thing.

The list is the API's own, so that a new route is asked by itself.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import PERMISSIONS, Role
from server.models import ApiToken, Certificate, ConsoleSession, Preparation, Receipt
from server.web.console import ROUTES
from tests.kit import correcting, issuing, make, printing
from tests.kit.console_desk import LEAST_BODIES, NO_BODY, PASSWORD, seated
from tests.kit.jobs import drained

App = Sanic[Any, Any]
NAMED = [route for route in ROUTES if not route.is_open and "<" in route.path]
ABSENT = {"number": "26SPS199999999R", "session_id": "0" * 32}


def filled(path: str, values: dict[str, Any]) -> str:
    return re.sub(r"<(\w+):\w+>", lambda found: str(values[found[1]]), path)


def said(response: Any) -> tuple[int, Any]:
    """Everything that a stranger could tell an answer apart by."""
    return response.status, {**response.json, "request_id": "", "instance": ""}


@pytest.mark.parametrize("state", ["site_pending", "issued"])
async def test_a_schools_account_cannot_tell_anothers_from_nothing(
    app: App, services: Services, state: str
) -> None:
    of = await issuing.cohort(services)
    batch = await (issuing.pending if state == "site_pending" else issuing.generating)(services, of)
    await drained(services)
    boss = await seated(app, services, Role.SCHOOL, school=of.school, username="boss")
    assert (await boss("POST", "/session", {"username": "boss", "password": PASSWORD})).status == 200
    made = await boss("POST", "/tokens", {"label": "夜间导出", "days": 30, "password": PASSWORD})
    assert made.status == 201, made.text
    printed = await printing.a_run(services, batch.id) if state == "issued" else 1
    certificate = await Certificate.filter(issuance_id=batch.id).order_by("number").first()
    assert certificate is not None
    theirs = {
        "issuance_id": batch.id,
        "officer_id": of.officer.id,
        "school_id": of.school.id,
        "number": certificate.number,
        "token_id": (await ApiToken.get()).id,
        "staff_id": 1,
        "plan_id": of.plan.id,
        "release_id": 1,
        "candidate_id": of.registrations[0].candidate_id,
        "import_id": 1,
        "change_id": 1,
        "staff_change_id": 1,
        "passkey_id": 1,
        "session_id": (await ConsoleSession.get()).id,
        "correction_id": (await correcting.asked(services, of, name="崔子寒")).id,
        "erasure_id": 1,
        "person_id": 1,
        "paper_run_id": printed,
        "order_id": 1,
        "price_id": 1,
        "refund_id": 1,
        "bank_refund_id": 1,
        "fee_id": 1,
        "waiver_id": 1,
        "course_id": 1,
        "transfer_id": 1,
        "alarm_id": 1,
        "difference_id": 1,
        "campaign_id": 1,
        "line": "icp",
        "job_id": 1,
        "delivery_id": 1,
        "day": "2026-11-22",
        "preparation_id": (await Preparation.get()).id,
        "receipt_id": getattr(await Receipt.first(), "id", 1),
    }
    nobodys = {name: ABSENT.get(name, 987_654_321) for name in theirs}
    stranger = await seated(app, services, Role.SCHOOL, school=await make.school(), username="stranger")
    for route in NAMED:
        unknown = set(re.findall(r"<(\w+):", route.path)) - theirs.keys()
        assert unknown == set(), f"{route.path}: what is the first school's goes into `theirs` above"
        answers = []
        for values in (theirs, nobodys):
            body = None if route.method == "GET" else LEAST_BODIES.get(route.path, {})
            answers.append(said(await stranger(route.method, filled(route.path, values), body)))
        may = route.verb is None or route.verb in PERMISSIONS[Role.SCHOOL]
        assert answers[0][0] != 422, f"{route.path}: {NO_BODY}"
        assert answers[0] == answers[1], route.path
        assert answers[0][0] == (404 if may else 403), route.path
    for page in ("", "/qr"):
        seen = [await stranger.page(f"/console/issuances/{one}{page}") for one in (batch.id, 987_654_321)]
        assert [one.status for one in seen] == [404, 404]
        assert certificate.number not in seen[0].text
    assert await ApiToken.filter(revoked_at=None).count() == 1
