"""删除登记: whoever was erased after a backup is erased again when it is put back, and nobody else."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from server.adapters import file_stores, keys
from server.adapters.file_stores import MountedFileStore
from server.domain.actor import Actor
from server.domain.campaigns import delivery_list
from server.domain.people.candidates import find_by_id_number
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_register, redoing
from server.domain.privacy.states import UNDER_WAY_GUARDS, Standing
from server.errors import OutsideFailure
from server.models import AuditEntry, Candidate, Delivery, Erasure, Registration
from server.models.database import rows
from tests.kit import make
from tests.kit.crashes import arm
from tests.kit.erasing import on_the_register
from tests.kit.exchange import exchange
from tests.kit.fakes import Killed, MemoryFileStore
from tests.kit.jobs import drained
from tests.kit.refusals import code_of
from tests.kit.whole_person import ASKED, NUMBER, whole_person

ASKER, APPROVER = make.OPERATOR, make.ADMIN
REDOING = (
    "erasing.approve: the record is erased",
    "redoing.redo: before the commit",
    "redoing.redo: after the commit",
)


async def approved(s: Services, who: Candidate) -> Erasure:
    case = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    await erasing.approve(s, case, actor=APPROVER)
    return await Erasure.get(id=case)


async def put_back(was: Candidate) -> None:
    """As a backup that was made before the erasure has it, without the case."""
    await Erasure.all().delete()
    await rows("ALTER TABLE candidate DISABLE TRIGGER candidate_erased_stays")
    await Candidate.filter(id=was.id).update(
        name=was.name, id_sealed=was.id_sealed, id_index=was.id_index, photo_key=was.photo_key, erased_at=None
    )
    await rows("ALTER TABLE candidate ENABLE TRIGGER candidate_erased_stays")


def entries(store: MemoryFileStore) -> dict[str, bytes]:
    return {key: data for key, data in store.files.items() if key.startswith(erasure_register.FOLDER)}


async def test_an_erasure_is_on_the_register_before_it_is_done_and_says_nothing_of_the_person(
    services: Services,
) -> None:
    s = services
    second = MemoryFileStore()
    exchange(s, second_register=second)
    who = await whole_person(s)
    case = await approved(s, who)
    await drained(s)
    assert isinstance(s.file_store, MemoryFileStore)
    kept = entries(s.file_store)
    assert entries(second) == kept
    [[key, data]] = kept.items()
    entry = erasure_register.read(s.keys, data)
    assert (entry.key, erasure_register.named(key)) == (key, ("candidate", who.id, who.created_at))
    assert (entry.requested_by, entry.decided_by) == (ASKER.id, APPROVER.id)
    said = orjson.loads(data)
    assert set(said) == {
        "form", "kind", "row", "created_at", "asked_on", "requested_by", "requested_at", "decided_by", "decided_at", "seal",
    }  # fmt: skip
    for forged in (data.replace(b'"row":', b'"row":1'), b"{}", b"[]", b"x", data[:-9]):
        with pytest.raises(ValueError):
            erasure_register.read(s.keys, forged)
    assert (await Erasure.get(id=case.id)).state == "done"


async def test_it_does_not_end_while_a_place_of_the_register_is_away(
    services: Services, tmp_path: Path
) -> None:
    s = services
    exchange(s, second_register=MountedFileStore(tmp_path / "mounted"))
    who, other = await whole_person(s), await make.candidate(s, "崔子涵")
    cases = [await approved(s, one) for one in (who, other)]
    with pytest.raises(OutsideFailure, match="XCERT_ERASURES_DIR"):
        await erasing.sweep(s)
    assert [(await Erasure.get(id=one.id)).state for one in cases] == ["under_way"] * 2
    assert isinstance(s.file_store, MemoryFileStore)
    assert len(entries(s.file_store)) == 2
    assert [
        key for key in s.file_store.files if key.startswith("photos/")
    ] == []  # nothing waits for it that is the person's
    assert not (tmp_path / "mounted").exists()
    (tmp_path / "mounted").mkdir()
    await erasing.sweep(s)
    assert [(await Erasure.get(id=one.id)).state for one in cases] == ["done"] * 2
    assert len(list((tmp_path / "mounted/erasures").iterdir())) == 2


@pytest.mark.parametrize("place", REDOING)
async def test_whoever_a_backup_brings_back_is_erased_again(services: Services, place: str) -> None:
    """Killed anywhere, and done twice: the same. What was open in the backup's time is told."""
    s = services
    who = await whole_person(s)
    case = await approved(s, who)
    await drained(s)
    await put_back(who)
    await s.file_store.put(who.photo_key, b"the backup's")
    await Registration.filter(candidate_id=who.id).update(outcome="pending")
    await (
        Delivery.filter(candidate_id=who.id)
        .exclude(channel="none")
        .update(state="pending", settled_at=None, openid="oBack")
    )
    assert await find_by_id_number(s.keys, NUMBER) is not None
    arm(s, place)
    with pytest.raises(Killed):
        await redoing.bring_up(s)
    arm(s)
    done = await redoing.bring_up(s)
    assert [one.who.id for one in done] == ([] if place.endswith("after the commit") else [who.id])
    assert all(one.open[0] == "没有出成绩的报考" for one in done)
    assert {reason.code for guard in UNDER_WAY_GUARDS if (reason := guard(Standing()))} == set(redoing.OPEN)
    assert await redoing.bring_up(s) == []
    await erasing.sweep(s)
    assert await find_by_id_number(s.keys, NUMBER) is None
    assert not await s.file_store.exists(who.photo_key)
    [again] = await Erasure.all()
    assert (again.state, again.requested_by, again.decided_by, again.decided_at) == (
        "done", ASKER.id, APPROVER.id, case.decided_at,
    )  # fmt: skip
    assert await Delivery.filter(candidate_id=who.id, state="cancelled", openid="").count() == 1
    trail = await AuditEntry.filter(action="erasure.redo").values_list("subject_id", "actor_kind")
    assert [tuple(one) for one in trail] == [(str(who.id), "system")]


