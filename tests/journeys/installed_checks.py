"""What an installed release in production, behind the nginx of docs/deploy, must do: its files, its processes, its next release."""

from __future__ import annotations

import re
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from server.app import create_app
from server.settings import load
from tests.journeys.people import until
from tests.kit import operators_site, wheels
from tests.kit.operators_site import OPERATOR, Host, Site
from tests.kit.processes import family
from tests.kit.started import proc

ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def refuses_without_a_seal(site: Site) -> None:
    """The seal's certificate has not come back yet."""
    for command in (("serve",), ("doctor", "--local")):
        said = site.refused(*command)
        assert "电子印章还没有证书：请把 CA 签发的证书链存为 seal-0001.crt，放在密钥目录" in said
        assert "Traceback" not in said and "意外退出" not in said


def processes_are_told_of(site: Site) -> None:
    """By whichever web process is asked, of every host; and its own counts are those of all web processes of its host."""
    with _monitor(site.hosts[0]) as monitor:
        for _ in range(20):
            assert monitor.get("/healthz").status_code == 200
        counted = 'xcert_requests_total{method="GET",route="healthz",status="200"} 20.0'
        kinds = {f'xcert_processes{{kind="{kind}"}} {many:.1f}' for kind, many in (("web", 3), ("jobs", 2))}

        def told() -> bool:
            said = set(monitor.get("/metrics").text.splitlines())
            down = {one for one in said if one.startswith("xcert_collector_up") and one.endswith(" 0.0")}
            return kinds | {counted} <= said and not down

        until(told)


@contextmanager
def _monitor(host: Host) -> Iterator[httpx.Client]:
    """Asks a host itself, from an address that is allowed to."""
    way = httpx.HTTPTransport(local_address=OPERATOR)
    with httpx.Client(base_url=f"http://127.0.0.1:{host.port}", transport=way, timeout=60) as one:
        yield one


def front_is_as_the_sample_says(site: Site) -> None:
    """What is closed, what is passed on, and how much."""
    with httpx.Client(base_url=site.url, timeout=60) as visitor:
        moved = visitor.get(f"http://{site.address}/v?q=1")
        assert (moved.status_code, moved.headers["location"]) == (301, f"{site.url}/v?q=1")
        assert visitor.get("/v").headers.get_list("strict-transport-security") == ["max-age=31536000"]
        for closed in ("/metrics", "/docs", "/docs/openapi.json"):
            assert visitor.get(closed).status_code == 404
        assert visitor.get("/readyz").json().keys() == {"status"}
        table = visitor.post("/console/api/v1/imports", content=b"x" * 7_000_000)
        assert table.status_code == 401, "nobody is logged in; and not by nginx for its size (413)"
        assert visitor.post("/", content=b"x" * 2_000_000).status_code == 413, "and nowhere else so much"
        assert visitor.post("/v/file", content=b"x" * 2_000_000).status_code != 413
        with _students(site, 100):
            assert visitor.get("/v").status_code == 200, "a school has one address"


@contextmanager
def _students(site: Site, count: int) -> Iterator[None]:
    """So many requests from one address that are all under way: nginx has their heads and waits for the rest."""
    head = f"POST /v/file HTTP/1.1\r\nHost: {site.address}\r\nContent-Length: 10\r\n\r\n".encode()
    trust = ssl.create_default_context(cafile=str(site.authority))
    with ExitStack() as stack:
        for _ in range(count):
            line = stack.enter_context(socket.create_connection((site.address, 443)))
            stack.enter_context(trust.wrap_socket(line, server_hostname=site.address)).sendall(head)
        yield


def every_page_has_its_files(site: Site) -> None:
    """Every page without a name in its path, and every file that one of them names."""
    app = create_app(load(site.environment(), env_file=None), name="routes-of-the-release")
    paths = [f"/{one.path}" for one in app.router.routes if "<" not in one.path and "GET" in one.methods]
    assert len(paths) > 60
    with httpx.Client(base_url=site.url, timeout=60) as visitor:
        answers = {path: visitor.get(path) for path in paths}
        assert {path: one.status_code for path, one in answers.items() if one.status_code >= 500} == {}
        for path in ("/", "/v", "/console/login", "/h5/logged-out", "/readyz", "/favicon.ico"):
            assert answers[path].status_code == 200, path
        assets = {one for page in answers.values() for one in ASSET.findall(page.text)}
        assert len(assets) > 5
        assert [one for one in sorted(assets) if visitor.get(one).status_code != 200] == []
    with _monitor(site.hosts[0]) as monitor:
        assert monitor.get("/docs").status_code == 200
    assert [line for line in site.xcert("doctor", "--local").splitlines() if "请重新安装" in line] == []


def upgrade(site: Site) -> None:
    """`make install` of the next release, the tables first, then one host: its processes are of the new one."""
    a, _ = site.hosts
    following = wheels.following(site.current.resolve(), site.folder / "following")
    site.as_owner("migrate", "--app-role", operators_site.APP_ROLE)
    (site.folder / "new").symlink_to(following)
    (site.folder / "new").rename(site.current)
    assert a.process is not None
    a.process.send_signal(signal.SIGHUP)
    until(lambda: "已重新载入。" in a.log)
    programs = {line[0] for line in _commands(a.process.pid) if "web-process" in line}
    assert programs == {str(following / "bin" / "python")}


def _commands(pid: int) -> list[list[str]]:
    return [proc(one, "cmdline").split("\0") for one in family(pid)]
