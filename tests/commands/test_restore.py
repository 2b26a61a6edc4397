"""A restore that fails changes nothing, fits older servers, and gives neither a number nor a notice twice."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from server.adapters import cache
from server.adapters.clock import SystemClock
from server.domain import beijing
from server.domain.campaigns import slices
from server.domain.notices import delivery, sender
from server.domain.ports import Services
from server.models import Delivery, database
from tests.commands.conftest import Xcert
from tests.commands.restoring import files, state
from tests.kit import campaigning, make
from tests.kit.noticing import wechat
from tests.kit.other_postgres import older_postgres


@pytest.fixture
def older_server() -> Iterator[str]:
    """A PostgreSQL 15, as Debian 12 has it, beside the embedded 18. Yields the URL of an empty database."""
    with older_postgres() as url:
        yield url


async def test_a_backup_goes_into_an_older_server_and_again(
    xcert: Xcert, filled: str, older_server: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "backup").returncode == 0
    other = {"XCERT_DATABASE_URL": older_server, "XCERT_DATA_DIR": str(tmp_path / "other")}
    back = xcert("restore", tmp_path / "backup", **other)
    assert (back.returncode, back.stderr) == (0, "")
    assert await state(older_server) == await state(filled)
    assert xcert("backup", tmp_path / "second", **other).returncode == 0
    again = xcert("restore", tmp_path / "second", "--replace", **other)
    assert (again.returncode, again.stderr) == (0, "")
    assert await state(older_server) == await state(filled)


async def test_the_default_key_folder_is_no_stumbling_block(
    xcert: Xcert, filled: str, tmp_path: Path
) -> None:
    """`xcert restore DIR` as README says it, with a relative key folder."""
    relative = {"XCERT_KEYS_DIR": "certs"}
    assert xcert("backup", "backup", **relative).returncode == 0
    back = xcert("restore", "backup", "--replace", **relative)
    assert (back.returncode, back.stderr) == (0, "")
    assert (tmp_path / "certs" / "field-0001.key").is_file()


async def test_a_restore_that_fails_half_way_leaves_everything_as_it_was(
    xcert: Xcert, filled: str, tmp_path: Path
) -> None:
    assert xcert("backup", tmp_path / "backup", "--keys", tmp_path / "apart").returncode == 0
    dump, manifest = tmp_path / "backup" / "database.dump", tmp_path / "backup" / "manifest.json"
    said = json.loads(manifest.read_text())
    dump.write_bytes(dump.read_bytes()[: dump.stat().st_size * 3 // 4])  # readable at first, then no more
    said["sha256"]["database.dump"] = hashlib.sha256(dump.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(said))
    other_keys = tmp_path / "other-certs"
    shutil.copytree(tmp_path / "certs", other_keys)
    (other_keys / "scan-0002.key").write_text("11" * 32)
    before, file_store, keys_before = await state(filled), files(tmp_path / "var"), files(other_keys)
    failed = xcert(
        "restore",
        tmp_path / "backup",
        "--keys",
        tmp_path / "apart",
        "--replace",
        XCERT_KEYS_DIR=str(other_keys),
    )
    assert failed.returncode == 1
    assert "没有成功" in failed.stderr
    assert failed.stderr.endswith("数据库、文件和密钥都没有改动。\n")
    assert await state(filled) == before
    assert (files(tmp_path / "var"), files(other_keys)) == (file_store, keys_before)


async def test_other_keys_are_laid_aside_not_deleted(xcert: Xcert, filled: str, tmp_path: Path) -> None:
    assert xcert("backup", tmp_path / "backup", "--keys", tmp_path / "apart").returncode == 0
    later = tmp_path / "certs" / "field-0002.key"
    later.write_text("22" * 32)
    assert xcert("restore", tmp_path / "backup", "--keys", tmp_path / "apart", "--replace").returncode == 0
    [aside] = (tmp_path / "certs").glob("before-restore-*")
    assert not later.exists()
    kept = files(aside)
    assert set(kept) == {"field-0002.key", "life.json"}  # with the lives of that set of keys
    assert kept["field-0002.key"] == b"22" * 32
    assert files(tmp_path / "apart").items() <= files(tmp_path / "certs").items()


async def numbers(url: str) -> dict[str, int]:
    link = await asyncpg.connect(url)
    try:
        return {
            row["prefix"]: row["given"] for row in await link.fetch("SELECT prefix, given FROM number_series")
        }
    finally:
        await link.close()


async def test_numbers_given_after_the_backup_are_not_given_again(
    xcert: Xcert, filled: str, empty: str, tmp_path: Path
) -> None:
    link = await asyncpg.connect(filled)
    await link.execute("INSERT INTO number_series (prefix, given) VALUES ('26SPS1', 40), ('25SPS1', 7)")
    assert xcert("backup", tmp_path / "backup").returncode == 0
    await link.execute("UPDATE number_series SET given = 55 WHERE prefix = '26SPS1'")
    await link.execute("INSERT INTO number_series (prefix, given) VALUES ('26SPS2', 3)")
    await link.close()
    back = xcert("restore", tmp_path / "backup", "--replace")
    assert back.returncode == 0
    assert "证书编号接着现有数据库继续" in back.stdout
    assert await numbers(filled) == {"25SPS1": 7, "26SPS1": 55, "26SPS2": 3}
    other = {"XCERT_DATABASE_URL": empty, "XCERT_DATA_DIR": str(tmp_path / "other")}
    elsewhere = xcert("restore", tmp_path / "backup", "--skip-numbers", "1000", **other)
    assert elsewhere.returncode == 0
    assert "每种证书的编号已跳过 1000 个" in elsewhere.stdout
    found = await numbers(empty)
    assert (found["26SPS1"], found["25SPS1"]) == (1040, 1007)
    year = beijing.day(SystemClock().now()).strftime("%y")
    begun = {prefix: given for prefix, given in found.items() if prefix not in ("26SPS1", "25SPS1")}
    assert set(begun.values()) == {1000}, "a series that was begun after the backup goes on beyond it, too"
    assert {prefix[:2] for prefix in begun} <= {year}


async def test_what_waited_to_be_sent_is_not_sent_by_the_restored_service(
    xcert: Xcert, filled: str, services: Services, tmp_path: Path
) -> None:
    await database.connect(filled)
    await delivery.enqueue(
        services.clock, services.queue, "signing_reminder", dedup="reminder:1", to=delivery.Addressee(openid="oOFFICER"), path="/h5/officer",
        fields={"plan": "考试", "school": "学院", "count": "3", "since": "2026年11月23日 12:00"},
    )  # fmt: skip
    plan = await make.plan()
    await campaigning.people(services, 2, on=plan)
    begun = await campaigning.running(services, plan)
    await database.close()
    assert xcert("backup", tmp_path / "backup").returncode == 0
    assert "通知已暂停发送" in xcert("restore", tmp_path / "backup", "--replace").stdout
    await database.connect(filled)
    await delivery.enqueue(
        services.clock, services.queue, "signing_reminder", dedup="reminder:2", to=delivery.Addressee(openid="oOFFICER"), path="/h5/officer",
        fields={"plan": "考试", "school": "学院", "count": "3", "since": "2026年11月23日 12:00"},
    )  # fmt: skip
    services.clock.forward(hours=1)  # type: ignore[attr-defined]
    assert await sender.send(services) == 0, "nothing goes out while notices are held"
    await database.close()
    assert "有 1 条在等待" in xcert("notices", "status").stdout
    assert "等待中的 1 条将陆续发出" in xcert("notices", "release").stdout
    assert xcert("notices", "status").stdout == "通知正常发送。\n"
    await database.connect(filled)
    assert (await campaigning.state(begun), await campaigning.ends(begun)) == ("cancelled", {"unknown": 2})
    found = await Delivery.filter(campaign_id=None).order_by("id")
    assert [(one.dedup, one.state, one.last_error) for one in found] == [
        ("reminder:1", "unknown", "恢复备份前可能已经发出"),
        ("reminder:2", "pending", ""),
    ]
    assert await sender.send(services) == 1
    await slices.send_on(services)
    assert [one.openid for one in wechat(services).sent] == ["oOFFICER"], (
        "nothing of the campaign goes out again"
    )
    await database.close()


async def test_redis_keys_of_others_stay(xcert: Xcert, filled: str, redis_url: str, tmp_path: Path) -> None:
    client = cache.connect(redis_url)
    await client.set("other-app:sessions", b"1")
    await cache.RedisCache(client).set("stale", b"1", seconds=600)
    assert xcert("backup", tmp_path / "backup").returncode == 0
    assert xcert("restore", tmp_path / "backup", "--replace").returncode == 0
    assert await client.get("other-app:sessions") == b"1"
    assert await cache.RedisCache(client).get("stale") is None
    await client.aclose()
