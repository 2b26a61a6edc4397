"""Both APIs against whatever schemathesis invents from the OpenAPI document: never a 5xx, refusals as problems.

More of it: `XCERT_EXAMPLES=50 .venv/bin/python -m pytest tests/journeys/test_apis_hold.py`.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok

from server.domain.roles import SCOPES
from tests.journeys.people import NEW_PASSWORD, Desk, Phone
from tests.journeys.service import Service

EXAMPLES = int(os.environ.get("XCERT_EXAMPLES", "5"))  # for each operation
# What would end or bar the very account that asks; each has tests of its own.
NOT_BY_CHANCE = {
    ("DELETE", "/console/api/v1/session"),
    ("DELETE", "/console/api/v1/sessions"),
    ("PUT", "/console/api/v1/session/password"),
    ("POST", "/console/api/v1/session/second-factor"),
    ("PUT", "/console/api/v1/session/second-factor"),
    ("POST", "/console/api/v1/session/second-factor/drop"),
    ("POST", "/console/api/v1/session/second-factor/recovery-codes"),
    ("DELETE", "/console/api/v1/tokens/{token_id}"),
    ("DELETE", "/console/api/v1/sessions/{session_id}"),
    ("POST", "/console/api/v1/staff/{staff_id}/deactivate"),
    ("GET", "/console/api/v1/issuances/{issuance_id}/events"),  # a stream without an end
}


@pytest.fixture(scope="module")
def document(fresh: Service) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{fresh.url}/docs/openapi.json", timeout=60).json()
    return found


@pytest.fixture(scope="module")
def bearers(fresh: Service) -> dict[str, str]:
    """An API token of an administrator, and a log-in of the mini-program."""
    wanted = {"label": "schemathesis", "days": 1, "scopes": list(SCOPES), "password": NEW_PASSWORD}
    made = Desk(fresh, "admin").post("/tokens", wanted, status=201)
    phone = Phone(fresh, "p5")
    phone.program("GET", "/binding")
    return {"/console/": made["token"], "/mp/": phone.bearer}


def test_the_examples_that_a_first_start_lays_out_can_be_imported(fresh: Service) -> None:
    """Two clean sheets and one with mistakes, as README says; what is called below has their people too."""
    folder = fresh.folder / "var" / "examples"
    desk = Desk(fresh, "operator")
    sheets = (
        ("candidates", "考生信息.xlsx", 0),
        ("scores", "成绩（有错误的）.xlsx", 4),
        ("scores", "成绩.xlsx", 0),
    )
    for kind, name, refused in sheets:
        run = desk.upload(kind, name, (folder / name).read_bytes(), dry_run=False)
        assert (run["state"], run["rows_refused"]) == ("done", refused), (name, run)
    assert str(folder) in fresh.first_greeting


def test_the_document_is_openapi(document: dict[str, Any]) -> None:
    """schemathesis validates the document against OpenAPI's own schema."""
    schemathesis.openapi.from_dict(document).validate()
    assert document["openapi"].startswith("3.")
    assert len(document["paths"]) > 40


def broken_by(operation: Any, base: str, headers: dict[str, str]) -> list[str]:
    """What went wrong with invented calls of one operation."""
    wrong = []

    @given(case=operation.as_strategy())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def hold(case: Any) -> None:
        answer = case.call(base_url=base, headers=headers)
        kind = str(answer.headers.get("content-type", ""))
        if answer.status_code >= 500 and answer.status_code != 503:
            wrong.append(f"{operation.label} → {answer.status_code}: {answer.text[:200]}")
        elif answer.status_code >= 400 and "problem+json" not in kind:
            wrong.append(f"{operation.label} → {answer.status_code} as {kind}")

    hold()
    return wrong


@pytest.mark.slow
def test_nothing_invented_brings_the_service_down(
    fresh: Service, document: dict[str, Any], bearers: dict[str, str]
) -> None:
    tried, broken = 0, set()
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        if (operation.method.upper(), operation.full_path) in NOT_BY_CHANCE:
            continue
        token = next((t for prefix, t in bearers.items() if operation.full_path.startswith(prefix)), "")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        broken |= set(broken_by(operation, fresh.url, headers))
        tried += 1
    assert sorted(broken) == []
    assert tried > 40
    assert "Traceback" not in fresh.log()
