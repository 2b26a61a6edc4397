"""Who takes part in the operator's path: staff with a second factor, an officer, candidates; and what they do there."""

from __future__ import annotations

import io
import itertools
import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pyotp

from server import demo_cohort
from tests.journeys.people import Desk, Phone, release, until
from tests.journeys.tour import PIN, after_release, before_release, plan_of, take_in
from tests.kit.operators_site import Site

STAFF = {"admin": "admin", "operator": "operator", "issuer": "issuer", "second": "issuer"}


class Seat(Desk):
    """A member of staff of production: with a second factor."""

    def __post_init__(self) -> None:
        super().__post_init__()
        offer = self.post("/session/second-factor", {"password": self.service.logins[self.username]})
        code = pyotp.TOTP(offer["secret"]).now()
        answer = self.client.put("/session/second-factor", json={"code": code})
        assert answer.status_code == 200, answer.text


@dataclass
class Story:
    """Who takes part, and what there is so far."""

    site: Site
    people: list[demo_cohort.Person]
    admin: Desk
    operator: Desk
    issuer: Desk
    second: Desk
    plan: dict[str, Any]

    def somebody(self, level: str) -> demo_cohort.Person:
        return next(p for p in self.people if p.passed and p.plan == self.plan["name"] and p.level == level)


def first_results(site: Site) -> Story:
    """Names and scores of an examination come in and are released; a candidate sees hers."""
    people = demo_cohort.people(24, schools=1, seed=2024)
    admin, operator, issuer, second = (Seat(site, name) for name in STAFF)
    take_in(operator, people)
    story = Story(site, people, admin, operator, issuer, second, plan_of(operator, people[0].plan))
    before_release(site, story.somebody("初级"))
    release(operator, issuer, story.plan["id"])
    after_release(site, story.somebody("初级"))
    return story


def join(site: Site, admin: Desk, operator: Desk, school: dict[str, Any]) -> Phone:
    """The school's officer: invited by one, accepted on a phone, confirmed by another."""
    asked = {"school_id": school["id"], "name": "王建华", "mobile": "19900001234"}
    invited = admin.post("/officers", asked, status=201)
    phone = Phone(site, "p2")
    phone.open(invited["url"])
    joined = phone.submit("/h5/officer", pin=PIN, pin_again=PIN, phone_last4="1234")
    assert (joined.status_code, school["name"] in joined.text) == (200, True), joined.text
    assert operator.client.post(f"/officers/{invited['id']}/confirm").status_code == 204
    return phone


def sign_by_scan(officer: Phone, issuer: Desk, batch: dict[str, Any]) -> None:
    ticket = issuer.post(f"/issuances/{batch['id']}/scan-tickets", status=201)
    asked = officer.open(ticket["url"])
    assert batch["digest"] in re.sub(r"<[^>]+>|\s", "", asked.text)
    path = ticket["url"].removeprefix(officer.service.url)
    done = officer.submit(f"{path}/confirm", pin=PIN)
    assert (done.status_code, "已签发" in done.text) == (200, True), done.text


def hand_over(desk: Desk, batch: int) -> list[dict[str, Any]]:
    """Issued by another person than who signed; the certificates, with their files."""
    assert desk.post(f"/issuances/{batch}/hand-over")["state"] == "generating"
    until(lambda: desk.get(f"/issuances/{batch}")["state"] == "issued")
    listed: list[dict[str, Any]] = desk.get("/certificates", issuance_id=batch)["items"]
    archive = zipfile.ZipFile(io.BytesIO(desk.client.get(f"/issuances/{batch}/certificates.zip").content))
    files = {Path(name).name[:15]: archive.read(name) for name in archive.namelist() if name.endswith(".pdf")}
    assert len(listed) == len(files) > 2
    return [one | {"pdf": files[one["number"]]} for one in listed]


def check(site: Site, certificates: list[dict[str, Any]], folder: Path) -> None:
    """Every file, with public keys alone."""
    for one in certificates:
        (folder / "one.pdf").write_bytes(one["pdf"])
        site.xcert("verify", folder / "one.pdf")


def visits(
    site: Site, operator: Desk, officer: Phone, people: list[demo_cohort.Person], scan: str
) -> dict[str, Callable[[], str | None]]:
    """What is right whatever key writes: by who asks."""
    candidate, world = (
        Phone(site, "p1"),
        httpx.Client(base_url=site.url, headers={"accept": "text/html"}, timeout=60),
    )
    site.opened.append(world)
    mine = candidate.program("GET", "/certificates").json()["items"][0]
    number, link = mine["number"], mine["verification_url"]

    def of(answer: httpx.Response, *words: str) -> str | None:
        text = re.sub(r"\s", "", answer.text)
        is_right = answer.status_code == 200 and all(word in text for word in words)
        return None if is_right else f"{answer.status_code} {text}"

    def imports() -> str | None:
        again = operator.upload("candidates", "again.xlsx", demo_cohort.people_book(people), dry_run=False)
        counts = again["rows_taken"], again["rows_unchanged"], again["rows_refused"]
        return None if counts == (0, len(people), 0) else str(again)

    visits_made = itertools.count()

    def enters() -> str | None:
        if (
            next(visits_made) % 5 == 0
        ):  # an address may not log in more often than some dozens of times a minute
            candidate.bearer = ""
        return of(candidate.program("GET", "/results"), people[0].plan)

    return {
        "an operator's session": lambda: of(operator.client.get("/session"), '"operator"'),
        "a candidate's results": lambda: of(candidate.open("/h5/results"), people[0].plan),
        "a candidate who logs in": enters,
        "an officer before a list": lambda: of(officer.open(scan), people[0].plan),
        "a stranger who verifies": lambda: of(world.get(link), "证书有效", number),
        "a file of names": imports,
        "the public keys": lambda: of(world.get("/.well-known/xcert-keys.json"), "certificate-1"),
        "the public log": lambda: of(world.get("/log/checkpoint"), "/log"),
    }
