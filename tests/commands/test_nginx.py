"""The nginx of docs/deploy in front of the service: TLS, what is closed, what is passed on, and a reload behind it."""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.commands.conftest import ROOT
from tests.kit.hail import until
from tests.kit.production import wait_ready
from tests.kit.started import Started, free_port
from tests.kit.system_programs import program

SAMPLE = ROOT / "docs" / "deploy" / "nginx.conf"
MAIN = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/xcert.conf;
}}
"""


def make_certificate(folder: Path) -> None:
    """For 127.0.0.1, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(Encoding.PEM))
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "privkey.pem").write_bytes(secret)


def start_nginx(folder: Path, started: Started, *, http: int, https: int, service: int) -> None:
    """The sample with other ports and another certificate, and nothing else changed."""
    make_certificate(folder)
    changes = {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{service};",
        "listen 80;": f"listen 127.0.0.1:{http};",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{https} ssl http2;",
        "/etc/ssl/xcert/": f"{folder}/",
    }
    text = SAMPLE.read_text("utf-8")
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "xcert.conf").write_text(text, "utf-8")
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user), "utf-8")
    command = [
        program("nginx"),
        "-p",
        str(folder),
        "-e",
        str(folder / "error.log"),
        "-c",
        str(folder / "nginx.conf"),
    ]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert "[warn]" not in tried.stderr
    started.program([*command, "-g", "daemon off;"])


@asynccontextmanager
async def students(https: int, trust: ssl.SSLContext, count: int) -> AsyncIterator[None]:
    """So many requests from one address that are all under way: nginx has their heads and waits for the rest."""
    head = b"POST /v/file HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n"
    opened = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", https, ssl=trust) for _ in range(count))
    )
    try:
        for _, writer in opened:
            writer.write(head)
            await writer.drain()
        yield
    finally:
        for _, writer in opened:
            writer.close()


@pytest.mark.slow
async def test_the_service_behind_nginx(
    environment: dict[str, str], tmp_path: Path, started: Started
) -> None:
    http, https, port = free_port(), free_port(), free_port()
    start_nginx(tmp_path, started, http=http, https=https, service=port)
    base = f"https://127.0.0.1:{https}"
    own = {"PORT": str(port), "XCERT_PROXIES": "1", "XCERT_PUBLIC_URL": base, "XCERT_OPERATIONS": "127.0.0.2"}
    log = tmp_path / "log"
    with log.open("wb") as output:
        service = started.program(
            [sys.executable, "-m", "server.cli", "serve", "--web-only"],
            cwd=tmp_path, env=environment | own | {"PYTHONPATH": str(ROOT)}, stdout=output, stderr=output,
        )  # fmt: skip
    await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{port}", service)
    trust = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    async with httpx.AsyncClient(base_url=base, verify=trust, timeout=60) as visitor:
        moved = await visitor.get(f"http://127.0.0.1:{http}/v?q=1")
        assert (moved.status_code, moved.headers["location"]) == (301, "https://127.0.0.1/v?q=1")
        page = await visitor.get("/v")
        assert page.status_code == 200
        assert page.headers.get_list("strict-transport-security") == ["max-age=31536000"]
        for asset in re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text):
            assert (await visitor.get(asset)).status_code == 200
        for closed in ("/metrics", "/docs", "/docs/openapi.json"):
            assert (await visitor.get(closed)).status_code == 404
        assert (await visitor.get("/readyz")).json().keys() == {"status"}
        table = await visitor.post("/console/api/v1/imports", content=b"x" * 7_000_000)
        assert table.status_code == 401, "nobody is logged in; and not by nginx for its size (413)"
        assert (await visitor.post("/", content=b"x" * 2_000_000)).status_code == 413, (
            "and nowhere else so much"
        )
        assert (await visitor.post("/v/file", content=b"x" * 2_000_000)).status_code != 413
        async with students(https, trust, 100):
            assert (await visitor.get("/v")).status_code == 200, "a school has one address"

        answers: list[int] = []
        over = asyncio.Event()

        async def come() -> None:
            while not over.is_set():
                answers.append((await visitor.get("/healthz")).status_code)
                await asyncio.sleep(0.02)

        visits = [asyncio.create_task(come()) for _ in range(4)]
        service.send_signal(signal.SIGHUP)
        await until(lambda: "已重新载入。" in log.read_text("utf-8"))
        over.set()
        await asyncio.gather(*visits)
    assert len(answers) > 50 and set(answers) == {200}
