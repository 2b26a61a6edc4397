"""What the doctor says of the files: the store keeps what came first, and a sample of certificates has its files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from server.adapters.file_stores import file_store_of
from server.adapters.object_storage import ObjectFileStore
from server.commands.doctor import file_checks
from server.commands.doctor.findings import Level
from server.domain.ports import Services
from server.models import Certificate
from server.settings import Settings
from tests.kit import issuing
from tests.kit.exchange import exchange
from tests.kit.jobs import drained
from tests.kit.object_store import BUCKET, SECRET, Trouble, Way


@pytest.fixture(params=["folder", "bucket"])
def stored(request: pytest.FixtureRequest, services: Services, db_url: str) -> Settings:
    """Settings with a place for files, which the service uses, too."""
    settings = dataclasses.replace(services.settings, database_url=db_url)
    if request.param == "bucket":
        way: Way = request.getfixturevalue("objects")
        settings = way.settings(settings)
    exchange(services, file_store=file_store_of(settings))
    return settings


async def issued(services: Services) -> list[Certificate]:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    return await Certificate.all().order_by("number")


async def test_all_is_well(stored: Settings, services: Services) -> None:
    await issued(services)
    finding = await file_checks.check(stored)
    there = "的 PDF 都在，" if stored.files_place.folder else "，"
    assert (finding.level, finding.text) == (
        Level.OK,
        f"{stored.files_place}，4 份已发证书{there}抽查 4 份，内容与记录相符",
    )
    assert [one.key async for one in services.file_store.listing() if "doctor" in one.key] == []


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_a_damaged_file_is_named(stored: Settings, services: Services, damage: str) -> None:
    one = (await issued(services))[2]
    if damage == "missing":
        await services.file_store.delete(one.pdf_key)
    else:
        await services.file_store.put(one.pdf_key, b"another")
    finding = await file_checks.check(stored)
    assert (finding.level, finding.text) == (
        Level.BAD,
        f"1 份已发证书的 PDF 不在 {stored.files_place}，或内容与记录不符：{one.number}。"
        "运行 xcert files check 查明全部，再从备份找回",
    )


async def test_a_store_that_writes_over_what_is_there_is_refused(
    objects: Way, services: Services, db_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a store does that does not know If-None-Match and takes no notice of it."""

    async def put_once(self: ObjectFileStore, key: str, data: bytes) -> bytes:
        await self.put(key, data)
        return data

    monkeypatch.setattr(ObjectFileStore, "put_once", put_once)
    finding = await file_checks.check(of_bucket(services, db_url, objects))
    assert finding.level is Level.BAD and "不支持“已有就不写”（If-None-Match）" in finding.text


async def test_a_store_that_refuses_is_said(objects: Way, services: Services, db_url: str) -> None:
    objects.trouble = Trouble(status=403, code="AccessDenied")
    finding = await file_checks.check(of_bucket(services, db_url, objects))
    assert (finding.level, finding.text) == (
        Level.BAD,
        f"s3://{BUCKET}/p：对象存储拒绝访问，请检查访问密钥和它对存储桶的读、写、列出、删除权限。",
    )
    assert SECRET not in finding.text


def of_bucket(services: Services, db_url: str, way: Way) -> Settings:
    settings = dataclasses.replace(services.settings, database_url=db_url, data_dir=Path("nowhere"))
    return way.settings(settings)
