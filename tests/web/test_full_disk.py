"""The disk of the files is really full: it is said, nothing half-written counts, and all goes on once there is room."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sanic import Sanic

from server import demo_cohort
from server.adapters.storage import FolderFileStore
from server.domain.issuance import generation, queries
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import OutsideFailure
from server.models import Certificate, ImportRun, Issuance
from tests.kit import issuing, make
from tests.kit.console_desk import seated
from tests.kit.console_imports import hand_in
from tests.kit.exchange import exchange
from tests.kit.jobs import drained
from tests.kit.small_disk import SmallDisk, mounted

App = Sanic[Any, Any]
SAID = "文件无法读写（ENOSPC），请检查数据目录所在的磁盘。"


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with mounted(2) as disk:
        yield disk


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logging.getLogger("xcert").addHandler(caplog.handler)
    caplog.set_level(logging.WARNING, "xcert")
    yield caplog
    logging.getLogger("xcert").removeHandler(caplog.handler)


def kept(disk: SmallDisk) -> list[str]:
    """Every file on the disk but the filler, scratch files too."""
    files = (path for path in disk.folder.rglob("*") if path.is_file() and path.name != "filler")
    return sorted(str(path.relative_to(disk.folder)) for path in files)


@pytest.mark.parametrize("how", ["put", "put_once"])
@pytest.mark.parametrize("room", [0, 65536], ids=["no room", "room for half"])
async def test_a_file_is_kept_whole_or_not_at_all(disk: SmallDisk, how: str, room: int) -> None:
    store = FolderFileStore(disk.folder)
    await store.put("c/old.pdf", b"old")
    disk.fill(but=room)
    large = b"x" * 200_000
    for key in ("c/old.pdf", "c/new.pdf", "elsewhere/new.pdf"):
        if how == "put_once" and key == "c/old.pdf":
            continue
        with pytest.raises(OutsideFailure) as refused:
            await getattr(store, how)(key, large)
        assert str(refused.value) == SAID
    assert kept(disk) == ["c/old.pdf"]
    assert await store.get("c/old.pdf") == b"old"
    if not room:
        with pytest.raises(OutsideFailure, match="ENOSPC"):
            await store.check()
    disk.free()
    await store.check()
    await getattr(store, how)("c/new.pdf", large)
    assert await store.get("c/new.pdf") == large
    assert kept(disk) == ["c/new.pdf", "c/old.pdf"]


async def test_an_upload_is_503_once_told_and_taken_when_there_is_room(
    app: App, services: Services, disk: SmallDisk, lines: pytest.LogCaptureFixture
) -> None:
    exchange(services, file_store=FolderFileStore(disk.folder))
    who = await seated(app, services, Role.OPERATOR)
    people = demo_cohort.people_book(demo_cohort.people(4, schools=1))
    disk.fill()
    refused = await hand_in(who, people)
    assert (refused.status, int(refused.headers["retry-after"]) > 0) == (503, True)
    assert refused.json["title"] == "服务暂时繁忙"
    told = [record for record in lines.records if "ENOSPC" in record.getMessage()]
    assert len(told) == 1 and told[0].exc_info is None, "one line with its cause, no traceback"
    assert (kept(disk), await ImportRun.all().count()) == ([], 0)
    _, ready = await app.asgi_client.get("/readyz")
    assert (ready.status, "ENOSPC" in ready.json["checks"]["storage"]) == (200, True)
    disk.free()
    sent = await hand_in(who, people)
    assert sent.status == 202, sent.text
    await drained(services)
    assert (await who("GET", f"/imports/{sent.json['id']}")).json["rows_total"] == 4


async def test_certificates_wait_for_room_and_are_then_made_by_themselves(
    app: App, services: Services, disk: SmallDisk
) -> None:
    exchange(services, file_store=FolderFileStore(disk.folder))
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    disk.fill()
    await drained(services)
    assert (await Issuance.get(id=batch.id)).state == "generating"
    waiting = await Certificate.all()
    assert {(one.state, one.last_error, one.pdf_sha256) for one in waiting} == {("drawing", SAID, None)}
    seen = await queries.view(services, batch.id, actor=make.ISSUER_STAFF)
    assert [one.last_error for one in seen.failed] == [SAID] * len(waiting)
    assert kept(disk) == []
    disk.free()
    await issuing.claims_lapse()
    await generation.sweep(services)
    await drained(services)
    assert (await Issuance.get(id=batch.id)).state == "issued"
    for one in await Certificate.all():
        file = (disk.folder / one.pdf_key).read_bytes()
        assert (one.state, hashlib.sha256(file).digest()) == ("valid", bytes(one.pdf_sha256 or b""))
    assert kept(disk) == sorted(one.pdf_key for one in await Certificate.all())
