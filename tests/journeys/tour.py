"""The tour's steps through HTTP, on the real service beside the real sandbox: from a score sheet to a verified certificate."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import httpx

from server import demo_cohort
from tests.journeys.people import Desk, Phone, Place, release, until
from tests.journeys.service import ROOT, Service, last_four

PIN = "739264"


def cohort() -> list[demo_cohort.Person]:
    """Forty new people beside those of the first start, whose admission numbers they do not share."""
    return demo_cohort.people(120, schools=1, seed=2024)[80:]


def plan_of(desk: Desk, name: str) -> dict[str, Any]:
    return next(plan for plan in desk.get("/plans")["items"] if plan["name"] == name)


def walk(service: Service, tmp_path: Path) -> None:
    """Every step, each of which must work."""
    people = cohort()
    operator, issuer = Desk(service, "operator"), Desk(service, "issuer")
    take_in(operator, people)
    plan = plan_of(operator, people[0].plan)
    candidate = next(p for p in people if p.passed and p.plan == plan["name"] and p.level == "初级")
    before_release(service, candidate)
    release(operator, issuer, plan["id"])
    after_release(service, candidate)
    batch = prepare_and_sign(issuer, plan, people)
    officer = join(service, batch["school"]["name"])
    _sign_by_scan(service, issuer, officer, batch["id"], tmp_path)
    _issue(issuer, batch["id"])
    mine = _hold_in_hand(service, candidate, tmp_path)
    _verify_and_revoke(service, issuer, mine)


def take_in(operator: Desk, people: list[demo_cohort.Person]) -> None:
    books = {"candidates": demo_cohort.people_book(people), "scores": demo_cohort.score_book(people)}
    for kind, book in books.items():
        tried = operator.upload(kind, f"{kind}.xlsx", book, dry_run=True)
        assert tried["rows_refused"] == 0, tried
        taken = operator.upload(kind, f"{kind}.xlsx", book, dry_run=False)
        assert (taken["rows_taken"], taken["rows_refused"]) == (len(people), 0), taken
        again = operator.upload(kind, f"{kind}.xlsx", book, dry_run=False)
        assert (again["rows_taken"], again["rows_unchanged"]) == (0, len(people))


def prepare_and_sign(
    issuer: Desk, plan: dict[str, Any], people: list[demo_cohort.Person], level: str = "primary"
) -> dict[str, Any]:
    """Batches of the plan, which may be there already, and the organisation's signature under one of them."""
    begun = issuer.client.post("/issuances", json={"plan_id": plan["id"]})
    assert begun.status_code in (200, 201, 202), begun.text  # 200: they are there; 202: it goes on without us
    preparation = begun.json()["preparation"]["id"]
    until(lambda: issuer.get(f"/preparations/{preparation}")["state"] == "done")
    batches = issuer.get("/issuances", plan_id=plan["id"])["items"]
    mine = [b for b in batches if b["school"]["name"] == people[0].school and b["level"] == level]
    (batch,) = [b for b in mine if b["state"] == "prepared"]
    moved = issuer.sign(batch["id"])
    assert (moved["state"], moved["state_label"]) == ("site_pending", "考核站点待签发")
    found: dict[str, Any] = issuer.get(f"/issuances/{batch['id']}")
    return found


def bind(phone: Phone, person: demo_cohort.Person) -> None:
    phone.act("follow")
    assert "绑定考生信息" in phone.open("/h5/bind").text
    answer = phone.submit("/h5/bind", name=person.name, id_number=person.id_number)
    assert answer.url.path == "/h5/results", answer.text


def before_release(service: Place, person: demo_cohort.Person) -> None:
    phone = Phone(service, "p1")
    bind(phone, person)
    page = phone.open("/h5/results").text
    assert str(person.score) not in page
    assert "尚未公布" in page
    assert person.id_number not in page


def after_release(service: Place, person: demo_cohort.Person) -> None:
    phone = Phone(service, "p1")
    until(lambda: str(person.score) in phone.open("/h5/results").text, 5)
    phone.act("write", text="成绩")
    until(lambda: f"{person.score}" in json.dumps(phone.feed()["oa"]["lines"], ensure_ascii=False))
    said = {"name": person.name, "id_number": person.id_number}
    alone = phone.program(
        "POST", "/binding", said
    )  # bound in the official account: the phone has to be shown
    assert (alone.status_code, alone.json()["code"]) == (422, "binding_not_matched")
    bound = phone.program("POST", "/binding", {**said, "phone_last4": person.mobile[-4:]})
    assert bound.status_code in (200, 201), bound.text
    assert (
        bound.json()["candidate"]["id_masked"] == f"{person.id_number[:2]}{'*' * 12}{person.id_number[-4:]}"
    )
    item = phone.program("GET", "/results").json()["items"][0]
    assert (item["plan"], item["level"], item["outcome"]) == (person.plan, "primary", "passed")
    subject = {
        "name": demo_cohort.SUBJECT,
        "score": person.score,
        "status": "scored",
        "status_name": "已评分",
    }
    assert item["subjects"] == [subject]


