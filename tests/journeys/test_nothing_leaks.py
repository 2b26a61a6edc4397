"""What a whole journey leaves behind: no log line, no audit entry and no other row tells who somebody is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from server import demo_cohort
from server.web.console import audit_words
from tests.journeys.people import Desk, Phone, release, until
from tests.journeys.service import Service

PIN, WRONG_PIN = "584213", "584214"
SCHOOL = "云山中等专业学校"
PLAN = "2024年4月13日社会心理服务证书考试计划"
OFFICER_MOBILE = "19987654321"

LOOKS_PERSONAL = re.compile(r"(?<!\d)\d{17}[\dX](?!\d)|(?<!\d)1[3-9]\d{9}(?!\d)")
# Digests and numbers of tickets: no identity number (18) and no mobile (11) has their lengths.
HEXADECIMAL = re.compile(r"(?<![0-9A-Za-z])(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})(?![0-9A-Za-z])")
# Where a candidate's name may stand: on record, and on what is signed and printed.
NAMES_MAY_STAND_IN = {"candidate", "certificate"}
OPENIDS_MAY_STAND_IN = {"binding", "officer", "delivery", "push_seen", "follower"}


@dataclass
class Known:
    """Every secret and every personal fact of one journey, by what it is."""

    people: list[demo_cohort.Person]
    tokens: dict[str, str]
    openids: list[str]

    @property
    def never(self) -> dict[str, str]:
        """What stands nowhere in the clear: neither in a log nor in a row."""
        found = dict(self.tokens)
        for place, person in enumerate(self.people):
            found[f"identity number {place}"] = person.id_number
            found[f"mobile {place}"] = person.mobile
        return found


def cohort() -> list[demo_cohort.Person]:
    """Twelve people of a plan and a school that no other journey touches."""
    found = demo_cohort.people(212, schools=1, seed=31)[200:]
    return [
        replace(
            one, plan=PLAN, exam_date=date(2024, 4, 13), school=SCHOOL, level="初级", name=f"{one.name}泄露"
        )
        for one in found
    ]


@pytest.fixture(scope="module")
def journey(service: Service) -> Known:
    """From the import to a revoked certificate, with every refusal on the way that a person can cause."""
    people = cohort()
    known = Known(people, {}, [])
    operator, issuer = Desk(service, "operator"), Desk(service, "issuer")
    for kind, book in (
        ("candidates", demo_cohort.people_book(people)),
        ("scores", demo_cohort.score_book(people)),
    ):
        assert operator.upload(kind, f"{people[0].id_number}.xlsx", book, dry_run=False)["rows_refused"] == 0
    plan = next(plan for plan in operator.get("/plans")["items"] if plan["name"] == PLAN)
    release(operator, issuer, plan["id"])
    officer = _officer(service, known)
    candidate = next(person for person in people if person.passed)
    phone = _candidate(service, known, candidate, next(one for one in people if one != candidate))
    _sign(service, known, issuer, officer, plan["id"])
    _hold(known, issuer, phone)
    known.openids += _openids(service)
    return known


def _officer(service: Service, known: Known) -> Phone:
    admin = Desk(service, "admin")
    known.tokens["csrf token"] = admin.client.headers["x-csrf-token"]
    known.tokens["session cookie"] = next(iter(admin.client.cookies.values()))
    school = next(one for one in admin.get("/schools")["items"] if one["name"] == SCHOOL)
    body = {"school_id": school["id"], "name": "郑签发", "mobile": OFFICER_MOBILE}
    answer = admin.client.post("/officers", json=body, headers={"idempotency-key": "leak-invitation"})
    assert answer.status_code == 201, answer.text
    url = answer.json()["url"]
    known.tokens["invitation"] = url.partition("invitation=")[2]
    known.tokens["officer's mobile"] = OFFICER_MOBILE
    phone = Phone(service, "p5")
    phone.open(url)
    digits = OFFICER_MOBILE[-4:]
    assert phone.submit("/h5/officer", pin=PIN, pin_again=PIN, phone_last4=digits).status_code == 200
    confirmed = Desk(service, "operator").client.post(f"/officers/{answer.json()['id']}/confirm")
    assert confirmed.status_code == 204, confirmed.text
    return phone


def _candidate(
    service: Service, known: Known, person: demo_cohort.Person, other: demo_cohort.Person
) -> Phone:
    """Bind in both accounts, after a miss with somebody else's number; ask in the chat."""
    phone = Phone(service, "p6")
    phone.act("follow")
    phone.open("/h5/bind")
    phone.submit("/h5/bind", name="不是我", id_number=other.id_number)
    phone.submit("/h5/bind", name=person.name, id_number=person.id_number)
    phone.act("write", text=f"成绩 {person.name} {person.id_number} {person.mobile}")
    until(lambda: f"{person.score}" in json.dumps(phone.feed()["oa"]["lines"], ensure_ascii=False))
    said = {"name": person.name, "id_number": person.id_number, "phone_last4": person.mobile[-4:]}
    assert phone.program("POST", "/binding", {**said, "id_number": other.id_number}).status_code == 422
    assert phone.program("POST", "/binding", said).status_code == 200
    assert phone.program("GET", f"/certificates/{person.id_number}").status_code == 404
    known.tokens["bearer token"] = phone.bearer
    for cookie in phone.web.cookies.jar:
        if cookie.value and len(cookie.value) >= 16:
            known.tokens[f"cookie {cookie.name}"] = cookie.value
    return phone


