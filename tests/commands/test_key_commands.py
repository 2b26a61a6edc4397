"""Keys and the seal at the terminal: what is told in time, and what is refused."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.adapters.authorities import Wanted, chain, write
from tests.commands.conftest import ROOT, Xcert


def test_doctor_tells_of_the_seal_before_it_ends_and_of_open_files(xcert: Xcert, tmp_path: Path) -> None:
    now, folder = datetime.now(UTC), tmp_path / "certs"
    for ends, sign, said in (
        (now - timedelta(days=3), "✗", "到期，请向电子认证机构更换后再盖章。"),
        (now + timedelta(days=5, hours=1), "✗", "还有 5 天，请尽快更换"),
        (now + timedelta(days=40, hours=1), "!", "还有 40 天，请尽快更换"),
    ):
        write(folder, 1, wanted := Wanted(ends=ends), chain(wanted))
        [line] = [one for one in xcert("doctor", "--local").stdout.splitlines() if "电子印章" in one]
        assert line.startswith(f"{sign} 电子印章：") and line.endswith(said)
    (folder / "scan-0001.key").chmod(0o644)
    assert "! 密钥文件权限：scan-0001.key 等 1 个可被本机其他用户读取" in xcert("doctor", "--local").stdout


def test_a_key_waits_before_its_first_use_and_is_retired_with_a_reason(xcert: Xcert) -> None:
    made = xcert("keys", "rotate", "certificate").stdout
    assert "（北京时间）起用于写。多台服务器请在此之前把密钥目录同步到每一台。" in made
    listed = xcert("keys", "list").stdout
    assert re.search(r"certificate +证书核验码　第 2 期　已公布，.+ 起用", listed)
    assert "certificate 证书核验码　第 1 期　在用" in listed
    refused = xcert("keys", "retire", "certificate", "1", "--reason", "私钥泄露")
    assert (refused.returncode, refused.stderr) == (
        1,
        "certificate 没有别的可用密钥：请先运行 xcert keys rotate certificate --now，再停用第 1 期\n",
    )
    assert xcert("keys", "rotate", "certificate", "--now").returncode == 0
    retired = xcert("keys", "retire", "certificate", "1", "--reason", "私钥泄露")
    assert retired.returncode == 0
    listed = xcert("keys", "list").stdout
    assert "第 3 期　在用" in listed
    assert re.search(r"第 1 期　已停用（.+，私钥泄露）", listed)


def test_whoever_stops_reading_gets_no_traceback(
    xcert: Xcert, environment: dict[str, str], tmp_path: Path
) -> None:
    command = (
        f"{shlex.quote(sys.executable)} -m server.cli keys list | true; sleep 0; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path, env=environment | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode in (0, 141), done.stderr) == (True, "")


def test_reindexing_says_what_was_done(xcert: Xcert) -> None:
    done = xcert("keys", "reindex")
    assert (done.returncode, done.stdout) == (0, "证件号码索引：已换 0 人，原已是新索引 0 人。\n")


def test_encrypting_anew_says_what_was_done(xcert: Xcert) -> None:
    done = xcert("keys", "reencrypt")
    assert (done.returncode, done.stdout) == (0, "已换成现在的密钥：0 处内容，0 个文件。\n")


def test_a_missing_readme_is_a_sentence(xcert: Xcert, tmp_path: Path) -> None:
    done = xcert("docs", "--readme", tmp_path / "none.md")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "不能读写（没有这个文件或目录）" in done.stderr


def test_the_tables_of_readme_and_documents_are_made_anew(xcert: Xcert, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    readme, document = tmp_path / "README.md", tmp_path / "docs" / "one.md"
    readme.write_text("before\n<!-- states -->\nold\n<!-- /states -->\nafter\n", "utf-8")
    document.write_text("no table here\n", "utf-8")
    done = xcert("docs", "--readme", readme)
    assert (done.returncode, done.stderr) == (0, "")
    text = readme.read_text("utf-8")
    assert text.startswith("before\n<!-- states -->\n| 状态 |") and text.endswith(
        "\n<!-- /states -->\nafter\n"
    )
    assert "old" not in text and document.read_text("utf-8") == "no table here\n"
