"""The nginx of docs/deploy before services of this machine: other addresses and another certificate, and nothing else changed."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.kit.repository import ROOT
from tests.kit.started import Started
from tests.kit.system_programs import program
from tests.kit.tls import Identity

SAMPLE = ROOT / "docs" / "deploy" / "nginx.conf"
_MAIN = """
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
    {beside}
}}
"""
_BESIDE = """
    server {{
        listen {listen} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        client_max_body_size 0;
        location / {{
            proxy_pass http://127.0.0.1:{port};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
        }}
    }}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """Where it listens.

    Attributes:
        http, https: as nginx writes it: address:port.
        services: the ports of the hosts behind it, all on this machine.
        beside: what else gets TLS from it: where it listens → the port behind it.
    """

    http: str
    https: str
    services: tuple[int, ...]
    beside: dict[str, int]


def start(folder: Path, started: Started, front: Front, identity: Identity) -> None:
    """Start it in a folder of its own. Skips where there is no nginx."""
    nginx = program("nginx")
    hosts = "\n".join(f"    server 127.0.0.1:{port};" for port in front.services)
    changes = {
        "    server 127.0.0.1:8000;": hosts,
        "listen 80;": f"listen {front.http};",
        "listen 443 ssl http2;": f"listen {front.https} ssl http2;",
        "/etc/ssl/xcert/fullchain.pem": str(identity.certificate),
        "/etc/ssl/xcert/privkey.pem": str(identity.key),
    }
    text = SAMPLE.read_text("utf-8")
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "xcert.conf").write_text(text, "utf-8")
    beside = "".join(
        _BESIDE.format(listen=listen, port=port, certificate=identity.certificate, key=identity.key)
        for listen, port in front.beside.items()
    )
    user = "user root;" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(_MAIN.format(folder=folder, user=user, beside=beside), "utf-8")
    command = [nginx, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    tried = subprocess.run([*command, "-t"], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stderr
    assert "[warn]" not in tried.stderr
    started.program([*command, "-g", "daemon off;"])
