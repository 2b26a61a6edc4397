"""Production as an operator sets it up: own keys with a seal from a CA, outside servers, several processes."""

from __future__ import annotations

import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.commands.conftest import ROOT, Xcert
from tests.kit.production import PRODUCTION, sign_seal, wait_ready
from tests.kit.started import Started, end, free_port


def wait_processes(url: str, wanted: dict[str, int]) -> None:
    """Every process, job workers too, is told of by whichever web process is asked."""
    lines = {f'xcert_processes{{kind="{kind}"}} {many:.1f}' for kind, many in wanted.items()}
    for _ in range(300):
        with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
            said = set(answer.read().decode().splitlines())
        if lines <= said:
            assert not {one for one in said if one.startswith("xcert_collector_up") and one.endswith(" 0.0")}
            return
        time.sleep(0.2)
    raise AssertionError(f"not told of: {lines}")


@pytest.mark.slow
def test_from_nothing_to_serving(
    xcert: Xcert, environment: dict[str, str], tmp_path: Path, started: Started
) -> None:
    port = free_port()
    own = PRODUCTION | {"XCERT_KEYS_DIR": str(tmp_path / "own"), "PORT": str(port)}
    refused = xcert("serve", **own)
    assert refused.returncode == 1
    assert refused.stderr.startswith(f"密钥目录 {tmp_path / 'own'} 缺少：field、index、")
    assert xcert("keys", "create", **own).returncode == 0
    for command in (("serve",), ("doctor", "--local")):  # the seal's certificate has not come back yet
        refused = xcert(*command, **own)
        said = refused.stdout + refused.stderr
        assert (refused.returncode, "Traceback" in said) == (1, False)
        assert "电子印章还没有证书：请把 CA 签发的证书链存为 seal-0001.crt，放在密钥目录" in said
        assert "意外退出" not in said
    sign_seal(tmp_path / "own")
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "log").open("wb") as log:
        process = started.program(
            [sys.executable, "-m", "server.cli", "serve"],
            cwd=tmp_path,
            env=environment | own | {"PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
        )
        wait_ready(url, process)
        for _ in range(20):
            urllib.request.urlopen(f"{url}/healthz", timeout=60).close()
        with urllib.request.urlopen(f"{url}/metrics", timeout=60) as answer:
            said = answer.read().decode()
        assert 'xcert_requests_total{method="GET",route="healthz",status="200"} 20.0' in said.splitlines()
        wait_processes(url, {"web": 2, "jobs": 1})
        well = xcert("doctor", "--local", **own)
        assert "✓ 后台任务：1 个进程在运行" in well.stdout.splitlines()
        assert end(process, signal.SIGTERM) == 0
    assert (tmp_path / "log").read_text("utf-8").splitlines()[-1] == "已全部停止。"