async def test_what_is_asked_for_in_the_backup_becomes_the_approved_case(services: Services) -> None:
    s = services
    who = await whole_person(s)
    await approved(s, who)
    await drained(s)
    await put_back(who)
    asked = await erasing.ask(s, who.id, ASKED, actor=Actor("staff", APPROVER.id, "管理员", role="admin"))
    await redoing.sweep(s)
    [row] = await Erasure.all()
    assert (row.id, row.state, row.requested_by, row.decided_by) == (
        asked,
        "under_way",
        ASKER.id,
        APPROVER.id,
    )


async def test_nobody_else_is_erased(services: Services) -> None:
    """Neither who has the number of an erased row by now, nor the person who registered anew, nor by a forged entry."""
    s = services
    who = await whole_person(s)
    await approved(s, who)
    await drained(s)
    await put_back(who)
    await rows("UPDATE candidate SET created_at = created_at + interval '1 second' WHERE id = $1", who.id)
    assert await redoing.bring_up(s) == []
    assert isinstance(s.file_store, MemoryFileStore)
    [[_, data]] = entries(s.file_store).items()
    forged = replace(erasure_register.read(s.keys, data), created_at=who.created_at + timedelta(seconds=1))
    broken = orjson.dumps({**orjson.loads(forged.to_bytes(s.keys)), "seal": "00" * 32})
    await s.file_store.put(forged.key, broken)
    with pytest.raises(redoing.Unfinished, match="1 条登记读不出"):
        await redoing.bring_up(s)
    assert (await Candidate.get(id=who.id)).erased_at is None


async def test_erasures_from_before_the_register_are_put_on_it(services: Services) -> None:
    s = services
    who = await whole_person(s)
    await approved(s, who)
    await drained(s)
    assert isinstance(s.file_store, MemoryFileStore)
    before = entries(s.file_store)
    s.file_store.files = {key: data for key, data in s.file_store.files.items() if key not in before}
    exchange(s, second_register=MemoryFileStore())
    await redoing.sweep(s)
    assert entries(s.file_store) == before == entries(s.second_register)  # type: ignore[arg-type]
    assert await redoing.complete(s) == 0


async def test_a_damaged_entry_is_written_anew_and_one_that_nobody_knows_any_more_is_told(
    services: Services,
) -> None:
    s = services
    who, other = await whole_person(s), await make.candidate(s, "崔子涵")
    for one in (who, other):
        await approved(s, one)
    await drained(s)
    assert isinstance(s.file_store, MemoryFileStore)
    kept = entries(s.file_store)
    mine = next(key for key in kept if f"-{who.id}-" in key)
    await s.file_store.put(mine, b"damaged")
    await redoing.mend(s)
    assert entries(s.file_store) == kept
    await s.file_store.put(mine, b"damaged")
    await put_back(who)
    await put_back(other)
    for work in (redoing.bring_up, redoing.sweep):
        with pytest.raises(redoing.Unfinished, match=mine):
            await work(s)
    assert (await Candidate.get(id=other.id)).erased_at is not None, "the others are done all the same"
    await s.file_store.put(mine, kept[mine])
    assert [one.who.id for one in await redoing.bring_up(s)] == [who.id]


