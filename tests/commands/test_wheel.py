"""The wheel, installed beside nothing but what requirements.lock names. What it serves: tests/journeys/test_operators_path.py."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.commands.conftest import ROOT
from tests.kit import wheels
from tests.kit.repository import tracked
from tests.kit.started import free_port


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
