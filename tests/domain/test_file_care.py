"""Rows and files side by side: every fault is found, both ways, and the figures add up; files move without a loss."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from server.adapters.file_stores import file_store_of
from server.adapters.storage import FolderFileStore
from server.domain.certificates import downloads
from server.domain.file_care import checking, copying, queries
from server.domain.file_care.checking import Fault, Finding, Tally
from server.domain.file_care.copying import Copied
from server.domain.file_care.pairing import paired
from server.domain.ports import FileStore, Services, StoredFile
from server.errors import OutsideFailure
from server.models import Certificate, ImportRun
from tests.kit import issuing, transferring
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, MemoryFileStore
from tests.kit.jobs import drained
from tests.kit.object_store import Way

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(params=["folder", "bucket"])
def kept(request: pytest.FixtureRequest, services: Services) -> FileStore:
    """The service's files on a real store."""
    settings = services.settings
    if request.param == "bucket":
        way: Way = request.getfixturevalue("objects")
        settings = way.settings(settings)
    exchange(services, file_store=file_store_of(settings))
    return services.file_store


async def issued(services: Services) -> list[Certificate]:
    await issuing.generating(services, await issuing.cohort(services))
    await drained(services)
    return await Certificate.all().order_by("pdf_key")


async def checked(services: Services, *, after: str = "", reads: bool = True) -> tuple[list[Finding], Tally]:
    tally = Tally()
    found = [one async for one in checking.check(services, tally, after=after, reads=reads)]
    assert tally.adds_up, tally
    return found, tally


def aged(services: Services) -> Services:
    """A day later, for whoever asks how young a file is. Files have the machine's time, not the test's."""

    return dataclasses.replace(services, clock=FakeClock(datetime.now(UTC) + timedelta(days=1)))


async def test_all_is_well(kept: FileStore, services: Services) -> None:
    certificates = await issued(services)
    one = certificates[1]
    await downloads.page_png(services, one.number, candidate_id=one.candidate_id)
    await downloads.page_preview(services, one.number, candidate_id=one.candidate_id)
    await kept.put("log/checkpoint", b"x")
    await kept.put("wechat-files/index.json", b"{}")
    await kept.put("transfers/just-now", b"x")
    found, tally = await checked(services)
    assert found == []
    assert (tally.rows, tally.whole, tally.files) == (4, 4, 9)
    assert (tally.pictures, tally.log, tally.site, tally.young, tally.stray) == (2, 1, 1, 1, 0)
    assert tally.size == sum([one.size async for one in kept.listing()])


async def test_every_fault_is_found(kept: FileStore, services: Services) -> None:
    first, second, third, fourth = await issued(services)
    whole = await kept.get(first.pdf_key)
    await kept.delete(first.pdf_key)
    await kept.put(second.pdf_key, whole)  # another's file
    await kept.put(third.pdf_key, b"")
    await kept.put("transfers/nobodys", b"x")
    await kept.put(fourth.pdf_key.removesuffix(".pdf") + ".txt", b"x")
    later = aged(services)
    found, tally = await checked(later)
    assert set(found) == {
        Finding(Fault.MISSING, first.pdf_key, "certificate", first.number),
        Finding(Fault.DIFFERS, second.pdf_key, "certificate", second.number),
        Finding(Fault.DIFFERS, third.pdf_key, "certificate", third.number),
        Finding(Fault.STRAY, "transfers/nobodys"),
        Finding(Fault.STRAY, fourth.pdf_key.removesuffix(".pdf") + ".txt"),
    }
    assert (tally.rows, tally.whole, tally.missing, tally.differing) == (4, 1, 1, 2)
    assert (tally.files, tally.stray) == (5, 2)
    quick, tally = await checked(later, reads=False)
    assert {one.fault for one in set(found) - set(quick)} == {Fault.DIFFERS}, (
        "an empty one is found all the same"
    )
    assert (tally.whole, tally.differing) == (2, 1)


async def test_a_check_goes_on_where_one_ended(kept: FileStore, services: Services) -> None:
    certificates = await issued(services)
    await kept.delete(certificates[0].pdf_key)
    await kept.delete(certificates[3].pdf_key)
    found, tally = await checked(services, after=certificates[1].pdf_key)
    assert [one.subject for one in found] == [certificates[3].number]
    assert (tally.rows, tally.last) == (2, certificates[3].pdf_key)


