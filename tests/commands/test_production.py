"""Production as an operator sets it up: own keys with a seal from a CA, outside servers, several processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from tests.commands.conftest import ROOT, Xcert
from tests.kit.started import Started, end, free_port

PRODUCTION = {
    "XCERT_ENV": "production",
    "XCERT_PUBLIC_URL": "https://cert.example.cn",
    "XCERT_WORKERS": "2",
    "XCERT_JOB_WORKERS": "1",
    **{f"WECHAT_{kind}_{name}": "x" * 16 for kind in ("OA", "MP") for name in ("APPID", "SECRET", "TOKEN")},
    **{f"WECHAT_{kind}_AES_KEY": "a" * 43 for kind in ("OA", "MP")},
}


def sign_seal(folder: Path) -> None:
    """What the certification authority does with the request for the seal."""
    asked = x509.load_pem_x509_csr((folder / "seal-0001.csr").read_bytes())
    authority = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "电子认证机构")])
    now = datetime.now(UTC)

    def certificate(subject: x509.Name, key: object, *, is_ca: bool) -> bytes:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(authority, hashes.SHA256())
            .public_bytes(Encoding.PEM)
        )

    own = certificate(asked.subject, asked.public_key(), is_ca=False)
    (folder / "seal-0001.crt").write_bytes(own + certificate(name, authority.public_key(), is_ca=True))


def wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """The socket is open from the start: a request waits there until a process takes it."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=60):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)  # answered, but the job worker has not yet said that it lives
    raise AssertionError("the service ended")


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
        well = xcert("doctor", "--local", **own)
        assert "✓ 后台任务：1 个进程在运行" in well.stdout.splitlines()
        assert end(process, signal.SIGTERM) == 0
    assert (tmp_path / "log").read_text("utf-8").splitlines()[-1] == "已全部停止。"
