"""The files that an operator copies (docs/deploy): each is read by the program that it is for, or run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from server import command_line
from server.settings import Settings
from tests.commands.conftest import ROOT
from tests.kit.repository import tracked
from tests.kit.system_programs import program

DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted(path.name for path in DEPLOY.glob("xcert-*.*"))
SETTINGS = {one.metadata["env"]: one.metadata for one in Settings.__dataclass_fields__.values()}


def test_the_units_are_accepted_by_systemd_and_leave_little_exposed(tmp_path: Path) -> None:
    analyze = program("systemd-analyze")
    for name in UNITS:
        text = re.sub(
            r"/opt/xcert/current/(bin/xcert|deploy/backup)", "/bin/true", (DEPLOY / name).read_text("utf-8")
        )
        (tmp_path / name).write_text(text, "utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", *UNITS], cwd=tmp_path, capture_output=True, text=True,
        env=os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    for name in (one for one in UNITS if one.endswith(".service")):
        done = subprocess.run(
            [analyze, "security", "--offline=true", "--threshold=20", tmp_path / name],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-200:]


@pytest.mark.parametrize("name", [one for one in UNITS if one.endswith(".service")])
def test_the_units_start_what_there_is_with_settings_that_there_are(name: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    if (
        started := re.search(r"^ExecStart=/opt/xcert/current/bin/xcert (.+)$", text, re.MULTILINE)
    ) is not None:
        command_line.build_parser().parse_args(started[1].split())
    else:
        assert "ExecStart=/opt/xcert/current/deploy/backup /var/backups/xcert" in text
    given = re.findall(r"^LoadCredential=(\w+):/etc/xcert/secrets/(\w+)$", text, re.MULTILINE)
    read = re.findall(r"^Environment=(\w+)_FILE=%d/(\w+)$", text, re.MULTILINE)
    assert given == read
    assert all(one == other for one, other in given)
    required = {name for name, one in SETTINGS.items() if one["required"] and one["secret"]}
    assert {one for one, _ in given} == required
    variables = dict(re.findall(r"^(\w+)=(.*)$", (DEPLOY / "xcert.env").read_text("utf-8"), re.MULTILINE))
    assert variables.keys() - SETTINGS.keys() == set()
    assert {name for name, one in SETTINGS.items() if one["required"]} == required | (
        {name for name in variables if SETTINGS[name]["required"]}
    )
    assert not any(SETTINGS[name]["secret"] for name in variables)


def test_the_container_is_made_of_what_is_there() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {word for word, _ in lines} <= {
        "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD",
    }  # fmt: skip
    copied = [rest.split() for word, rest in lines if word == "COPY" and "--from" not in rest]
    sources = {source.rstrip("/") for *from_here, _ in copied for source in from_here}
    assert sources == {
        "requirements.lock",
        "pyproject.toml",
        "README.md",
        "server",
        "miniprogram_api",
        "static",
    }
    assert all(tracked(source) for source in sources)
    runs = [rest for word, rest in lines if word == "RUN"]
    for run in runs:
        subprocess.run(["sh", "-n", "-c", run], check=True)
    assert "--require-hashes -r requirements.lock" in runs[0]
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    [version] = re.findall(r'^version = "(.+)"$', project, re.MULTILINE)
    assert f"/wheel/xcert-{version}-py3-none-any.whl" in runs[1]
    names = {pair.split("=")[0] for word, rest in lines if word == "ENV" for pair in rest.split()}
    assert names - SETTINGS.keys() == {"PATH"}
    [user] = [rest for word, rest in lines if word == "USER"]
    assert user == "xcert" and lines.index(["USER", user]) < [word for word, _ in lines].index("CMD")
    [command] = [json.loads(rest) for word, rest in lines if word == "CMD"]
    command_line.build_parser().parse_args(command[1:])
    [check] = [rest for word, rest in lines if word == "HEALTHCHECK"]
    compile(json.loads(check.partition("CMD ")[2])[2], "healthcheck", "exec")


def test_logrotate_accepts_its_file(tmp_path: Path) -> None:
    rotate = program("logrotate")
    logs = tmp_path / "logs"
    logs.mkdir()
    log = logs / "web.log"
    file = tmp_path / "logrotate"
    text = (DEPLOY / "logrotate").read_text("utf-8")
    file.write_text(text.replace("/var/log/xcert", str(logs)).replace("    su xcert xcert\n", ""), "utf-8")
    file.chmod(0o644)
    with log.open("a") as writer:  # as the service: it keeps the file open and appends
        writer.write("first\n")
        writer.flush()
        subprocess.run(
            [rotate, "--force", "--state", tmp_path / "state", file], check=True, capture_output=True
        )
        writer.write("next\n")
    assert log.read_text() == "next\n"
    assert (logs / "web.log.1").read_text() == "first\n"


@pytest.fixture
def wrapper(tmp_path: Path) -> Path:
    """`xcert` as a program of one word."""
    file = tmp_path / "xcert"
    file.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m server.cli "$@"\n')
    file.chmod(0o755)
    return file


@pytest.mark.slow
def test_the_backup_shares_what_has_not_changed(
    environment: dict[str, str], tmp_path: Path, wrapper: Path
) -> None:
    place = tmp_path / "backups"
    broken_off = [place / f"202{n}-01-01-000000" for n in (0, 1)]  # without a manifest
    for one in broken_off:
        one.mkdir(parents=True)
    os.utime(broken_off[0], (0, 0))  # the other may be under way
    whole = [place / f"2022-01-{day:02}-000000" for day in range(1, 30)]
    for one in whole:
        one.mkdir()
        (one / "manifest.json").write_text('{"sha256": {}}')
    vault = tmp_path / "var" / "vault"
    vault.mkdir(parents=True)
    (vault / "a.txt").write_text("a")
    for _ in range(2):
        done = subprocess.run(
            [DEPLOY / "backup", place], env=environment | {"XCERT": str(wrapper)}, cwd=tmp_path, capture_output=True, text=True
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        time.sleep(1)  # their names are seconds
    other, *kept_whole, first, second = sorted(place.iterdir())
    assert (other, kept_whole) == (broken_off[1], whole[1:]), (
        "thirty whole ones; what is broken off is none of them"
    )
    kept = [next(one.rglob("a.txt")) for one in (first, second)]
    assert kept[0].samefile(kept[1])


def test_the_administrators_command_has_the_settings_of_the_service(tmp_path: Path, wrapper: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root may become another user")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "XCERT_DATABASE_URL").write_text("postgresql://a:b@c/d\n")
    (tmp_path / "xcert.env").write_text(f"XCERT_ENV=production\nXCERT_DATA_DIR={tmp_path}\n")
    shown = tmp_path / "show"
    shown.write_text('#!/bin/sh\necho "$(id -un) $PWD $XCERT_ENV $XCERT_DATABASE_URL $*"\n')
    shown.chmod(0o755)
    done = subprocess.run(
        [DEPLOY / "xcert-admin", "staff", "list"], capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "XCERT_ETC": str(tmp_path), "XCERT_USER": "root", "XCERT": str(shown)},
    )  # fmt: skip
    assert done.stdout == f"root {tmp_path} production postgresql://a:b@c/d staff list\n", done.stderr


def test_the_steps_on_debian_name_every_file() -> None:
    text = (ROOT / "docs" / "operate.md").read_text("utf-8")
    steps = text.partition("### 在 Debian 上安装")[2].split("```")[1]
    copied = {
        path.name
        for word in re.findall(r"docs/deploy/\S+", steps)
        for path in ROOT.glob(word)
        if path.is_file()
    }
    held = {path.name for path in DEPLOY.iterdir()}
    assert held - copied == {
        "Containerfile",
        "backup",
        "logrotate",
    }  # for others; run where it is; only for files
    assert {f"docs/deploy/{name}" for name in held} == set(re.findall(r"`(docs/deploy/[\w.-]+)`", text))
