"""The sandbox by itself: nothing of this project beside it, and for a service that is not ours."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

import pytest

from server import sandbox_account
from server.sandbox import account_file, environment
from server.sandbox.config import Role, Step
from server.sandbox.environment import EnvironmentProblem, from_environment

HERE = Path(environment.__file__).parent
README = (HERE / "README.md").read_text("utf-8")
OA = {"WECHAT_OA_APPID": "wx1", "WECHAT_OA_SECRET": "s" * 32, "WECHAT_OA_TOKEN": "token", "WECHAT_OA_AES_KEY": "k" * 43}  # fmt: skip


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def copied_alone(folder: Path, **values: str) -> Iterator[str]:
    """Only the sandbox's own files, in an empty folder, started by the one command."""
    shutil.copytree(HERE, folder / "server" / "sandbox", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "server" / "__init__.py").touch()
    url = f"http://127.0.0.1:{(port := free_port())}"
    process = subprocess.Popen(
        [sys.executable, "-m", "server.sandbox"],
        cwd=folder,
        env={"SANDBOX_PORT": str(port), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1", **values},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        for _attempt in range(200):
            try:
                urllib.request.urlopen(f"{url}/sandbox/api/clock", timeout=5).close()
                break
            except URLError:
                assert process.poll() is None, process.communicate()[0]
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.slow
def test_copied_alone_it_starts_by_one_command(tmp_path: Path) -> None:
    with copied_alone(tmp_path) as url:
        account = account_file.stored(tmp_path / "var")
        body = {
            "grant_type": "client_credential",
            "appid": account["WECHAT_OA_APPID"],
            "secret": account["WECHAT_OA_SECRET"],
        }
        asked = urllib.request.Request(f"{url}/cgi-bin/stable_token", data=json.dumps(body).encode())
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert len(json.load(answer)["access_token"]) == 512
        with urllib.request.urlopen(f"{url}/phone/api/people", timeout=10) as answer:
            assert len(json.load(answer)["people"]) == 6
        with urllib.request.urlopen(f"{url}/sandbox/api/pay/balance", timeout=10) as answer:
            assert answer.status == 200  # the invented merchant is there, too


def test_a_strangers_service(tmp_path: Path) -> None:
    """Any address, token and appid; what is not given is not played."""
    config = from_environment(
        {
            **OA,
            "SANDBOX_SERVICE_URL": "https://shop.example/",
            "SANDBOX_OA_PUSH_URL": "https://shop.example/hooks/wx",
            "SANDBOX_PROGRAM_API": "https://api.shop.example/v2",
            "SANDBOX_DATA_DIR": str(tmp_path),
            "SANDBOX_NAME": "小店",
            "SANDBOX_PORT": "9001",
        }
    )
    assert [(a.kind, a.appid, a.secret, a.token, a.aes_key, a.name) for a in config.accounts] == [
        ("oa", "wx1", "s" * 32, "token", "k" * 43, "小店")
    ]
    assert (config.service_url, config.port, config.merchant) == ("https://shop.example", 9001, None)
    assert config.push_urls == {"oa": "https://shop.example/hooks/wx"}
    assert config.program_url == "https://api.shop.example/v2"
    assert list(tmp_path.iterdir()) == []  # nothing was invented


def test_a_strangers_merchant(tmp_path: Path) -> None:
    pay = {
        "WECHAT_PAY_MCHID": "1900000001",
        "WECHAT_PAY_APIV3_KEY": "a" * 32,
        "SANDBOX_PAY_MCH_CERTIFICATE": "-----BEGIN CERTIFICATE-----\\nx",
        "SANDBOX_DATA_DIR": str(tmp_path),
    }
    merchant = from_environment({**OA, **pay}).merchant
    assert merchant is not None
    assert (merchant.mchid, merchant.apiv3_key) == ("1900000001", "a" * 32)
    assert merchant.certificate == "-----BEGIN CERTIFICATE-----\nx"
    kept = account_file.stored(tmp_path)  # where the service finds the platform's public half
    assert merchant.platform_certificate == kept["WECHAT_PAY_CERTIFICATES"]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"XCERT_ENV": "production"}, "微信沙箱不能在生产环境（XCERT_ENV=production）启动。"),
        ({"SANDBOX_PORT": "八千"}, "SANDBOX_PORT 应为 0 到 65535 的整数。"),
        ({"SANDBOX_SERVICE_URL": "shop.example"}, "SANDBOX_SERVICE_URL 应为以 http:// 或 https:// 开头的网址。"),
        ({"WECHAT_OA_MODE": "no"}, "WECHAT_OA_MODE 应为 safe、compat 或 plain。"),
        ({"WECHAT_MP_APPID": "wx2", "WECHAT_MP_TOKEN": "t"}, "已有 WECHAT_MP_APPID，还缺少 WECHAT_MP_SECRET、WECHAT_MP_AES_KEY。"),
        ({"WECHAT_PAY_MCHID": "19", "SANDBOX_PAY_MCH_CERTIFICATE": "x"}, "已有 SANDBOX_PAY_MCH_CERTIFICATE，还缺少 WECHAT_PAY_APIV3_KEY。"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line(values: dict[str, str], line: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem) as told:
        from_environment({**OA, "SANDBOX_DATA_DIR": str(tmp_path), **values})
    assert str(told.value) == line


def test_both_sides_read_one_file(tmp_path: Path) -> None:
    """Whoever starts first invents; the other one takes it and adds what it alone knows."""
    first = account_file.complete(tmp_path / "alone")
    assert first.keys() == account_file.INVENTED.keys()
    assert account_file.complete(tmp_path / "alone") == first
    service = sandbox_account.complete(tmp_path / "alone")
    assert first.items() <= service.items()
    assert account_file.complete(tmp_path / "alone") == service
    theirs = sandbox_account.complete(tmp_path / "with")
    assert account_file.complete(tmp_path / "with") == theirs
    config = from_environment({"SANDBOX_DATA_DIR": str(tmp_path / "with")})
    assert config.merchant is not None
    assert config.merchant.mchid == theirs["WECHAT_PAY_MCHID"]
    assert len(config.templates) == sum(bool(environment.TEMPLATE.fullmatch(name)) for name in theirs)


def test_registered_roles(tmp_path: Path) -> None:
    file = tmp_path / "sandbox" / "roles.json"
    file.parent.mkdir()
    role = {
        "title": "店员",
        "about": "卖东西",
        "steps": [{"text": "上架", "url": "{service}/shop"}, {"text": "扫码"}],
    }
    file.write_text(json.dumps([role]), "utf-8")
    config = from_environment({**OA, "SANDBOX_DATA_DIR": str(tmp_path)})
    assert config.roles == (Role("店员", "卖东西", (Step("上架", "", "{service}/shop"), Step("扫码"))),)


def test_readme_names_every_setting_with_its_meaning() -> None:
    for name, meaning in environment.NAMES.items():
        assert f"| `{name}` | {meaning} |" in README


def test_readme_names_every_package_that_is_needed() -> None:
    command = re.search(r"^pip install (.+)$", README, re.MULTILINE)
    assert command is not None
    called = {"dotenv": "python-dotenv", "PIL": "pillow", "zxingcpp": "zxing-cpp"}
    needed = set()
    for file in HERE.rglob("*.py"):
        for line in file.read_text("utf-8").splitlines():
            if found := re.match(r"\s*(?:from|import) (\w+)", line):
                needed.add(found[1])
    packages = {called.get(one, one) for one in needed - set(sys.stdlib_module_names) - {"server"}}
    comes_along = {"yarl"}  # with aiohttp
    assert packages - comes_along == set(command[1].split())
