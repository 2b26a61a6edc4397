"""The whole path of docs/operate.md, 生产上线全程: from a wheel to certificates, through rotations, a dead host and a restore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.conftest import with_database
from tests.journeys import installed_checks as installed
from tests.journeys.operators_people import (
    STAFF,
    Story,
    check,
    first_results,
    hand_over,
    join,
    sign_by_scan,
    visits,
)
from tests.journeys.people import Phone, until
from tests.journeys.tour import PIN, bind, prepare_and_sign
from tests.journeys.visitors import Visitors, visiting
from tests.kit import operators_site, wheels
from tests.kit.operators_site import Site
from tests.kit.production import sign_seal
from tests.kit.repository import ROOT
from tests.kit.started import Started

pytestmark = pytest.mark.timeout(900)
PURPOSES = ("field", "index", "session", "scan", "receipt", "certificate", "credential", "log", "seal")
# How many words name a command.
DEPTH = dict.fromkeys(("keys", "staff", "audit", "log", "files", "notices"), 3) | {"wechat": 4}
# Until a new key writes: more than the ten seconds in which every process has looked, and a copy.
AFTER_HOURS = 0.008


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


@pytest.mark.slow
def test_the_whole_path_of_an_operator(site: Site, newer_database: str, tmp_path: Path) -> None:
    set_up(site)
    installed.processes_are_told_of(site)
    installed.front_is_as_the_sample_says(site)
    installed.every_page_has_its_files(site)
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
    change_under_way(story, officer, later["id"])
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
        assert all(host.log.splitlines()[-1] == "已全部停止。" for host in site.hosts)
    assert typed(site.typed) == documented()


def set_up(site: Site) -> None:
    """In the order of the document; too early, it says what is missing."""
    a, _ = site.hosts
    assert site.refused("serve").startswith(f"密钥目录 {a.keys} 缺少：field、index、")
    assert "seal-0001.csr" in site.xcert("keys", "create")
    installed.refuses_without_a_seal(site)
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


def change_under_way(story: Story, officer: Phone, batch: int) -> None:
    """The next release, and every key, while everybody uses the service; then the new keys write."""
    site, issuer = story.site, story.issuer
    ticket = issuer.post(f"/issuances/{batch}/scan-tickets", status=201)
    with visiting(visits(site, story.operator, officer, story.people, ticket["url"])) as visitors:
        visitors.all_came_again(1)
        installed.upgrade(site)
        visitors.all_came_again(1)
        rotate(site, visitors)
        assert "人在签发中的批次里" in site.xcert("keys", "reindex", code=3)
        site.xcert("keys", "reencrypt")
        visitors.all_came_again(2)
    assert visitors.wrong == []
    site.xcert("keys", "retire", "scan", "1", "--reason", "测试停用")
    site.copy_keys()
    until(lambda: officer.open(ticket["url"]).status_code == 401, pause=1)


def rotate(site: Site, visitors: Visitors) -> None:
    """One more epoch of everything, published first; each host has it before it writes."""
    a, _ = site.hosts
    for purpose in PURPOSES:
        site.xcert("keys", "rotate", purpose, "--after", str(AFTER_HOURS))
        if purpose == "seal":
            sign_seal(a.keys, 2)
        site.copy_keys()
    until(lambda: len(re.findall("第 2 期　在用", site.xcert("keys", "list"))) == len(PURPOSES), pause=2)
    visitors.all_came_again(3)


def sign_while_a_host_dies(story: Story, officer: Phone, batch: int) -> None:
    """Whoever presses again has signed once; the dead host comes back."""
    site = story.site
    ticket = story.issuer.post(f"/issuances/{batch}/scan-tickets", status=201)
    path = ticket["url"].removeprefix(site.url)
    assert officer.open(ticket["url"]).status_code == 200
    site.first_dies("tickets.confirm_scan: the ticket is spent")
    cut_off = officer.submit(f"{path}/confirm", pin=PIN)
    assert (cut_off.status_code, "返回上一页再点一次" in cut_off.text) == (503, True), cut_off.text
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
    """One host is enough for the whole service."""
    site.xcert("log", "recover")
    site.start(site.hosts[0])
    site.is_ready(site.hosts[0])
    candidate = Phone(site, "p1")  # nginx asks a host that was dead again after ten seconds
    until(lambda: candidate.web.get(f"{site.url}/healthz").status_code == 200)


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
