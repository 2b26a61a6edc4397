"""The fence holds: what breaks an import rule is caught. Violations are planted in a copy of the packages."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = (  # where, the line, the contract that must break
    (
        "server/adapters/clock.py",
        "from server.domain.certificates import portal",
        "adapters see of the domain",
    ),
    ("server/adapters/captcha.py", "from server.models import Candidate", "adapters see of the domain"),
    ("server/adapters/queue.py", "from server.web import problems", "one arrow"),
    ("server/worker.py", "from server.web import ops", "loaded without a web page"),
    ("server/composition.py", "import miniprogram_api", "one arrow"),
    ("server/domain/issuance/states.py", "import tortoise", "lives, tokens and claims are pure"),
    (
        "server/domain/notices/states.py",
        "from server.models import Notice",
        "lives, tokens and claims are pure",
    ),
    ("server/domain/people/names.py", "import asyncpg", "the domain imports no driver"),
    ("server/domain/people/pins.py", "import argon2", "the domain imports no driver"),
    ("server/domain/auth/second_factor.py", "import pyotp", "the domain imports no driver"),
    ("server/domain/imports/guide.py", "import openpyxl", "the domain imports no driver"),
    ("server/domain/imports/cells.py", "import python_calamine", "the domain imports no driver"),
    ("server/domain/tables.py", "import xlrd", "the domain imports no driver"),
    ("server/adapters/spreadsheets/archive.py", "from server.domain import ports", "stays light"),
    ("server/domain/people/phones.py", "import sanic", "the domain imports no driver"),
    ("server/domain/exams/results.py", "import jinja2", "the domain imports no driver"),
    ("server/domain/people/officers.py", "from server.domain.issuance import queries", "without a circle"),
    ("server/domain/audit/audit_log.py", "from server.domain.people import staff", "without a circle"),
    ("server/domain/loose.py", '"""A file that belongs to no room."""', "without a circle"),
    ("server/models/exams.py", "from server.domain import levels", "one arrow"),
    ("server/models/people.py", "import redis", "models know rows"),
    ("server/web/front_page.py", "from server.adapters import clock", "one arrow"),
    ("server/web/static_files.py", "import wechatpy", "vendors are imported in adapters alone"),
    (
        "miniprogram_api/results.py",
        "from server.web import templating",
        "stands on the web layer's base alone",
    ),
    ("miniprogram_api/scans.py", "import server.adapters.clock", "stands on the web layer's base alone"),
    ("server/web/scan.py", "import miniprogram_api", "one arrow"),
    ("server/web/mounting.py", "from server.web import console", "the web layer's base knows no door"),
    ("server/sandbox/tags.py", "from server.domain import levels", "the sandbox knows nothing"),
)


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says of each broken contract, in a copy in which every violation is planted."""
    there = tmp_path_factory.mktemp("planted")
    for package in ("server", "miniprogram_api", "tests/architecture"):
        shutil.copytree(
            ROOT / package, there / package, ignore=shutil.ignore_patterns("__pycache__", "*.txt")
        )
    (there / "tests" / "__init__.py").touch()
    shutil.copy(ROOT / "pyproject.toml", there)
    for where, line, _ in PLANTED:
        path = there / where
        before = path.read_text("utf-8") if path.exists() else ""
        path.write_text(before + f"\n{line}\n", "utf-8")
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=there,
        env={**os.environ, "PYTHONPATH": str(there), "COLUMNS": "400"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    _, *parts = re.split(r"^(.+)\n-{3,}$", done.stdout.split("Broken contracts", 1)[1], flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.mark.parametrize(("where", "line", "contract"), PLANTED, ids=[f"{w}: {li}" for w, li, _ in PLANTED])
def test_a_planted_violation_is_caught(broken: dict[str, str], where: str, line: str, contract: str) -> None:
    importer = where.removesuffix(".py").replace("/", ".")
    (said,) = [text for name, text in broken.items() if contract in name]
    assert importer in said


def test_every_life_is_behind_the_fence() -> None:
    """Files of the form `…_states.py` are named one by one: a new one must not be forgotten."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    [pure] = [one for one in contracts if one["name"] == "lives, tokens and claims are pure"]
    domain = ROOT / "server/domain"
    lives = {".".join(file.relative_to(ROOT).with_suffix("").parts) for file in domain.glob("*/*_states.py")}
    assert lives and lives <= set(pure["source_modules"])
