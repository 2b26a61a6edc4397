"""An S3 server that others wrote, on this machine, and before it a proxy that checks signatures and makes trouble."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import parse_qsl, quote

import aiohttp
from aiohttp import web
from yarl import URL

from server.adapters.object_storage import Bucket, ObjectFileStore, Patience
from server.settings import Settings
from tests.kit.started import end, free_port

ACCESS, SECRET, REGION, BUCKET = "an-access-key", "a-secret-key", "cn-test-1", "files"
QUICK = Patience(connect=0.5, silence=0.5, request=1.0, whole=3.0, tries=2)
_XML = '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{}</Code><Message>no</Message></Error>'


@contextmanager
def server(folder: Path) -> Iterator[int]:
    """The server, with one empty bucket; its files lie in `folder` as they are called. Yields the port."""
    (folder / BUCKET).mkdir(parents=True)
    port = free_port()
    command = [sys.executable, "-m", "localbucket", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield port
    finally:
        end(process, signal.SIGKILL)


def _await(port: int) -> None:
    until = time.monotonic() + 30
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until, "the S3 server did not start"
        time.sleep(0.05)


@dataclass(slots=True)
class Trouble:
    """What happens to requests, until it is used up.

    Attributes:
        status: answered in place of the server, with `code`; 0: the server answers.
        cut: the connection breaks after so many bytes of the answer's body; -1: it does not.
        loses: the server does what it was asked, and nobody hears of it.
        waits: seconds before the answer.
        times: how many requests it happens to.
        method: of these requests alone; "": of all.
    """

    status: int = 0
    code: str = "InternalError"
    cut: int = -1
    loses: bool = False
    waits: float = 0.0
    times: int = 1_000_000
    method: str = ""


@dataclass(slots=True)
class Way:
    """The proxy's state: what is wrong now, and what was asked."""

    port: int = 0
    trouble: Trouble = field(default_factory=lambda: Trouble(times=0))
    asked: list[str] = field(default_factory=list)
    last_headers: dict[str, str] = field(default_factory=dict)
    folder: Path = Path()  # where the server keeps the bucket's files

    def bucket(self, prefix: str = "", *, secret: str = SECRET, name: str = BUCKET) -> Bucket:
        return Bucket(name, prefix, f"http://127.0.0.1:{self.port}", REGION, ACCESS, secret)

    def store(self, prefix: str = "", patience: Patience = QUICK) -> ObjectFileStore:
        return ObjectFileStore(self.bucket(prefix), patience)

    def settings(self, settings: Settings, prefix: str = "p") -> Settings:
        """The same, with the files kept here."""
        return replace(
            settings,
            files_url=f"s3://{BUCKET}/{prefix}",
            s3_endpoint=f"http://127.0.0.1:{self.port}",
            s3_region=REGION,
            s3_access_key=ACCESS,
            s3_secret_key=SECRET,
        )

    def environment(self, prefix: str = "") -> dict[str, str]:
        """The settings that lead here, for a program."""
        return {
            "XCERT_FILES_URL": f"s3://{BUCKET}/{prefix}".rstrip("/"),
            "XCERT_S3_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "XCERT_S3_REGION": REGION,
            "XCERT_S3_ACCESS_KEY": ACCESS,
            "XCERT_S3_SECRET_KEY": SECRET,
        }


@asynccontextmanager
async def way_to(port: int, folder: Path) -> AsyncIterator[Way]:
    """A proxy before the server at `port`, whose bucket lies in `folder`."""
    way, answering = Way(folder=folder), set[asyncio.Task[web.StreamResponse]]()
    async with aiohttp.ClientSession(auto_decompress=False) as session:

        async def pass_on(request: web.Request) -> web.StreamResponse:
            task = asyncio.ensure_future(_answer(way, session, f"http://127.0.0.1:{port}", request))
            answering.add(task)
            task.add_done_callback(answering.discard)
            return await task

        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", pass_on)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        way.port = runner.addresses[0][1]
        try:
            yield way
        finally:
            for task in (
                waiting := list(answering)
            ):  # slow ones outlive the server, and would be the next test's
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await runner.cleanup()


async def _answer(
    way: Way, session: aiohttp.ClientSession, server_url: str, request: web.Request
) -> web.StreamResponse:
    way.asked.append(f"{request.method} {request.raw_path}")
    way.last_headers = {name.lower(): value for name, value in request.headers.items()}
    body = await request.read()
    if not _is_genuine(request, body):
        return web.Response(status=403, text=_XML.format("SignatureDoesNotMatch"))
    trouble = way.trouble
    happens = trouble.times > 0 and trouble.method in ("", request.method)
    if happens:
        trouble.times -= 1
        await asyncio.sleep(trouble.waits)
        if trouble.status:
            return web.Response(status=trouble.status, text=_XML.format(trouble.code))
    headers = {
        k: v for k, v in request.headers.items() if k.lower() not in ("connection", "transfer-encoding")
    }
    async with session.request(
        request.method,
        URL(server_url + request.raw_path, encoded=True),
        headers=headers,
        data=io.BytesIO(body) if body else None,
    ) as found:
        data = await found.read()
        if happens and trouble.loses:
            _cut(request)
            return web.Response()
        kept = {
            k: v for k, v in found.headers.items() if k.lower() not in ("connection", "transfer-encoding")
        }
        answer = web.StreamResponse(status=found.status, headers=kept)
        await answer.prepare(request)
        if happens and 0 <= trouble.cut < len(data):
            await answer.write(data[: trouble.cut])
            await asyncio.sleep(0.05)
            _cut(request)
            return answer
        await answer.write(data)
        await answer.write_eof()
        return answer


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _is_genuine(request: web.Request, body: bytes) -> bool:
    """AWS Signature Version 4 over the request, made with our secret, as Amazon describes it."""
    said = dict(
        part.strip().split("=", 1)
        for part in request.headers.get("Authorization", "=").partition(" ")[2].split(",")
        if "=" in part
    )
    if not said:
        return False
    access, day, region, service, _ = said["Credential"].split("/")
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(
        (quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(query, keep_blank_values=True)
    )
    names = said["SignedHeaders"].split(";")
    content = request.headers["x-amz-content-sha256"]
    lines = [request.method, path, "&".join(f"{k}={v}" for k, v in pairs)]
    lines += [f"{name}:{request.headers[name].strip()}" for name in names]
    lines += ["", said["SignedHeaders"], content]
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", request.headers["x-amz-date"], scope, digest))
    key = f"AWS4{SECRET}".encode()
    for part in (day, region, service, "aws4_request", text):
        key = hmac.digest(key, part.encode(), "sha256")
    is_whole = content in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest())
    is_ours = (access, region, service) == (ACCESS, REGION, "s3")
    return is_whole and is_ours and hmac.compare_digest(key.hex(), said["Signature"])


def emptied(folder: Path) -> None:
    """Take every file out of the bucket, behind the server's back."""
    for place, folders, files in os.walk(folder, topdown=False):
        for name in files:
            (Path(place) / name).unlink()
        for name in folders:
            (Path(place) / name).rmdir()
