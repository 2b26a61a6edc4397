"""The command line as an operator uses it, on databases of its own."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from server import demo_cohort
from server.adapters import keys
from tests.commands.restoring import empty as empty  # a fixture
from tests.commands.restoring import filled as filled  # a fixture
from tests.kit.command_server import CommandServer

ROOT = Path(__file__).resolve().parents[2]
Xcert = Callable[..., "subprocess.CompletedProcess[str]"]
Run = Callable[..., "Awaitable[subprocess.CompletedProcess[str]]"]


@pytest.fixture
def alone() -> bool:
    """A command that restores wants the database to itself, also where the test has asked it for something before."""
    return True


@pytest.fixture
def environment(tmp_path: Path, db_url: str, redis_url: str, keys_dir: Path) -> dict[str, str]:
    """A service of its own: database, Redis, data folder and development keys."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XCERT_", "WECHAT_"))}
    own = tmp_path / "certs"
    keys.create(own, development=True, organisation="北京中文在线教育科技发展有限公司")
    return kept | {
        "XCERT_DATABASE_URL": db_url,
        "XCERT_REDIS_URL": redis_url,
        "XCERT_DATA_DIR": str(tmp_path / "var"),
        "XCERT_KEYS_DIR": str(own),
    }


@pytest.fixture(scope="session")
def command_server() -> Iterator[CommandServer]:
    one = CommandServer()
    yield one
    one.stop()


@pytest.fixture
def xcert(command_server: CommandServer, environment: dict[str, str], tmp_path: Path) -> Xcert:
    """Run `xcert …` and give back exit code, output and errors."""

    def run(*arguments: str | Path, **changed: str) -> subprocess.CompletedProcess[str]:
        env = environment | changed | {"PYTHONPATH": str(ROOT)}
        return command_server.run([str(one) for one in arguments], cwd=tmp_path, env=env)

    return run


@pytest.fixture
def run(xcert: Xcert) -> Run:
    """`xcert …` beside this loop, in which the way to the bucket is."""

    async def run(*arguments: str | Path, **changed: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(xcert, *arguments, **changed)

    return run


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """A folder with 考生信息.xlsx and 成绩.xlsx of 30 invented people."""
    people = demo_cohort.people(30, schools=2)
    folder = tmp_path / "cohort"
    folder.mkdir()
    (folder / "考生信息.xlsx").write_bytes(demo_cohort.people_book(people))
    (folder / "成绩.xlsx").write_bytes(demo_cohort.score_book(people))
    return folder
