"""The whole path of docs/operate.md, 生产上线全程: from a wheel to certificates, through rotations, a dead host and a restore."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pyotp
import pytest
from psycopg import sql

from server import demo_cohort
from tests.conftest import with_database
from tests.journeys.people import Desk, Phone, release, until
from tests.journeys.tour import PIN, after_release, before_release, bind, plan_of, prepare_and_sign, take_in
from tests.journeys.visitors import visiting
from tests.kit import operators_site, wheels
from tests.kit.operators_site import Site
from tests.kit.production import sign_seal
from tests.kit.repository import ROOT
from tests.kit.started import Started

pytestmark = pytest.mark.timeout(900)
STAFF = {"admin": "admin", "operator": "operator", "issuer": "issuer", "second": "issuer"}
PURPOSES = ("field", "index", "session", "scan", "receipt", "certificate", "credential", "log", "seal")
DEPTH = dict.fromkeys(("keys", "staff", "audit", "log", "files", "notices"), 3) | {
    "wechat": 4
}  # words of a command
AFTER_HOURS = (
    0.008  # until a new key writes: more than the ten seconds in which every process has looked, and a copy
)


class Seat(Desk):
    """A member of staff of production: with a second factor."""

    def __post_init__(self) -> None:
        super().__post_init__()
        offer = self.post("/session/second-factor", {"password": self.service.logins[self.username]})
        code = pyotp.TOTP(offer["secret"]).now()
        answer = self.client.put("/session/second-factor", json={"code": code})
        assert answer.status_code == 200, answer.text


@pytest.fixture
def site(
    shared_folder: Path,
    tmp_path: Path,
    object_server: tuple[int, Path],
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with operators_site.site(wheels.release(shared_folder), tmp_path, object_server, started) as one:
        yield one
        for client in one.opened:
            client.close()
        started.end()


@pytest.fixture
def newer_database(postgres_url: str) -> Iterator[str]:
    """Empty, on the PostgreSQL that this project brings along: newer than Debian's. Yields the owner's URL."""
    with psycopg.connect(postgres_url, autocommit=True) as link:
        link.execute("CREATE DATABASE operators")
        yield with_database(postgres_url, "operators")
        link.execute("DROP DATABASE operators WITH (FORCE)")


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


@pytest.mark.slow
def test_the_whole_path_of_an_operator(site: Site, newer_database: str, tmp_path: Path) -> None:
    set_up(site)
    story = first_results(site)
    issuer, second = story.issuer, story.second
    batch = prepare_and_sign(issuer, story.plan, story.people)
    officer = join(site, story.admin, story.operator, batch["school"])
    sign_by_scan(officer, issuer, batch)
    issued = hand_over(second, batch["id"])
    candidate = Phone(site, "p1")
    told = until(lambda: len(found := candidate.feed()["notices"]) == 2 and found)
    check(site, issued, tmp_path)

    later = prepare_and_sign(issuer, story.plan, story.people, level="intermediate")
    rotate_under_way(story, officer, later["id"])
    sign_while_a_host_dies(story, officer, later["id"])

    [head] = re.findall(
        "链头：(.+)", until(lambda: "链头" in (said := site.xcert("audit", "verify")) and said, pause=2)
    )
    site.xcert("backup", tmp_path / "backup", "--keys", tmp_path / "keys-apart")
    assert [host.stop() for host in site.hosts] == [0, 0]
    before = books(site.owner_url)
    site.is_lost()
    with ExitStack() as stack:
        restore(site, stack, newer_database, tmp_path)
        assert_same(before, books(newer_database))
        start_again(site)
        check_books(site, head)
        bind(reader := Phone(site, "p3"), story.somebody("中级"))
        issued += hand_over(second, later["id"])
        assert len({one["number"] for one in issued}) == len(issued)
        until(lambda: "有 1 条在等待" in site.xcert("notices", "status"), pause=1)
        assert (reader.feed()["notices"], candidate.feed()["notices"]) == ([], told)
        site.xcert("notices", "release")
        assert len(until(lambda: reader.feed()["notices"])) == 1
        assert candidate.feed()["notices"] == told, "nothing was sent a second time"
        check(site, issued, tmp_path)
        healthy(site)
        assert [host.stop() for host in site.hosts] == [0, 0]
    assert typed(site.typed) == documented()


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


def set_up(site: Site) -> None:
    """In the order of the document."""
    a, _ = site.hosts
    assert "seal-0001.csr" in site.xcert("keys", "create")
    sign_seal(a.keys)
    site.copy_keys()
    site.as_owner("migrate", "--app-role", operators_site.APP_ROLE)
    for host in site.hosts:
        site.start(host)
    for host in site.hosts:
        site.is_ready(host)
    for name, role in STAFF.items():
        said = site.xcert("staff", "create", name, "--role", role, "--name", name)
        site.logins[name] = re.search("一次性密码：(.+)", said)[1]  # type: ignore[index]
    site.xcert("wechat", "menu", "apply", "--yes")
    healthy(site)


def healthy(site: Site) -> None:
    """Nothing for the operator to mend; the exit code says the same."""
    said = site.xcert("doctor")
    assert [line for line in said.splitlines() if line.startswith("✗")] == []


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

    def enters() -> str | None:
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


def rotate_under_way(story: Story, officer: Phone, batch: int) -> None:
    """Every key, while everybody uses the service; then what is written is written with the new ones."""
    site, issuer = story.site, story.issuer
    ticket = issuer.post(f"/issuances/{batch}/scan-tickets", status=201)
    with visiting(visits(site, story.operator, officer, story.people, ticket["url"])) as visitors:
        visitors.all_came_again(1)
        rotate(site)
        visitors.all_came_again(3)
        assert "人在签发中的批次里" in site.xcert("keys", "reindex", code=3)
        site.xcert("keys", "reencrypt")
        visitors.all_came_again(2)
    assert visitors.wrong == []
    site.xcert("keys", "retire", "scan", "1", "--reason", "测试停用")
    site.copy_keys()
    until(lambda: officer.open(ticket["url"]).status_code == 401)


def rotate(site: Site) -> None:
    """One more epoch of everything, published first; each host has it before it writes."""
    a, _ = site.hosts
    for purpose in PURPOSES:
        site.xcert("keys", "rotate", purpose, "--after", str(AFTER_HOURS))
        if purpose == "seal":
            sign_seal(a.keys, 2)
        site.copy_keys()
    until(lambda: len(re.findall("第 2 期　在用", site.xcert("keys", "list"))) == len(PURPOSES), pause=2)


def sign_while_a_host_dies(story: Story, officer: Phone, batch: int) -> None:
    """Whoever presses again has signed once; the dead host comes back."""
    site = story.site
    ticket = story.issuer.post(f"/issuances/{batch}/scan-tickets", status=201)
    path = ticket["url"].removeprefix(site.url)
    assert officer.open(ticket["url"]).status_code == 200
    site.first_dies("tickets.confirm_scan: the ticket is spent")
    assert officer.submit(f"{path}/confirm", pin=PIN).status_code == 502
    dead = site.dead()
    assert story.issuer.get(f"/issuances/{batch}")["state"] == "site_pending"
    done = officer.submit(f"{path}/confirm", pin=PIN)
    assert (done.status_code, "已签发" in done.text) == (200, True), done.text
    assert story.issuer.get(f"/issuances/{batch}")["state"] == "school_signed"
    with psycopg.connect(site.owner_url) as link:
        counted = link.execute("SELECT count(*) FROM receipt WHERE issuance_id = %s", [batch]).fetchone()
    assert counted == (1,)
    site.start(dead)
    site.is_ready(dead)


def restore(site: Site, stack: ExitStack, owner_url: str, folder: Path) -> None:
    """Into a PostgreSQL of another version, on machines that hold nothing."""
    site.connect(stack, owner_url)
    site.pool("PAUSE")
    site.as_owner("restore", folder / "backup", "--keys", folder / "keys-apart")
    site.as_owner("migrate", "--app-role", operators_site.APP_ROLE)
    site.pool("RESUME")
    site.copy_keys()


def start_again(site: Site) -> None:
    site.xcert("log", "recover")
    for host in site.hosts:
        site.start(host)
    for host in site.hosts:
        site.is_ready(host)


def check_books(site: Site, head: str) -> None:
    site.xcert("audit", "verify", "--head", head)
    site.xcert("log", "verify")
    site.xcert("files", "check")


Books = dict[str, list[str]]
# What a restore changes by intent (decision 0220), and what goes on between a backup and the end of the machines.
CHANGED = ("audit_entry", "audit_link", "audit_mark", "notice_hold", "number_series", "procrastinate_")
# What sweeps keep up to date: an index of people who were imported just now, and who writes the public log, how far.
KEPT_UP = ["mobile_index", "writer", "writer_until", "complete_at", "looked_through"]


def books(url: str) -> Books:
    """Every row of every table."""
    found: Books = {}
    with psycopg.connect(url, options="-c TimeZone=UTC") as link:
        for (table,) in link.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall():
            asked = sql.SQL("SELECT (to_jsonb(t) - %s::text[])::text FROM {} t").format(sql.Identifier(table))
            found[table] = sorted(row for (row,) in link.execute(asked, [KEPT_UP]))
    return found


def assert_same(before: Books, after: Books) -> None:
    compared = {name for name in before if not name.startswith(CHANGED)}
    assert {name: after.get(name) for name in compared} == {name: before[name] for name in compared}
    assert len(before["candidate"]) == 24 and len(before["certificate"]) == 15 and len(before["receipt"]) == 2
    trail = [[row for row in one["audit_entry"] if '"backup.' not in row] for one in (before, after)]
    assert trail[0] == trail[1]


def documented() -> list[str]:
    """The commands of the document's section, in its order."""
    return typed(re.findall(r"`(xcert [^`]+)`", section()))


def section() -> str:
    text = (ROOT / "docs" / "operate.md").read_text("utf-8")
    return text.partition("\n## 生产上线全程\n")[2].partition("\n## ")[0]


def typed(commands: list[str]) -> list[str]:
    """Each by the words that name it; repeated at once, it counts once."""
    words = [" ".join(one.split()[: DEPTH.get(one.split()[1], 2)]) for one in commands]
    return [one for one, before in zip(words, ["", *words], strict=False) if one != before]