def sealed(services: Services, data: bytes, about: str = "import_run.file") -> bytes:
    return services.keys.encrypt(b64encode(data).decode(), about=about)


async def test_what_was_sealed_is_unsealed(services: Services) -> None:
    """The row knows the digest of what was handed in, and the file is sealed for its place."""
    store, key = services.file_store, "imports/a"
    transfer = await transferring.recorded(services, *await transferring.owing(services))
    await store.put(key, sealed(services, b"a table"))
    run = await ImportRun.create(
        kind="scores",
        file_name="a.xlsx",
        file_sha256=hashlib.sha256(b"a table").digest(),
        file_key=key,
        is_dry_run=False,
    )
    found, tally = await checked(services)
    assert (found, tally.whole) == ([], 2)
    for wrong in (
        sealed(services, b"another"),  # well sealed, and not what was handed in
        sealed(services, b"a table", about="import_run.report"),  # for another place
        b"a table",  # not sealed
    ):
        await store.put(key, wrong)
        await store.put(transfer.proof_key, wrong)
        found, _ = await checked(services)
        assert set(found) == {
            Finding(Fault.DIFFERS, key, "import", str(run.id)),
            Finding(Fault.DIFFERS, transfer.proof_key, "bank_transfer", str(transfer.id)),
        }


async def test_what_comes_and_goes_meanwhile_is_no_fault(services: Services) -> None:
    """A file listed before its row is written, and one that is cleared away with its row."""
    first, second, *_ = await issued(services)
    row = {"pdf_key": first.pdf_key, "pdf_sha256": first.pdf_sha256}
    store = services.file_store
    assert isinstance(store, MemoryFileStore)

    class Meanwhile(MemoryFileStore):
        async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
            async for one in super().listing(after):
                yield one
            await Certificate.filter(id=first.id).update(**row)
            await Certificate.filter(id=second.id).update(pdf_key="")

    later = Meanwhile()
    later.files = {key: data for key, data in store.files.items() if key != second.pdf_key}
    await Certificate.filter(id=first.id).update(pdf_key="")
    exchange(services, file_store=later)
    found, tally = await checked(aged(services))
    assert (found, tally.rows) == ([], 3)


