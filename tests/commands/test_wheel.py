"""The wheel, installed beside nothing but what requirements.lock names, serves from an empty folder as the checkout does."""

from __future__ import annotations

import re
import signal
import subprocess
import time
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from server.app import create_app
from server.settings import load
from tests.commands.conftest import ROOT
from tests.kit import wheels
from tests.kit.processes import family
from tests.kit.production import wait_ready
from tests.kit.repository import tracked
from tests.kit.started import Started, end, free_port, proc

ASSET = re.compile(r'(?:href|src)="(/static/[^"]+)"')


@pytest.fixture(scope="module")
def installed(shared_folder: Path) -> Path:
    """The wheel in an environment of its own."""
    return wheels.release(shared_folder)


def test_the_wheel_holds_every_file_of_the_service(installed: Path) -> None:
    [wheel] = installed.parent.glob("xcert-*.whl")
    wanted = {path.relative_to(ROOT).as_posix() for path in tracked("server", "miniprogram_api")}
    wanted |= {f"server/{path.relative_to(ROOT).as_posix()}" for path in tracked("static")}
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == wanted


@pytest.mark.slow
def test_every_page_of_an_installed_service_has_its_files(
    installed: Path, environment: dict[str, str], tmp_path: Path, started: Started
) -> None:
    here = tmp_path / "empty"
    here.mkdir()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = {name: value for name, value in environment.items() if name != "PYTHONPATH"} | {"PORT": str(port)}
    current = tmp_path / "current"  # as make install leaves it
    current.symlink_to(installed)
    process = started.program([current / "bin" / "xcert", "serve", "--web-only"], cwd=here, env=env)
    wait_ready(url, process)
    app = create_app(load(env, env_file=None), name="routes-of-the-wheel")
    paths = [
        f"/{route.path}" for route in app.router.routes if "<" not in route.path and "GET" in route.methods
    ]
    assert len(paths) > 60
    with httpx.Client(base_url=url, timeout=60) as visitor:
        answers = {path: visitor.get(path) for path in paths}
        assert {path: one.status_code for path, one in answers.items() if one.status_code >= 500} == {}
        for path in (
            "/",
            "/v",
            "/console/login",
            "/h5/logged-out",
            "/docs",
            "/metrics",
            "/readyz",
            "/favicon.ico",
        ):
            assert answers[path].status_code == 200, path
        assets = {one for page in answers.values() for one in ASSET.findall(page.text)}
        assert len(assets) > 5
        assert [one for one in sorted(assets) if visitor.get(one).status_code != 200] == []
    doctor = subprocess.run(
        [installed / "bin" / "xcert", "doctor", "--local"], cwd=here, env=env, capture_output=True, text=True
    )
    assert "字体" in doctor.stdout
    assert [line for line in doctor.stdout.splitlines() if "请重新安装" in line] == []

    assert web_programs(process.pid) == {str(installed / "bin" / "python")}
    following = next_release(installed, tmp_path / "following")
    (tmp_path / "new").symlink_to(following)
    (tmp_path / "new").rename(current)
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: web_programs(process.pid) == {str(following / "bin" / "python")})
    assert end(process) == 0


def web_programs(pid: int) -> set[str]:
    """Which Python each web process runs."""
    words = [proc(one, "cmdline").split("\0") for one in family(pid)]
    return {line[0] for line in words if "web-process" in line}


def next_release(installed: Path, place: Path) -> Path:
    """Another release's environment; what it holds is the same."""
    venv.create(place, with_pip=False, symlinks=True)
    packages = next(place.glob("lib/python3*/site-packages"))
    packages.rmdir()
    packages.symlink_to(next(installed.glob("lib/python3*/site-packages")))
    text = (installed / "bin" / "xcert").read_text("utf-8")
    (place / "bin" / "xcert").write_text(text.replace(str(installed), str(place)), "utf-8")
    (place / "bin" / "xcert").chmod(0o755)
    return place


def wait_until(what: Callable[[], bool], seconds: float = 100) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_without_the_embedded_servers_one_sentence_says_so(
    installed: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    env = {
        name: value for name, value in environment.items() if not name.endswith(("DATABASE_URL", "REDIS_URL"))
    }
    done = subprocess.run(
        [installed / "bin" / "xcert", "serve", "--dev"], cwd=tmp_path, env=env | {"PORT": str(free_port())},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "内嵌的 PostgreSQL 和 Redis 没有安装，它们只供开发。请设置 XCERT_DATABASE_URL 和 XCERT_REDIS_URL；"
        '要在这台机器上开发，请运行 make setup，或 pip install "xcert[dev-servers]"。\n'
    )
