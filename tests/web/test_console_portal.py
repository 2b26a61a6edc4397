"""The door for the national portal's numbers (S94): a JSON list, a spreadsheet, and the form on the certificates' page."""

from __future__ import annotations

from typing import Any

import pytest
from sanic import Sanic

from server.domain import imports
from server.domain.portal_lists import comparison, keeping
from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Certificate
from tests.kit import issuing
from tests.kit.console_desk import code, seated
from tests.kit.fakes import ListQueue
from tests.kit.jobs import drained

App = Sanic[Any, Any]
pytestmark = pytest.mark.rule("S94")
PATH = "/certificates/portal-numbers"


@pytest.fixture
async def numbers(services: Services) -> list[str]:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    return [c.number for c in await Certificate.filter(issuance_id=batch.id).order_by("number")]


async def test_a_list_is_reconciled_and_what_is_doubtful_comes_back(
    app: App, services: Services, numbers: list[str]
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    items = [
        {"number": numbers[0], "portal_number": " GJ-1 ", "name": "崔子涵"},
        {"number": numbers[1], "portal_number": "GJ-2", "name": "张三"},
    ]
    sent = await who("POST", PATH, {"items": items}, headers={"idempotency-key": "list-1"})
    assert (sent.status, sent.json) == (
        200,
        {
            "taken": 1,
            "unchanged": 0,
            "refused": [
                {
                    "pointer": "/items/1/name",
                    "number": numbers[1],
                    "code": "name_differs",
                    "detail": "姓名与本系统这份证书的持证人不一致，请与门户核对。",
                }
            ],
        },
    )
    assert "买买提" not in sent.text
    again = await who("POST", PATH, {"items": items}, headers={"idempotency-key": "list-1"})
    assert again.json == sent.json
    listed = (await who("GET", f"/certificates?number={numbers[0]}")).json["items"]
    assert [one["portal_number"] for one in listed] == ["GJ-1"]
    entry = await AuditEntry.get(action="certificate.portal")
    assert (entry.actor_name, entry.subject_id) == ("王敏", numbers[0])


POOR: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"items": []}, [("/items", "rows_length")]),
    ({"items": [{"number": "1", "portal_number": "2"}] * 1001}, [("/items", "rows_length")]),
    ({"items": {"number": "1"}}, [("/items", "not_rows")]),
    ({"items": ["1"]}, [("/items", "not_rows")]),
    ({"items": [{"number": "1"}]}, [("/items/0/portal_number", "missing")]),
    ({"items": [{"number": "1", "portal_number": "2", "x": 1}]}, [("/items/0/x", "unknown_field")]),
    ({"items": [{"number": "1", "portal_number": "2"}]}, [("/items/0/number", "number_form")]),
    (
        {"items": [{"number": "26SPS100000001Z", "portal_number": " "}]},
        [("/items/0/portal_number", "portal_number_form")],
    ),
    ({}, [("/items", "missing")]),
]


async def test_a_poor_list_is_refused_by_place(app: App, services: Services) -> None:
    who = await seated(app, services, Role.OPERATOR)
    for body, wanted in POOR:
        refused = await who("POST", PATH, body)
        assert refused.status == 422, refused.text
        assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == wanted


@pytest.mark.parametrize("role", [Role.ISSUER, Role.AUDITOR, Role.FINANCE, Role.SCHOOL])
async def test_only_who_imports_may_record_them(app: App, services: Services, role: Role) -> None:
    who = await seated(app, services, role)
    body = {"items": [{"number": "26SPS100000001Z", "portal_number": "GJ-1"}]}
    assert code(await who("POST", PATH, body)) == (403, "role_not_allowed")


async def test_a_spreadsheet_goes_the_way_of_every_import(
    app: App, services: Services, numbers: list[str]
) -> None:
    who = await seated(app, services, Role.OPERATOR)
    data = f"证书编号,门户证书编号\n{numbers[0]},GJ-1\n{numbers[1]},GJ-1\n{numbers[2]},GJ-3\n".encode()
    files = {"file": ("门户清单.csv", data, "text/csv")}
    sent = await who("POST", "/imports", files=files, data={"kind": "portal"})
    assert sent.status == 202, sent.text
    assert isinstance(services.queue, ListQueue)
    await services.queue.drain(services, {"imports.run": imports.run, keeping.JOB: comparison.compare})
    run = (await who("GET", f"/imports/{sent.json['id']}")).json
    assert (run["rows_taken"], run["rows_refused"]) == (1, 2)
    assert {e["code"] for e in run["errors"]} == {"portal_number_twice"}


async def test_the_page_shows_both_numbers_and_the_form_to_those_who_may(
    app: App, services: Services, numbers: list[str]
) -> None:
    await Certificate.filter(number=numbers[0]).update(portal_number="GJ-1")
    operator = await seated(app, services, Role.OPERATOR)
    page = (await operator.page("/console/certificates")).text
    assert "门户 GJ-1" in page and 'value="portal"' in page and "现有 <b>3</b> 份" in page
    auditor = await seated(app, services, Role.AUDITOR)
    page = (await auditor.page("/console/certificates")).text
    assert "门户 GJ-1" in page and 'value="portal"' not in page