async def test_memory_does_not_grow_with_the_files(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of rows and a page of the listing, however many there are."""
    monkeypatch.setattr(queries, "_PAGE", 500)

    class Endless(MemoryFileStore):
        def __init__(self, count: int) -> None:
            super().__init__()
            self.count = count

        async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
            for number in range(self.count):
                yield StoredFile(f"imports/{number:06}", 1, datetime(2026, 1, 1, tzinfo=UTC), "")

    peaks = []
    for count in (2_000, 20_000):
        await ImportRun.all().delete()
        await ImportRun.bulk_create(
            ImportRun(
                kind="scores",
                file_name="a",
                file_sha256=b"",
                file_key=f"imports/{number:06}",
                is_dry_run=False,
            )
            for number in range(count)
        )
        exchange(services, file_store=Endless(count))
        tracemalloc.start()
        found, tally = await checked(services, reads=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (found, tally.rows, tally.files) == ([], count, count)
    assert peaks[1] < 1.5 * peaks[0]


def test_every_column_that_names_a_file_is_looked_at() -> None:
    """Whoever adds one is told here."""
    named = {"pdf_key", "photo_key", "file_key", "report_key", "proof_key", "letter_key"}
    others = {"public_key", "idempotency_key"}
    found = set()
    for path in (ROOT / "server/models").glob("*.py"):
        for line in path.read_text("utf-8").splitlines():
            name, is_field, _ = line.strip().partition(" = fields.CharField(")
            if is_field and name.endswith("_key") and name not in others:
                found.add(name)
    assert found == named
    assert [name for name in sorted(named) if name not in queries._NAMED] == []


@dataclass(frozen=True)
class K:
    key: str


async def test_pairs_of_two_streams() -> None:
    async def stream(keys: str) -> AsyncIterator[K]:
        for key in keys:
            yield K(key)

    found = [
        (one.left.key if one.left else "", one.right.key if one.right else "", one.before, one.ahead)
        async for one in paired(stream("bdef"), stream("abcdg"))
    ]
    assert found == [
        ("", "a", "", "b"),
        ("b", "b", "", "b"),
        ("", "c", "b", "d"),
        ("d", "d", "b", "d"),
        ("e", "", "d", "e"),
        ("f", "", "e", "f"),
        ("", "g", "f", ""),
    ]


# --- copying ---


async def contents(store: FileStore) -> dict[str, bytes]:
    return {one.key: await store.get(one.key) async for one in store.listing()}


async def copied(source: FileStore, target: FileStore) -> Copied:
    tally = Copied()
    async for _ in copying.copy(source, target, tally):
        pass
    assert tally.adds_up, tally
    return tally


async def filled(store: FileStore, count: int = 30) -> None:
    for number in range(count):
        await store.put(f"certificates/{number % 3}/{number:02}.pdf", b"%d" % number * 100)


async def test_files_move_from_a_folder_to_a_bucket(objects: Way, tmp_path: Path) -> None:
    folder, bucket = FolderFileStore(tmp_path / "vault"), objects.store("p")
    await filled(folder)
    first = await copied(folder, bucket)
    assert (first.files, first.copied, first.same) == (30, 30, 0)
    assert await contents(bucket) == await contents(folder)
    again = await copied(folder, bucket)
    assert (again.copied, again.same) == (0, 30)
    await folder.put("log/checkpoint", b"later")
    await bucket.put("of/its/own", b"x")
    third = await copied(folder, bucket)
    assert (third.files, third.copied, third.same, third.others) == (31, 1, 30, 1)
    assert await contents(bucket) == await contents(folder) | {"of/its/own": b"x"}
    back = FolderFileStore(tmp_path / "back")
    await copied(bucket, back)
    assert await contents(back) == await contents(bucket)


async def test_a_copy_cut_off_goes_on(objects: Way, tmp_path: Path) -> None:
    """After every number of requests: what arrived is whole, and the next run does the rest."""
    folder = FolderFileStore(tmp_path / "vault")
    await filled(folder, 12)
    whole = await contents(folder)
    for number in range(0, 12, 3):
        passing = objects.store(f"cut{number}")
        with pytest.raises(OutsideFailure):
            await copied(folder, CutOff(passing, number))
        there = await contents(passing)
        assert len(there) == number
        assert there.items() <= whole.items()
        tally = await copied(folder, passing)
        assert (tally.copied, tally.same) == (12 - len(there), len(there))
        assert await contents(passing) == whole


class CutOff(MemoryFileStore):
    """Passes so many writes on, and then fails."""

    def __init__(self, store: FileStore, number: int) -> None:
        super().__init__()
        self._store, self._left = store, number

    async def put(self, key: str, data: bytes) -> None:
        if self._left <= 0:
            raise OutsideFailure("cut off")
        self._left -= 1
        await self._store.put(key, data)

    async def get(self, key: str) -> bytes:
        return await self._store.get(key)

    async def listing(self, after: str = "") -> AsyncIterator[StoredFile]:
        async for one in self._store.listing(after):
            yield one


async def test_what_the_target_wrote_later_stays(tmp_path: Path) -> None:
    """The service works on the target already: an older checkpoint must not come back over a newer one."""
    source, target = FolderFileStore(tmp_path / "a"), FolderFileStore(tmp_path / "b")
    for size, key in ((3, "log/checkpoint"), (4, "log/other")):
        await source.put(key, b"o" * 3)
        await target.put(key, b"n" * size)
        os.utime(tmp_path / "a" / key, (1_000_000, 1_000_000))
        os.utime(tmp_path / "b" / key, (1_000_600, 1_000_600))
    tally = await copied(source, target)
    assert (tally.newer, tally.copied) == (2, 0)
    assert await contents(target) == {"log/checkpoint": b"nnn", "log/other": b"nnnn"}


async def test_what_the_source_wrote_later_is_taken_though_it_is_as_long(tmp_path: Path) -> None:
    source, target = FolderFileStore(tmp_path / "a"), FolderFileStore(tmp_path / "b")
    await source.put("log/checkpoint", b"new")
    await target.put("log/checkpoint", b"old")
    os.utime(tmp_path / "b" / "log/checkpoint", (1_000_000, 1_000_000))
    tally = await copied(source, target)
    assert (tally.copied, await target.get("log/checkpoint")) == (1, b"new")
