"""Who read whose data is on record: every page and answer of the console is classified, and does as its class says."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Certificate, Correction, FeeOrder, PaperRun, PaperSheet, Registration
from server.web.console import reads
from tests.kit.console_desk import seated
from tests.kit.whole_person import MOBILE, NUMBER, whole_person

App = Sanic[Any, Any]
STREAMS = {"/console/api/v1/issuances/<issuance_id:int>/events"}  # does not end by itself


def gets(app: App) -> set[str]:
    return {
        f"/{route.path}".rstrip("/")
        for route in app.router.routes
        if route.path.startswith("console") and "GET" in route.methods
    }


def test_every_read_of_the_console_is_classified_once(app: App) -> None:
    classes = [*reads.AUDITED, *reads.LISTED, *reads.NOTHING]
    assert len(classes) == len(set(classes))
    assert gets(app) - set(classes) == set(), "who reads people there? say so in server/web/console/reads.py"
    assert set(classes) - gets(app) == set()


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.INFO)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
async def test_each_read_leaves_the_trace_of_its_class(app: App, services: Services) -> None:
    who = await whole_person(services)
    ids = await _ids(who.id)
    desk = await seated(app, services, Role.ADMIN)
    wrong = []
    for path in sorted(gets(app) - STREAMS):
        if (address := _address(path, ids)) is None:
            continue
        before = await AuditEntry.all().count()
        answer = await desk("GET", address)
        if answer.status != 200:
            continue
        traces = await AuditEntry.all().count() - before
        shows = [text for text in (NUMBER, MOBILE) if text.encode() in answer.body]
        named = any(name.encode() in answer.body for name in ("龙雯", "龙文"))
        if shows and path not in FULL:
            wrong.append(f"{path} shows a number in full")
        if path in reads.NOTHING and named:
            wrong.append(f"{path} names a candidate")
        if path in reads.AUDITED and not traces and path not in ONCE_AN_HOUR:
            wrong.append(f"{path} left no trace")
        if path in reads.LISTED and not await _listed(reads.LISTED[path]):
            wrong.append(f"{path} left no entry of its list")
    assert not wrong, "\n".join(wrong)


# The API's list is asked first and has left the hour's entry.
ONCE_AN_HOUR = {"/console/erasures", "/console/people"}
# What shows numbers in full, to who may import or check the list of a batch; each such look is on record.
FULL = {"/console/api/v1/issuances/<issuance_id:int>/list.json"}


async def _listed(name: str) -> bool:
    return await AuditEntry.filter(action="people.viewed", subject_kind="list", subject_id=name).exists()


async def _ids(candidate_id: int) -> dict[str, int]:
    certificate = await Certificate.filter(candidate_id=candidate_id).order_by("id").first()
    registration = await Registration.get(candidate_id=candidate_id)
    correction, order = await Correction.get(candidate_id=candidate_id), await FeeOrder.get()
    assert certificate is not None
    sheet = await PaperSheet.get(certificate_id=certificate.id)
    run = await PaperRun.get(id=sheet.run_id)
    return {
        "candidate_id": candidate_id,
        "issuance_id": certificate.issuance_id,
        "plan_id": registration.plan_id,
        "school_id": (await (await registration.site).school).id,
        "correction_id": correction.id,
        "order_id": order.id,
        "paper_run_id": run.id,
        "staff_id": 1,
    }


def _address(path: str, ids: dict[str, int]) -> str | None:
    """The path with ids on record; None where there is none of that kind here."""
    if set(re.findall(r"<(\w+):", path)) - set(ids):
        return None
    return re.sub(r"<(\w+):\w+>", lambda found: str(ids[found[1]]), path)