def join(service: Service, school: str) -> Phone:
    """The school's officer accepts the printed invitation and sets a signing PIN."""
    line = next(
        line for line in service.first_greeting.splitlines() if school in line and "/h5/officer?" in line
    )
    phone = Phone(service, "p2")
    page = phone.open(line.partition("：")[2].strip())
    assert "invitation" not in str(page.url)
    joined = phone.submit("/h5/officer", pin=PIN, pin_again=PIN, phone_last4=last_four(line))
    assert joined.status_code == 200, joined.text
    assert school in joined.text
    return phone


def _sign_by_scan(service: Service, issuer: Desk, officer: Phone, batch: int, tmp_path: Path) -> None:
    old = issuer.post(f"/issuances/{batch}/scan-tickets", status=201)
    ticket = issuer.post(f"/issuances/{batch}/scan-tickets", status=201)
    path = ticket["url"].removeprefix(service.url)
    replaced = officer.open(old["url"])
    assert replaced.status_code in (409, 410), replaced.text
    stranger = Phone(service, "p1").open(ticket["url"])
    assert stranger.status_code == 403
    asked = officer.open(ticket["url"])
    digest = issuer.get(f"/issuances/{batch}")["digest"]
    assert asked.status_code == 200
    assert digest in re.sub(r"<[^>]+>|\s", "", asked.text)
    wrong = officer.submit(f"{path}/confirm", pin="000001")
    assert wrong.status_code in (401, 403, 422), wrong.text
    assert issuer.get(f"/issuances/{batch}")["state"] == "site_pending"
    done = officer.submit(f"{path}/confirm", pin=PIN)
    assert (done.status_code, "已签发" in done.text) == (200, True), done.text
    assert issuer.get(f"/issuances/{batch}")["state"] == "school_signed"
    receipt = tmp_path / "receipt.json"
    receipt.write_bytes(issuer.client.get(f"/issuances/{batch}/receipt").content)
    assert "真实，未被改动" in _verified(service, receipt, code=0)
    listed = tmp_path / "list.json"
    listed.write_bytes(issuer.client.get(f"/issuances/{batch}/list.json").content)
    said = _verified(service, receipt, "--list", listed, code=0)
    assert "凭据签的正是这份名单，摘要和人数都一致。" in said
    receipt.write_bytes(receipt.read_bytes().replace(b'"revision":1', b'"revision":2'))
    _verified(service, receipt, code=1)


def _verified(service: Service, path: Path, *more: str | Path, code: int) -> str:
    ended = subprocess.run(
        [sys.executable, "-m", "server.cli", "verify", str(path), *map(str, more)],
        cwd=ROOT,
        env=service.environment(),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout


def _issue(issuer: Desk, batch: int) -> None:
    assert issuer.post(f"/issuances/{batch}/hand-over")["state"] == "generating"
    found = until(lambda: (b := issuer.get(f"/issuances/{batch}"))["state"] == "issued" and b)
    archive = zipfile.ZipFile(io.BytesIO(issuer.client.get(f"/issuances/{batch}/certificates.zip").content))
    files = [name for name in archive.namelist() if name.endswith(".pdf")]
    assert len(files) == found["count"]
    assert archive.testzip() is None
    listed = issuer.get("/certificates", issuance_id=batch)["items"]
    assert sorted(one["number"] for one in listed) == sorted(
        Path(name).name.split("_")[0].split(".")[0] for name in files
    )


def _hold_in_hand(service: Service, person: demo_cohort.Person, tmp_path: Path) -> dict[str, Any]:
    phone = Phone(service, "p1")
    mine = until(lambda: phone.program("GET", "/certificates").json()["items"], 5)
    number = mine[0]["number"]
    page = phone.open(f"/h5/certificates/{number}")
    assert (page.status_code, person.id_number in page.text) == (200, False)
    pdf = phone.web.get(f"{service.url}/h5/certificates/{number}.pdf")
    assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
    same = phone.program("GET", f"/certificates/{number}.pdf")
    assert same.content == pdf.content
    saved = tmp_path / f"{number}.pdf"
    saved.write_bytes(pdf.content)
    _verified(service, saved, code=0)
    saved.write_bytes(
        pdf.content.replace(b"/Rotate", b"/Rotatf", 1) if b"/Rotate" in pdf.content else pdf.content[:-40]
    )
    _verified(service, saved, code=1)
    until(lambda: phone.feed()["notices"])
    phone.act("write", text="证书")
    until(lambda: number in json.dumps(phone.feed()["oa"]["lines"], ensure_ascii=False))
    certificate: dict[str, Any] = mine[0]
    return certificate


def _verify_and_revoke(service: Service, issuer: Desk, certificate: dict[str, Any]) -> None:
    number, address = certificate["number"], certificate["verification_url"]
    page = httpx.get(address, headers={"accept": "text/html"})
    assert (page.status_code, number in page.text) == (200, True)
    assert "证书有效" in re.sub(r"\s", "", page.text)
    answer = issuer.client.post(f"/certificates/{number}/revoke", json={"reason": "考生信息有误，已收到函件"})
    assert answer.status_code == 204, answer.text
    page = httpx.get(address, headers={"accept": "text/html"})
    assert "已撤销" in page.text
    forged = httpx.get(
        address[:-2] + ("AA" if not address.endswith("AA") else "BB"), headers={"accept": "text/html"}
    )
    assert "证书有效" not in forged.text
