"""What the commands say, and by which code they leave."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from importlib import import_module
from io import BytesIO
from pathlib import Path

import asyncpg
import pytest
from cryptography import x509
from openpyxl import load_workbook

from server import command_line, demo_cohort
from tests.commands.conftest import ROOT, Xcert
from tests.conftest import with_database
from tests.kit.cohort import messy_scores
from tests.kit.started import Started, end

ONE_TIME = re.compile(
    r"用户名：(\S+)\n一次性密码：((?:[0-9a-z]{4}-){3}[0-9a-z]{4})\n（只显示这一次，首次登录后需修改）\n"
)


SCHOOLS = [word for name in demo_cohort.SCHOOLS[:2] for word in ("--create", name)]


def test_help_is_chinese_and_lists_every_command(xcert: Xcert) -> None:
    done = xcert("--help")
    assert done.returncode == 0
    for word in (
        "serve",
        "worker",
        "migrate",
        "doctor",
        "import",
        "backup",
        "restore",
        "staff",
        "keys",
        "verify",
    ):
        assert re.search(rf"^    {word} +[\u4e00-\u9fff]", done.stdout, re.MULTILINE), word
    assert "web-process" not in done.stdout.split("命令:")[1]


async def test_import_answers_by_its_code(xcert: Xcert, sheets: Path, tmp_path: Path, db_url: str) -> None:
    link = await asyncpg.connect(db_url)
    unknown = xcert("import", "candidates", sheets / "考生信息.xlsx")
    assert (unknown.returncode, unknown.stdout.splitlines()[-1]) == (
        3,
        "共 30 行：已导入 0 行（新增 0，改动 0），没有变化 0 行，拒绝 30 行。",
    )
    asked = re.findall(r"^待确认的院校：(\S+)（\d+ 行）$", unknown.stdout, re.MULTILINE)
    assert asked == sorted(asked, key=unknown.stdout.index) and set(asked) == set(demo_cohort.SCHOOLS[:2])
    dry = xcert("import", "candidates", sheets / "考生信息.xlsx", "--dry-run", *SCHOOLS)
    assert (dry.returncode, dry.stdout.splitlines()[-1], dry.stderr) == (
        0,
        "共 30 行：可导入 30 行（新增 30，改动 0），没有变化 0 行，拒绝 0 行。",
        "",
    )
    assert await link.fetchval("SELECT count(*) FROM candidate") == 0
    taken = xcert("import", "candidates", sheets / "考生信息.xlsx", *SCHOOLS)
    assert (taken.returncode, taken.stdout.splitlines()[-1]) == (
        0,
        "共 30 行：已导入 30 行（新增 30，改动 0），没有变化 0 行，拒绝 0 行。",
    )
    assert await link.fetchval("SELECT count(*) FROM candidate") == 30
    same = xcert("import", "candidates", sheets / "考生信息.xlsx")
    assert (same.returncode, same.stdout.splitlines()[-1]) == (
        0,
        "共 30 行：已导入 0 行（新增 0，改动 0），没有变化 30 行，拒绝 0 行。",
    )
    await link.close()


async def test_import_of_a_messy_sheet(xcert: Xcert, sheets: Path, tmp_path: Path) -> None:
    people = demo_cohort.people(30, schools=2)
    rows, refused, _ = messy_scores(people)
    messy = tmp_path / "messy.xlsx"
    messy.write_bytes(demo_cohort.book(demo_cohort.SCORE_HEADER, rows))
    assert xcert("import", "candidates", sheets / "考生信息.xlsx", *SCHOOLS).returncode == 0
    report = tmp_path / "report.xlsx"
    names = demo_cohort.names(people)
    confirmed = [word for name in names["plans"] + names["sites"] for word in ("--create", name)]
    done = xcert("import", "scores", messy, "--report", report, *confirmed)
    assert (done.returncode, done.stderr) == (3, "")
    said = re.findall(r"^第 (\d+) 行 (\S+)：.+（(\w+)）$", done.stdout, re.MULTILINE)
    assert sorted(said) == sorted((str(index + 2), column, code) for index, column, code in refused)
    assert load_workbook(BytesIO(report.read_bytes())).active is not None
    nothing = xcert("import", "scores", messy, "--all-or-nothing")
    assert nothing.returncode == 3
    assert "已导入 0 行" in nothing.stdout


def test_import_of_what_cannot_be_read(xcert: Xcert, tmp_path: Path) -> None:
    (tmp_path / "picture.xlsx").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 100)
    done = xcert("import", "scores", tmp_path / "picture.xlsx")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr and done.stderr
    done = xcert("import", "scores", tmp_path / "nowhere.xlsx")
    assert (done.returncode, done.stderr) == (
        2,
        f"{tmp_path / 'nowhere.xlsx'} 无法读写（没有这个文件或目录），请检查路径和权限。\n",
    )


def test_staff(xcert: Xcert) -> None:
    made = xcert("staff", "create", "lin.wei", "--role", "operator", "--name", "林薇")
    assert (made.returncode, made.stderr) == (0, "")
    found = ONE_TIME.fullmatch(made.stdout)
    assert found and found[1] == "lin.wei"
    taken = xcert("staff", "create", "lin.wei", "--role", "operator")
    assert (taken.returncode, taken.stderr) == (1, "用户名“lin.wei”已被使用，请换一个。\n")
    reset = xcert("staff", "reset", "lin.wei")
    again = ONE_TIME.fullmatch(reset.stdout)
    assert again and again[2] != found[2]
    listed = xcert("staff", "list")
    assert listed.stdout.splitlines() == ["lin.wei\t考务\t林薇\t–\t尚未首次登录\t无第二重验证"], listed.stderr
    assert xcert("staff", "unlock", "lin.wei").stdout == "账号 lin.wei 的登录限制已解除。\n"
    assert xcert("staff", "deactivate", "lin.wei").stdout == "账号 lin.wei 已停用。\n"
    assert "已停用" in xcert("staff", "list").stdout
    assert xcert("staff", "activate", "lin.wei").stdout == "账号 lin.wei 已启用。\n"
    assert xcert("staff", "unlock", "nobody").returncode != 0
    nobody = xcert("staff", "reset", "nobody")
    assert (nobody.returncode, nobody.stderr) == (1, "没有用户名为“nobody”的账号，请核对。\n")
    school = xcert("staff", "create", "school", "--role", "school", "--school", "没有的学校")
    assert school.stderr == "没有名为“没有的学校”的院校，请先导入考生信息，或核对全称。\n"
    assert xcert("staff", "create", "x", "--role", "king").returncode == 2


def test_keys(xcert: Xcert, tmp_path: Path) -> None:
    before = xcert("keys", "list").stdout.splitlines()
    assert len(before) == 9
    assert all("第 1 期　在用" in line for line in before)
    rotated = xcert("keys", "rotate", "scan", "--now")
    assert rotated.returncode == 0
    assert (
        rotated.stdout.splitlines()[0]
        == f"已新增 签发二维码（scan）第 2 期：{tmp_path / 'certs' / 'scan-0002.key'}"
    )
    after = xcert("keys", "list").stdout
    assert "第 2 期　在用" in after and "第 1 期　仅用于验证和解密" in after
    fresh = str(tmp_path / "fresh")
    (tmp_path / "issuer").write_text("某某评价组织\n", "utf-8")
    early = {
        "XCERT_ENV": "production",
        "XCERT_ISSUER_FILE": str(tmp_path / "issuer"),
        "XCERT_KEYS_DIR": fresh,
    }
    made = xcert("keys", "create", **early)
    assert made.returncode == 0, "the seal is applied for before WeChat's accounts are there"
    asked = x509.load_pem_x509_csr((tmp_path / "fresh" / "seal-0001.csr").read_bytes())
    assert "某某评价组织" in asked.subject.rfc4514_string()
    assert (
        f"请把 {fresh}/seal-0001.csr 交给电子认证机构，把签回的证书链存为 {fresh}/seal-0001.crt。"
        in made.stdout
    )
    assert xcert("keys", "list", XCERT_KEYS_DIR=str(tmp_path / "none")).stdout == (
        f"{tmp_path / 'none'} 里还没有密钥，请运行 xcert keys create。\n"
    )


def test_doctor_names_what_is_missing(xcert: Xcert, tmp_path: Path) -> None:
    done = xcert("doctor", "--local")
    assert done.returncode == 1
    lines = {line[2:].split("：")[0]: line for line in done.stdout.splitlines() if line[:1] in "✓✗"}
    assert list(lines) == [
        "设置", "数据库", "数据库连接数", "数据库表", "Redis", "密钥", "电子印章", "后台任务", "证书字体", "数据目录", "证书文件", "删除登记", "通知", "导入表格",
    ]  # fmt: skip
    assert re.fullmatch(
        r"✓ 电子印章：ECDSA-P256，有效期至 \d{4}年\d+月\d+日，试盖并核验通过", lines["电子印章"]
    )
    assert [name for name, line in lines.items() if line.startswith("✗")] == ["后台任务"]
    assert lines["后台任务"] == (
        "✗ 后台任务：没有正在运行的后台任务进程，请启动 xcert worker（开发环境用 make serve）"
    )
    assert done.stdout.splitlines()[-1] == "有 1 项需要处理。"


def test_doctor_without_anything(xcert: Xcert, tmp_path: Path) -> None:
    done = xcert(
        "doctor",
        "--local",
        XCERT_DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/none",
        XCERT_REDIS_URL="redis://127.0.0.1:1/0",
        XCERT_KEYS_DIR=str(tmp_path / "none"),
    )
    assert done.returncode == 1
    bad = [line[2:].split("：")[0] for line in done.stdout.splitlines() if line.startswith("✗")]
    assert bad == [
        "数据库",
        "数据库连接数",
        "数据库表",
        "Redis",
        "密钥",
        "后台任务",
        "证书文件",
        "删除登记",
        "通知",
    ]
    assert "Traceback" not in done.stderr


def test_production_says_each_thing_that_is_missing(xcert: Xcert) -> None:
    done = xcert("serve", XCERT_ENV="production", XCERT_PUBLIC_URL="https://cert.example.cn")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0] == "设置有问题，请先修改："
    assert "缺少 WECHAT_OA_APPID：公众号 AppID" in lines
    assert all(line.startswith("缺少 WECHAT_") for line in lines[1:-1])
    assert re.fullmatch(
        "密钥目录 .* 是开发用密钥，生产环境不能使用；.*", lines[-1]
    )  # told at once with the rest


@pytest.mark.parametrize("command", ["doctor", "serve"])
def test_an_odd_public_address_stops_the_start_and_the_doctor_with_one_sentence(
    xcert: Xcert, command: str
) -> None:
    done = xcert(command, XCERT_ENV="development", XCERT_PUBLIC_URL="https://me:pw@cert.example.cn/app?x=1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "设置有问题，请先修改：",
        "XCERT_PUBLIC_URL 不能带用户名或密码：它会印在二维码里",
    ]


@pytest.mark.parametrize("arguments", [["--dev"], []])
def test_production_refuses_what_is_for_development(xcert: Xcert, arguments: list[str]) -> None:
    production = {
        "XCERT_ENV": "production",
        "XCERT_PUBLIC_URL": "https://cert.example.cn",
        "PORT": "0",
        **{
            f"WECHAT_{kind}_{name}": "x" * 16
            for kind in ("OA", "MP")
            for name in ("APPID", "SECRET", "TOKEN")
        },
        **{f"WECHAT_{kind}_AES_KEY": "a" * 43 for kind in ("OA", "MP")},
    }
    done = xcert("serve", *arguments, **production)
    assert done.returncode == (1 if arguments else 2)
    assert ("不能使用 --dev" if arguments else "开发") in done.stderr
    assert "Traceback" not in done.stderr


def test_openapi_needs_nothing(xcert: Xcert, tmp_path: Path) -> None:
    done = xcert(
        "openapi", XCERT_DATABASE_URL="postgresql://nobody:x@127.0.0.1:1/none", XCERT_DATA_DIR="made"
    )
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert document["openapi"].startswith("3.")
    assert {"/mp/v1/session", "/console/api/v1/imports", "/mp/v1/scans/{token}/confirm"} <= set(
        document["paths"]
    )
    assert not (tmp_path / "made").exists()


def test_verify_of_no_file(xcert: Xcert, tmp_path: Path) -> None:
    done = xcert("verify", tmp_path / "nowhere.pdf")
    said = f"无法核验：读不了 {tmp_path / 'nowhere.pdf'}（没有这个文件或目录），请检查路径和权限。\n"
    assert (done.returncode, done.stdout) == (2, said)


def test_verify_of_what_is_neither(xcert: Xcert, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    done = xcert("verify", tmp_path / "note.txt")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "var").exists(), "looking leaves no trace"


async def test_migrate_fills_an_empty_database_and_again(xcert: Xcert, postgres_url: str) -> None:
    link = await asyncpg.connect(postgres_url)
    await link.execute("DROP DATABASE IF EXISTS fresh WITH (FORCE)")
    await link.execute("CREATE DATABASE fresh")
    try:
        own = {"XCERT_DATABASE_URL": with_database(postgres_url, "fresh")}
        for _ in range(2):
            done = xcert("migrate", **own)
            assert (done.returncode, done.stderr) == (0, "")
        assert "✓ 数据库表" in xcert("doctor", "--local", **own).stdout
    finally:
        await link.execute("DROP DATABASE fresh WITH (FORCE)")
        await link.close()


@pytest.mark.slow
def test_worker_works_until_it_is_told_to_stop(
    xcert: Xcert, environment: dict[str, str], tmp_path: Path, db: str, started: Started
) -> None:
    process = started.program(
        [sys.executable, "-m", "server.cli", "worker"],
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT), "XCERT_JOB_WORKERS": "1"},
        stderr=subprocess.DEVNULL,
    )
    while "✓ 后台任务：1 个进程在运行" not in xcert("doctor", "--local").stdout:
        assert process.poll() is None, "the worker ended by itself"
    assert end(process, signal.SIGTERM) == 0


def test_every_command_names_a_function_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are found by their names when they run, so no import says that one is gone."""
    named: list[str] = []

    def run(name: str) -> str:
        named.append(name)
        return name

    monkeypatch.setattr(command_line, "_run", run)
    command_line.build_parser()
    assert "serve.serve" in named
    for name in named:
        module, _, function = name.rpartition(".")
        assert callable(getattr(import_module(f"server.commands.{module}"), function)), name
