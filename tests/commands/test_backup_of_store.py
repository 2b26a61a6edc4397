"""A backup of files that lie on an object store, and back onto another: whole, shared with the one before, killable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from server.adapters.object_storage import ObjectFileStore
from server.domain.ports import Services
from tests.commands.conftest import Run
from tests.commands.restoring import files, state
from tests.kit.object_store import Trouble, Way


@pytest.fixture
async def bucket(objects: Way, filled: str, environment: dict[str, str]) -> ObjectFileStore:
    """The files of the service on a bucket; what is left in the data folder is older and no concern of anybody."""
    store = objects.store("live")
    for name, data in files(Path(environment["XCERT_DATA_DIR"]) / "vault").items():
        await store.put(name, data)
    await store.put("log/tile/0", b"published")
    await store.put("log/checkpoint", b"one")
    return store


async def contents(store: ObjectFileStore) -> dict[str, bytes]:
    return {one.key: await store.get(one.key) async for one in store.listing()}


async def test_a_store_is_backed_up_and_comes_back_on_another(
    run: Run, bucket: ObjectFileStore, objects: Way, filled: str, empty: str, tmp_path: Path
) -> None:
    whole = await contents(bucket)
    live = objects.environment("live")
    made = await run("backup", tmp_path / "backup", **live)
    assert (made.returncode, made.stderr) == (0, "")
    assert files(tmp_path / "backup/files/vault") == whole
    manifest = json.loads((tmp_path / "backup/manifest.json").read_text())
    assert manifest["marks"].keys() == whole.keys()
    other = {"XCERT_DATABASE_URL": empty, "XCERT_DATA_DIR": str(tmp_path / "other")}
    there = objects.store("restored")
    name = next(key for key in whole if key.startswith("imports/"))
    await there.put(name, b"another")
    await there.put("log/checkpoint", b"two")  # published after the backup
    back = await run("restore", tmp_path / "backup", **other, **objects.environment("restored"))
    assert (back.returncode, back.stderr) == (0, "")
    assert await state(empty) == await state(filled)
    assert await contents(there) == whole | {"log/checkpoint": b"two"}
    assert not (tmp_path / "other/vault").exists()


async def test_what_did_not_change_is_not_read_again(
    run: Run, bucket: ObjectFileStore, objects: Way, tmp_path: Path
) -> None:
    live = objects.environment("live")
    assert (await run("backup", tmp_path / "one", **live)).returncode == 0
    await bucket.put("log/checkpoint", b"two")
    objects.asked.clear()
    assert (await run("backup", tmp_path / "two", "--previous", tmp_path / "one", **live)).returncode == 0
    assert [one for one in objects.asked if one.startswith("GET") and "list-type" not in one] == [
        "GET /files/live/log/checkpoint"
    ]
    one, two = files(tmp_path / "one/files/vault"), files(tmp_path / "two/files/vault")
    assert two == one | {"log/checkpoint": b"two"}
    assert (tmp_path / "two/files/vault/log/tile/0").samefile(tmp_path / "one/files/vault/log/tile/0")


async def test_a_store_that_fails_leaves_no_half_backup(
    run: Run, bucket: ObjectFileStore, objects: Way, services: Services, tmp_path: Path
) -> None:
    objects.trouble = Trouble(status=403, code="AccessDenied", method="GET")
    refused = await run("backup", tmp_path / "backup", **objects.environment("live"))
    assert (refused.returncode, refused.stderr.startswith("对象存储拒绝访问")) == (1, True)
    assert not (tmp_path / "backup/manifest.json").exists()


async def test_a_restore_cut_off_says_how_to_go_on(
    run: Run, bucket: ObjectFileStore, objects: Way, filled: str, empty: str, tmp_path: Path
) -> None:
    live = objects.environment("live")
    assert (await run("backup", tmp_path / "backup", **live)).returncode == 0
    other = {"XCERT_DATABASE_URL": empty, "XCERT_DATA_DIR": str(tmp_path / "other")}
    other |= objects.environment("restored")
    objects.trouble = Trouble(status=403, code="AccessDenied", method="PUT")
    early = await run("restore", tmp_path / "backup", **other)
    assert (early.returncode, early.stderr.startswith("备份的文件没有复制成功，什么都没有改动")) == (1, True)
    there = objects.store("restored")
    objects.trouble = Trouble(times=0)
    name = next(key for key in await contents(bucket) if key.startswith("imports/"))
    for key, data in (await contents(bucket)).items():
        if not key.startswith("log/"):
            await there.put(key, b"another" if key == name else data)
    objects.trouble = Trouble(status=403, code="AccessDenied", method="PUT")
    late = await run("restore", tmp_path / "backup", **other)
    assert late.returncode == 1
    assert late.stderr.startswith("数据库已经恢复，文件还没有放完：对象存储拒绝访问")
    objects.trouble = Trouble(times=0)
    again = await run("restore", tmp_path / "backup", "--replace", **other)
    assert (again.returncode, again.stderr) == (0, "")
    assert await contents(there) == await contents(bucket)
    assert await state(empty) == await state(filled)