async def test_a_mount_whose_machine_is_gone_holds_nobody_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call ends by itself, the loop goes on meanwhile, and no more than one thread is lost to it."""
    monkeypatch.setattr(file_stores, "_PATIENCE", 0.05)
    back, loop, rightly = threading.Event(), threading.get_ident(), Path.is_dir
    asked = list[int]()

    def hangs(path: Path) -> bool:
        if path != tmp_path:
            return rightly(path)
        asked.append(threading.get_ident())
        assert threading.get_ident() != loop, "in the event loop"
        back.wait()
        return True

    monkeypatch.setattr(Path, "is_dir", hangs)
    store = MountedFileStore(tmp_path)
    try:
        for work in (
            lambda: store.put("a", b""), lambda: store.put_once("a", b""), lambda: store.get("a"),
            lambda: store.exists("a"), lambda: store.delete("a"), lambda: anext(store.listing()),
        ):  # fmt: skip
            with pytest.raises(OutsideFailure, match="没有应答"):
                await work()
    finally:
        back.set()
    assert len(asked) == 1
    monkeypatch.setattr(file_stores, "_PATIENCE", 60.0)
    await store.put("a", b"back")
    assert await store.get("a") == b"back"


async def test_one_that_fails_does_not_keep_the_others(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = services
    first, second = await whole_person(s), await make.candidate(s, "崔子涵")
    for one in (first, second):
        await approved(s, one)
    await drained(s)
    for one in (first, second):
        await put_back(one)
    rightly = redoing.redo

    async def breaks(s: Services, entry: erasure_register.Entry) -> redoing.Redone | None:
        if entry.row == first.id:
            raise ArithmeticError(first.name)
        return await rightly(s, entry)

    monkeypatch.setattr(redoing, "redo", breaks)
    with pytest.raises(redoing.Unfinished, match=f"candidate-{first.id}-.*ArithmeticError") as told:
        await redoing.bring_up(s)
    assert [one.who.id for one in told.value.done] == [second.id] and first.name not in str(told.value)


@pytest.mark.parametrize(
    "name",
    [
        "candidate-99999999999999999999-20260101T000000000000.json",
        "candidate-9223372036854775808-20260101T000000000000.json",
        "candidate-²-20260101T000000000000.json",
        "candidate-1_0-20260101T000000000000.json",
        "candidate- 1-20260101T000000000000.json",
        "candidate-1-20260101T000000000000",
        "candidate-1-99999999T000000000000.json",
        "nobody-1-20260101T000000000000.json",
    ],
)
async def test_a_name_that_is_none_of_ours_breaks_nothing(services: Services, name: str) -> None:
    s = services
    assert isinstance(s.file_store, MemoryFileStore)
    s.file_store.files[f"erasures/{name}"] = b"x"
    await redoing.sweep(s)
    assert erasure_register.named(f"erasures/{name}") is None


async def test_it_is_sealed_with_the_oldest_key_which_every_backup_has(
    services: Services, tmp_path: Path
) -> None:
    s = services
    folder = tmp_path / "own"
    keys.create(folder, development=True, organisation="京华")
    before = tmp_path / "before"
    shutil.copytree(folder, before)
    keys.rotate(folder, "index", organisation="京华")
    exchange(s, keys=keys.KeyFolder(folder, production=False))
    await approved(s, await whole_person(s))
    [entry] = await erasure_register.approved()
    said = orjson.loads(entry.to_bytes(s.keys))
    old = keys.KeyFolder(before, production=False)
    assert erasure_register.read(old, orjson.dumps(said)) == entry
    del said["seal"]
    new = s.keys.blind(orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode(), about="erasure.register")
    await s.file_store.put(entry.key, orjson.dumps({**said, "seal": new.hex()}))
    assert await erasure_register.got(s.keys, s.file_store, entry.key) == entry
    assert await erasure_register.got(old, s.file_store, entry.key) is None
    assert await redoing.complete(s) == 1, "what was sealed with a later one before"
    assert await erasure_register.got(old, s.file_store, entry.key) == entry


@pytest.mark.parametrize("state", ["pending", "sending", "unknown"])
async def test_no_message_of_the_backup_is_sent_to_who_is_erased(services: Services, state: str) -> None:
    """Waiting, being sent, of unknown outcome: it ends, and nobody can have it sent anew."""
    s = services
    who = await whole_person(s)
    row = await Delivery.filter(candidate_id=who.id).exclude(channel="none").first()
    assert row is not None
    await Delivery.filter(id=row.id).update(
        state=state, settled_at=None, openid="oBack", next_try_at=s.clock.now()
    )
    assert await redoing.redo(s, on_the_register(s, who)) is not None
    after = await Delivery.get(id=row.id)
    assert (after.state, after.openid, after.next_try_at) == ("cancelled", "", None)
    await Delivery.filter(id=row.id).update(state="unknown", settled_at=None)  # by whatever way
    notifier = Actor("staff", 99, "通知", role="notifier")
    anew = delivery_list.send_anew(s.clock, s.queue, row.id, actor=notifier)
    assert await code_of(anew) == "receiver_erased"
    await delivery_list.let_be(s.clock, s.queue, row.id, actor=notifier)
    assert (await Delivery.get(id=row.id)).state == "cancelled"