def _sign(service: Service, known: Known, issuer: Desk, officer: Phone, plan: int) -> None:
    issuer.post("/issuances", {"plan_id": plan}, status=201)
    (batch,) = issuer.get("/issuances", plan_id=plan)["items"]
    issuer.sign(batch["id"])
    answer = issuer.client.post(
        f"/issuances/{batch['id']}/scan-tickets", headers={"idempotency-key": "leak-ticket"}
    )
    assert answer.status_code == 201, answer.text
    url = answer.json()["url"]
    known.tokens["scan token"] = url.rpartition("/")[2]
    path = url.removeprefix(service.url)
    stranger = Phone(service, "p4")
    assert stranger.open(url).status_code == 403
    assert stranger.program("GET", f"/scans/{known.tokens['scan token']}").status_code == 403
    assert officer.open(url).status_code == 200
    assert officer.submit(f"{path}/confirm", pin=WRONG_PIN).status_code == 401
    reason = f"考生{known.people[0].id_number}姓名有误，电话{known.people[0].mobile}"
    assert officer.submit(f"{path}/return", pin=PIN, reason=reason).status_code == 200
    issuer.post(f"/issuances/{batch['id']}/revise")
    issuer.sign(batch["id"])
    url = issuer.post(f"/issuances/{batch['id']}/scan-tickets", status=201)["url"]
    known.tokens["second scan token"] = url.rpartition("/")[2]
    assert officer.open(url).status_code == 200
    assert officer.submit(f"{url.removeprefix(service.url)}/confirm", pin=PIN).status_code == 200
    issuer.post(f"/issuances/{batch['id']}/hand-over")
    until(lambda: issuer.get(f"/issuances/{batch['id']}")["state"] == "issued")


def _hold(known: Known, issuer: Desk, phone: Phone) -> None:
    (mine,) = until(lambda: phone.program("GET", "/certificates").json()["items"], 5)
    assert phone.program("GET", f"/certificates/{mine['number']}.pdf").status_code == 200
    assert phone.open(f"/h5/certificates/{mine['number']}").status_code == 200
    page = httpx.get(mine["verification_url"], headers={"accept": "text/html"})
    assert page.status_code == 200
    body = {"reason": f"考生{known.people[0].id_number}信息有误，已收到函件，电话{known.people[0].mobile}"}
    assert issuer.client.post(f"/certificates/{mine['number']}/revoke", json=body).status_code == 204
    until(lambda: phone.program("GET", "/certificates").json()["items"][0]["state"] == "revoked", 5)


def _openids(service: Service) -> list[str]:
    with _database(service) as link:
        found = link.execute(
            "SELECT openid FROM binding UNION SELECT oa_openid FROM officer UNION SELECT mp_openid FROM officer"
        ).fetchall()
    return [row[0] for row in found if row[0]]


def _database(service: Service) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect((service.folder / "var" / "postgres" / "url").read_text())


def _tables(service: Service) -> Iterator[tuple[str, str]]:
    """(table, all of its rows as text): every column of every kind, bytes also as the text that they may be."""
    with _database(service) as link:
        link.execute("SET bytea_output = 'escape'")
        names = [
            row[0]
            for row in link.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        ]
        for name in names:
            rows = link.execute(
                sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name))
            ).fetchall()
            yield name, "\n".join(row[0] for row in rows)


_AFTER_THE_FIRST_START = """
SELECT action, actor_kind, address, request_id FROM audit_entry
WHERE id >= (SELECT min(id) FROM audit_entry WHERE action = 'session.begin')
"""


def _found_in(text: str, wanted: dict[str, str]) -> list[str]:
    return [what for what, secret in wanted.items() if secret in text]


def _by_place(values: list[str], what: str) -> dict[str, str]:
    return {f"{what} {place}": value for place, value in enumerate(values)}


def test_the_log_tells_nothing(service: Service, journey: Known) -> None:
    log = service.log()
    assert log.count("\n") > 3
    wanted = journey.never | _by_place(journey.openids, "openid")
    wanted |= _by_place([person.name for person in journey.people], "name") | {"PIN": PIN}
    assert len(journey.openids) >= 3
    assert _found_in(log, wanted) == []
    lines = [line for line in log.splitlines() if not line.startswith("{")]
    assert lines == [], "every line is JSON and went through the filter"


def test_the_audit_trail_tells_who_did_what_and_nothing_personal(service: Service, journey: Known) -> None:
    audit = dict(_tables(service))["audit_entry"]
    wanted = journey.never | _by_place(journey.openids, "openid")
    wanted |= _by_place([person.name for person in journey.people], "name")
    assert _found_in(audit, wanted) == []
    for action in (
        "import.take",
        "officer.accept",
        "binding.bound",
        "binding.refused",
        "issuance.confirm_scan",
    ):
        assert action in audit
    with _database(service) as link:
        rows = link.execute(_AFTER_THE_FIRST_START).fetchall()
    assert {row[0] for row in rows} - audit_words.ACTIONS.keys() == set(), "every action has its Chinese name"
    people = [row for row in rows if row[1] != "system"]
    assert [row for row in people if not row[2] or not row[3]] == [], "from where, by which request"
    assert LOOKS_PERSONAL.search(HEXADECIMAL.sub("", audit)) is None


def test_no_row_keeps_a_secret_and_names_stand_where_they_must(service: Service, journey: Known) -> None:
    """Identity numbers and phones are sealed, tokens hashed or never kept, in every table there is."""
    names = _by_place([person.name for person in journey.people], "name")
    openids = _by_place(journey.openids, "openid")
    bad = {}
    for table, text in _tables(service):
        wanted = dict(journey.never)
        wanted |= {} if table in NAMES_MAY_STAND_IN else names
        wanted |= {} if table in OPENIDS_MAY_STAND_IN else openids
        if found := _found_in(text, wanted):
            bad[table] = found
    assert bad == {}
