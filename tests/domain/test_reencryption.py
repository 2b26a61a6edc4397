"""A new `field` key: everything that was encrypted before lies under it afterwards, and reads as before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from server.adapters.keys import KeyFolder, rotate
from server.domain.actor import SYSTEM
from server.domain.key_care import file_epochs, reencryption, sealed_columns
from server.domain.key_care.reencryption import Reencrypted, about_of
from server.domain.key_care.sealed_columns import COLUMNS, PASSING
from server.domain.ports import Services
from server.models import AuditEntry, BankTransfer, Candidate, Certificate, ImportRun, SealedFile, Staff
from server.models.database import rows
from tests.conftest import ISSUER
from tests.kit import make, training
from tests.kit.busy_service import a_busy_service
from tests.kit.exchange import exchange
from tests.kit.fakes import NOON, Killed, KillerFaultInjector


@pytest.fixture
def folder(services: Services, tmp_path: Path) -> Path:
    own = tmp_path / "keys"
    shutil.copytree(services.settings.keys_dir, own)
    exchange(services, keys=KeyFolder(own, production=False))
    return own


async def texts(s: Services) -> dict[str, str]:
    """Every encrypted value and file, as it reads."""
    found = {}
    for column in COLUMNS:
        for one in await sealed_columns.under_other_keys(column, 0, limit=100_000):
            found[f"{column.table}.{column.column} {one.id}"] = s.keys.decrypt(one.sealed, about=one.about)
    async for file in file_epochs.left(0):
        found[file.key] = s.keys.decrypt(await s.file_store.get(file.key), about=about_of(file))
    return found


async def epochs(s: Services) -> set[int]:
    found = set()
    for column in COLUMNS:
        for one in await sealed_columns.under_other_keys(column, 0, limit=100_000):
            found.add(int.from_bytes(one.sealed[:2], "big"))
    async for file in file_epochs.left(0):
        found.add(int.from_bytes((await s.file_store.get(file.key))[:2], "big"))
    return found


async def test_all_of_it_lies_under_the_new_key_and_reads_as_before(services: Services, folder: Path) -> None:
    s = services
    of = await a_busy_service(s)
    await ImportRun.filter(file_key="x").update(file_key="")
    await training.enrol(s, await training.course(s), f"{of.school.name},张三,13900000000")
    otp = s.keys.encrypt("JBSWY3DPEHPK3PXP", about="staff.otp")
    await Staff.filter(id=(await Staff.all().first()).id).update(otp_sealed=otp)  # type: ignore[union-attr]
    who = of.registrations[0].candidate_id
    await Candidate.filter(id=who).update(
        mobile_sealed=s.keys.encrypt("13900000002", about="candidate.mobile"),
        given_phone_sealed=s.keys.encrypt("13900000001", about="candidate.given_phone"),
    )
    printed = s.keys.encrypt(make.id_number(5), about="candidate.id_number")
    await Certificate.filter(candidate_id=who).update(printed_id_sealed=printed)
    before = await texts(s)
    seen = {key.split(" ")[0] for key in before}
    assert {f"{one.table}.{one.column}" for one in COLUMNS} <= seen and any("/" in one for one in seen)
    assert await epochs(s) == {1}

    await reencryption.sweep(s)  # one key: nothing to do
    assert await epochs(s) == {1}
    rotate(folder, "field", organisation=ISSUER, now=NOON)
    exchange(s, keys=KeyFolder(folder, production=False))
    done = await reencryption.reencrypt(s, actor=SYSTEM)
    assert (done.values + done.files, done.left, done.unreadable) == (len(before), 0, ())
    assert await epochs(s) == {2}
    assert await texts(s) == before
    again = await reencryption.reencrypt(s, actor=SYSTEM)
    assert again == Reencrypted()
    [told] = await AuditEntry.filter(action="keys.reencrypt")
    assert (told.subject_id, told.became) == ("field-2", {"values": done.values, "files": done.files})


async def test_what_cannot_be_read_is_named_and_stays(services: Services, folder: Path) -> None:
    s = services
    spoilt, sound = [await make.candidate(s, name=name) for name in ("张三", "李四")]
    foreign = b"\x00\x07" + bytes(40)
    await Candidate.filter(id=spoilt.id).update(id_sealed=foreign)
    rotate(folder, "field", organisation=ISSUER, now=NOON)
    exchange(s, keys=KeyFolder(folder, production=False))
    done = await reencryption.reencrypt(s, actor=SYSTEM)
    assert f"candidate.id_sealed {spoilt.id}" in done.unreadable
    assert bytes((await Candidate.get(id=spoilt.id)).id_sealed) == foreign
    assert bytes((await Candidate.get(id=sound.id)).id_sealed)[:2] == b"\x00\x02"


async def test_what_somebody_changed_meanwhile_is_not_overwritten(services: Services) -> None:
    one = await make.candidate(services)
    [column] = [one for one in COLUMNS if (one.table, one.column) == ("candidate", "id_sealed")]
    [value] = await sealed_columns.under_other_keys(column, 0)
    await Candidate.filter(id=one.id).update(id_sealed=b"newer")
    assert await sealed_columns.replace(column, [(value, b"older")]) == 0
    assert bytes((await Candidate.get(id=one.id)).id_sealed) == b"newer"


async def test_a_file_that_was_cleared_away_meanwhile_does_not_come_back(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    await a_busy_service(s)
    key = (await BankTransfer.all().first()).proof_key  # type: ignore[union-attr]
    rotate(folder, "field", organisation=ISSUER, now=NOON)
    exchange(s, keys=KeyFolder(folder, production=False))
    put = s.file_store.put

    async def cleared(name: str, data: bytes) -> None:
        if name == key:
            await BankTransfer.filter(proof_key=key).update(proof_key="")
            await s.file_store.delete(key)
        await put(name, data)

    monkeypatch.setattr(s.file_store, "put", cleared)
    await reencryption.reencrypt(s, actor=SYSTEM)
    assert not await s.file_store.exists(key)


async def test_every_encrypted_column_is_listed(services: Services) -> None:
    found = await rows(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name LIKE '%\\_sealed'"
    )
    there = {(row["table_name"], row["column_name"]) for row in found}
    assert there == {(one.table, one.column) for one in COLUMNS} - PASSING


async def test_the_older_key_is_not_needed_any_more(services: Services, folder: Path) -> None:
    """What `keys retire field 1` is for after a key got out: nothing of ours lies under it."""
    s = services
    await make.candidate(s)
    rotate(folder, "field", organisation=ISSUER, now=NOON)
    exchange(s, keys=KeyFolder(folder, production=False))
    await reencryption.reencrypt(s, actor=SYSTEM)
    for name in folder.glob("field-0001*"):
        name.unlink()
    exchange(s, keys=KeyFolder(folder, production=False))
    assert len(await texts(s)) >= 1


async def test_a_file_is_read_once_for_every_key(
    services: Services, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the process dies between the file and what is noted of it; and a newer key makes it begin again."""
    s = services
    await a_busy_service(s)
    await ImportRun.filter(file_key="x").update(file_key="")
    files = [one.key async for one in file_epochs.left(0)]
    read: list[str] = []
    get = s.file_store.get

    async def heard(key: str) -> bytes:
        read.append(key)
        return await get(key)

    monkeypatch.setattr(s.file_store, "get", heard)
    assert isinstance(s.faults, KillerFaultInjector) and len(files) > 1
    for epoch in (2, 3):
        rotate(folder, "field", organisation=ISSUER, now=NOON)
        exchange(s, keys=KeyFolder(folder, production=False))
        s.faults.place, s.faults.nth = "reencryption.files: a file is put", epoch - 1
        s.faults.reached.clear()
        with pytest.raises(Killed):
            await reencryption.reencrypt(s, actor=SYSTEM)
        s.faults.place = ""
        cut = read[-1]
        await reencryption.sweep(s)
        assert sorted(read) == sorted([*files, cut])  # that one twice, each other once
        read.clear()
        await reencryption.sweep(s)
        assert read == [] and await epochs(s) == {epoch}
        read.clear()


async def test_nothing_is_kept_of_files_that_are_gone(services: Services, folder: Path) -> None:
    s = services
    await a_busy_service(s)
    rotate(folder, "field", organisation=ISSUER, now=NOON)
    exchange(s, keys=KeyFolder(folder, production=False))
    await reencryption.reencrypt(s, actor=SYSTEM)
    key = (await BankTransfer.all().first()).proof_key  # type: ignore[union-attr]
    assert await SealedFile.filter(key=key, epoch=2).exists()
    await BankTransfer.filter(proof_key=key).update(proof_key="")
    await reencryption.reencrypt(s, actor=SYSTEM)
    assert not await SealedFile.filter(key=key).exists()
