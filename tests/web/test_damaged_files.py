"""A file that is gone or was changed: a refusal that says so and an alarm, never half a file with a good end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sanic import Sanic

from server.domain.ports import Services
from server.domain.roles import Role
from server.models import AuditEntry, Certificate
from tests.kit import issuing
from tests.kit.console_desk import API, seated
from tests.kit.exchange import exchange
from tests.kit.fakes import MemoryFileStore
from tests.kit.jobs import drained
from tests.kit.reused_apps import own_app
from tests.web.wire import served

App = Sanic[Any, Any]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logging.getLogger("xcert").addHandler(caplog.handler)
    yield caplog
    logging.getLogger("xcert").removeHandler(caplog.handler)


def alarms(code: str) -> float:
    return REGISTRY.get_sample_value("xcert_damaged_files_total", {"code": code}) or 0.0


@pytest.fixture
async def port(services: Services) -> AsyncIterator[int]:
    async for found in served(own_app(services)):
        yield found


async def issued(services: Services) -> tuple[int, list[Certificate]]:
    batch = await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    return batch.id, await Certificate.filter(issuance_id=batch.id).order_by("number")


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_a_damaged_file_is_refused_and_an_alarm(
    app: App, services: Services, lines: pytest.LogCaptureFixture, damage: str
) -> None:
    batch, certificates = await issued(services)
    one = certificates[-1]
    assert isinstance(services.file_store, MemoryFileStore)
    if damage == "missing":
        del services.file_store.files[one.pdf_key]
    else:
        services.file_store.files[one.pdf_key] += b" "
    code = f"certificate_file_{damage}"
    before = alarms(code)
    who = await seated(app, services, Role.ISSUER)
    for _ in range(2):
        refused = await who("GET", f"/issuances/{batch}/certificates.zip")
        assert (refused.status, refused.json["code"], refused.json["title"]) == (503, code, "文件有问题")
        assert one.number in refused.json["detail"] and "备份" in refused.json["detail"]
        assert "retry-after" not in refused.headers, "coming again helps nobody before it is mended"
    assert alarms(code) == before + 2
    told = [record for record in lines.records if record.getMessage() == f"damaged file: {code}"]
    assert [(record.levelname, record.__dict__["subject"]) for record in told] == [("ERROR", one.number)] * 2
    [entry] = await AuditEntry.filter(action="file.damaged")
    assert (entry.subject_kind, entry.subject_id, entry.became) == ("certificate", one.number, {"code": code})
    _, metrics = await app.asgi_client.get("/metrics")
    assert f'xcert_damaged_files_total{{code="{code}"}}' in metrics.text


class LostOnTheWay(MemoryFileStore):
    """Holds every file when it is asked first, and one less the second time."""

    def __init__(self, files: dict[str, bytes], lost: str) -> None:
        super().__init__()
        self.files, self.lost, self.asked = files, lost, 0

    async def get(self, key: str) -> bytes:
        if key == self.lost:
            self.asked += 1
            if self.asked > 1:
                del self.files[key]
                self.lost = ""
        return await super().get(key)


async def test_a_file_lost_while_a_zip_is_sent_breaks_the_connection(
    app: App, services: Services, port: int
) -> None:
    batch, certificates = await issued(services)
    assert isinstance(services.file_store, MemoryFileStore)
    exchange(services, file_store=LostOnTheWay(services.file_store.files, certificates[2].pdf_key))
    who = await seated(app, services, Role.ISSUER)
    before = alarms("certificate_file_missing")
    data, ended = await fetched(
        port, f"{API}/issuances/{batch}/certificates.zip", {"cookie": f"xcert_console={who.cookie}"}
    )
    assert data.startswith(b"HTTP/1.1 200 OK") and b"PK\x03\x04" in data
    assert not ended, "no last chunk: the client knows that something is missing"
    assert alarms("certificate_file_missing") == before + 1
    await services.file_store.put(certificates[2].pdf_key, b"")


async def fetched(port: int, path: str, headers: dict[str, str]) -> tuple[bytes, bool]:
    """What comes until the connection ends, and whether the answer came to its own end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", "host: 127.0.0.1", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    data = b""
    try:
        async with asyncio.timeout(20):
            while not data.endswith(b"\r\n0\r\n\r\n") and (piece := await reader.read(65536)):
                data += piece
    except ConnectionError:
        pass
    writer.close()
    return data, data.endswith(b"\r\n0\r\n\r\n")
