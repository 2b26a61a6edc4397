"""The doctor in a process of its own: what it says is read, and it has an end."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from server.adapters.doctor_apart import DoctorApart
from server.domain.ports.doctor import Examined
from server.errors import OutsideFailure
from server.settings import Settings


def saying(settings: Settings, program: str) -> DoctorApart:
    return DoctorApart(settings, sys.executable, "-c", program)


async def test_each_line_is_a_finding(settings: Settings) -> None:
    program = """
import os
print('{"level":"ok","title":"数据库","text":"' + os.environ["XCERT_DATABASE_URL"] + " " + os.environ["XCERT_ISSUER"] + '"}')
print('{"level":"bad","title":"Redis","text":"x"}'); raise SystemExit(1)
"""
    settings = replace(settings, database_url="postgresql://here/xcert", issuer="一家评价组织")
    found = await saying(settings, program).examine()
    assert found == [
        Examined("ok", "数据库", "postgresql://here/xcert 一家评价组织"),
        Examined("bad", "Redis", "x"),
    ]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("", "体检没有回答"),
        ("print('Traceback')", "体检的回答读不懂"),
        ("print('{}')", "体检的回答读不懂"),
        ("""print('{"level":"?","title":"x","text":"x"}')""", "体检没有回答"),
    ],
)
async def test_anything_else_is_no_answer(settings: Settings, program: str, why: str) -> None:
    with pytest.raises(OutsideFailure, match=why):
        await saying(settings, program).examine()


async def test_it_is_ended_in_time_with_what_it_started(settings: Settings) -> None:
    program = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); time.sleep(600)"
    with pytest.raises(OutsideFailure, match="没有做完"):
        await saying(settings, program).examine(seconds=1.0)


async def test_it_cannot_be_started(settings: Settings) -> None:
    with pytest.raises(OutsideFailure, match="启动不了"):
        await DoctorApart(settings, "/nowhere/xcert").examine()
