"""删除个人信息: by two, whole or not at all; what is left is explained, and the holder's certificate stays verifiable."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import pytest
from tortoise.exceptions import IntegrityError

from server.demo_cohort import PEOPLE_HEADER
from server.domain.actor import Actor
from server.domain.certificates import downloads, verification
from server.domain.certificates.verification import Standing
from server.domain.corrections import requesting
from server.domain.corrections.contents import CorrectionKind
from server.domain.corrections.requesting import Wish
from server.domain.dossiers import candidate_dossier, uncovering
from server.domain.dossiers.uncovering import Covered
from server.domain.issuance import archives
from server.domain.people import candidate_phones, identity_index
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE, find_by_id_number
from server.domain.ports import Services
from server.domain.privacy import erasing, erasure_views, personal_copy, wiping
from server.domain.privacy.candidate_tables import CANDIDATE_TABLES
from server.domain.privacy.states import ErasureState
from server.domain.public_log import sequencer
from server.models import (
    AuditEntry,
    Binding,
    Candidate,
    Certificate,
    Delivery,
    Erasure,
    Fee,
    FeeOrder,
    Issuance,
    PaperRun,
    PaperSheet,
    Registration,
    ScoreChange,
)
from server.models.database import rows
from tests.kit import correcting, make
from tests.kit.correcting import HOLDER
from tests.kit.crashes import arm
from tests.kit.fakes import Killed, MemoryFileStore
from tests.kit.import_rules import ONE, take
from tests.kit.jobs import drained
from tests.kit.refusals import code_of
from tests.kit.whole_database import everything, read_out
from tests.kit.whole_person import ASKED, MOBILE, NAME, NUMBER, whole_person

ASKER, APPROVER = make.OPERATOR, make.ADMIN
FINANCE = Actor("staff", 5, "财务", role="finance")
APPROVING = (
    "erasing.approve: the case is approved",
    "erasing.approve: the record is erased",
    "erasing.approve: before the commit",
    "erasing.approve: after the commit",
)
FOLLOWING = (
    "erasing.delete_files: it is on the register",
    "erasing.delete_files: a file is gone",
    "erasing.complete: before the commit",
    "erasing.complete: after the commit",
)


async def erased(s: Services, who: Candidate) -> Erasure:
    case = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    await erasing.approve(s, case, actor=APPROVER)
    await drained(s)
    return await Erasure.get(id=case)


async def test_everything_of_the_person_is_gone_but_what_is_kept_for_a_reason(services: Services) -> None:
    s = services
    who = await whole_person(s)
    registration = await Registration.filter(candidate_id=who.id).first()
    assert registration is not None
    secrets = {
        "openid": HOLDER,
        "former openid": "mFormer",
        "unionid": "uHolder",
        "admission number": registration.admission_number,
        "photo": "photos/one.jpg",
        "reason of a correction": correcting.REASON,
        "major": "护理",
        **{f"index {n}": one.hex() for n, one in enumerate(s.keys.blinds(NUMBER, about=ABOUT_ID))},
        **{f"phone {n}": one.hex() for n, one in enumerate(s.keys.blinds(MOBILE, about=ABOUT_MOBILE))},
    }
    await candidate_phones.sweep(s)
    before = await everything()
    assert [name for name, text in secrets.items() if not any(text in one for one in before.values())] == []
    case = await erased(s, who)
    dumped = await everything()
    left = {(name, table) for name, text in secrets.items() for table, dump in dumped.items() if text in dump}
    assert left == set()
    # Both names stand on certificates that were issued, and nowhere else: claims and codes are public.
    public = await rows(
        "SELECT to_json(t)::text AS text FROM certificate t WHERE state IN ('valid', 'superseded', 'revoked')"
    )
    said = " ".join(json.dumps(read_out(json.loads(row["text"])), ensure_ascii=False) for row in public)
    for name in (NAME, "龙文"):
        assert {table for table, dump in dumped.items() if name in dump} == {"certificate"}
        assert dumped["certificate"].count(name) == said.count(name) > 0
    assert (case.state, case.files) == (ErasureState.DONE.value, [])
    assert isinstance(s.file_store, MemoryFileStore)
    shelves = ("certificates/", "photos/", "corrections/")
    assert [key for key in s.file_store.files if key.startswith(shelves)] == []


async def test_what_is_left_of_each_table_is_what_is_kept(services: Services) -> None:
    s = services
    who = await whole_person(s)
    before = {one.table: await _rows(one.table, one.of, who.id) for one in CANDIDATE_TABLES}
    await erased(s, who)
    assert set(wiping.KEPT) <= {one.table for one in CANDIDATE_TABLES}
    for one in CANDIDATE_TABLES:
        kept = set(wiping.KEPT.get(one.table, ("", ""))[0].split())
        assert kept <= set(one.words)
        now = await _rows(one.table, one.of, who.id)
        assert bool(now) <= bool(kept)
        was = {row["id"]: row for row in before[one.table] if "id" in row}
        for row in now:
            for column in set(one.words) - kept:
                told = row[column]
                assert told != was.get(row["id"], {}).get(column) or told in ("", None, "[]", "{}"), (
                    one.table,
                    column,
                )
            for column in kept & set(was.get(row["id"], {})):
                is_void = one.table == "certificate" and row["state"] == "void"
                if (one.table, column) != ("candidate", "erased_at") and not (is_void and column == "line"):
                    before_it = was[row["id"]][column]
                    written = before_it.replace(NAME, "（姓名）") if isinstance(before_it, str) else before_it
                    assert row[column] == written, (one.table, column)


async def _rows(table: str, of: str, candidate_id: int) -> list[dict[str, Any]]:
    return await rows(f"SELECT * FROM {table} t WHERE {of}", candidate_id)


async def test_the_holders_certificate_stays_verifiable(services: Services) -> None:
    s = services
    who = await whole_person(s)
    await sequencer.run(s)
    valid = await Certificate.get(candidate_id=who.id, state="valid")
    held = await downloads.pdf(s.clock, s.file_store, valid.number, candidate_id=who.id)
    await erased(s, who)
    found = await verification.read_code(s, valid.code, address="127.0.0.1")
    assert (found.standing, found.claims.name) == (Standing.VALID, "龙文")
    assert found.pdf_sha256 == hashlib.sha256(held).hexdigest()
    assert [one.entry.event for one in found.logged] == ["issued"]
    assert set(found.id_masked) == {"*"}
    typed = await verification.find(s, valid.number, "龙文", address="127.0.0.1")
    assert typed.standing is Standing.VALID
    refused = await code_of(downloads.pdf(s.clock, s.file_store, valid.number, actor=make.ADMIN))
    assert refused == "certificate_erased"
    batch = await Issuance.get(id=valid.issuance_id)
    pieces = [piece async for piece in archives.zip_stream(s.clock, s.file_store, batch.id, actor=make.ADMIN)]
    assert zipfile.ZipFile(io.BytesIO(b"".join(pieces))).namelist() == [archives.LIST_NAME]


async def test_nobody_is_found_by_the_old_number_and_the_person_may_be_imported_anew(
    services: Services,
) -> None:
    s = services
    who = await whole_person(s)
    await erased(s, who)
    assert await find_by_id_number(s.keys, NUMBER) is None
    assert await Binding.filter(openid=HOLDER).count() == 0
    school = await make.school("京华职业技术学院")
    anew = await make.candidate(s, "龙雯", NUMBER, at=school)
    found = await find_by_id_number(s.keys, NUMBER)
    assert found is not None and found.id == anew.id != who.id
    done = await identity_index.reindex(s.clock, s.keys, actor=make.ADMIN)
    assert done.doubles == ()
    dossier = await candidate_dossier.opened(s, who.id, actor=ASKER)
    assert (dossier.name, dossier.erased_at) == ("（已删除）", s.clock.now())
    uncovered = uncovering.uncover(s, who.id, Covered.ID_NUMBER, "来电核对", actor=ASKER)
    assert await code_of(uncovered) == "number_missing"
    assert await code_of(erasing.ask(s, who.id, ASKED, actor=ASKER)) == "erased"
    wish = Wish(
        kind=CorrectionKind.PERSON, candidate_id=who.id, name="龙文", reason=correcting.REASON,
        letter=correcting.LETTER,
    )  # fmt: skip
    assert await code_of(requesting.request(s, wish, actor=ASKER)) == "candidate_erased"
    again = await personal_copy.take(s, who.id, ASKED, actor=ASKER)
    assert NUMBER not in str(again)


async def test_an_import_of_the_person_after_the_erasure_makes_a_new_row(services: Services) -> None:
    s = services
    await take(s, "candidates", PEOPLE_HEADER, ONE.people_row())
    [who] = await Candidate.all()
    await erased(s, who)
    await take(s, "candidates", PEOPLE_HEADER, ONE.people_row())
    assert await Candidate.filter(erased_at=None).count() == 1
    assert await Candidate.all().count() == 2


async def test_two_people_and_the_trail(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    case = await erasing.ask(s, who.id, ASKED, actor=APPROVER)
    assert await code_of(erasing.ask(s, who.id, ASKED, actor=ASKER)) == "erasure_open"
    assert await code_of(erasing.approve(s, case, actor=APPROVER)) == "same_person"
    assert await code_of(erasing.approve(s, case, actor=FINANCE)) == "role_not_allowed"
    assert await code_of(erasing.withdraw(s, case, actor=ASKER)) == "not_yours"
    assert await code_of(erasing.refuse(s, case, "。", actor=ASKER)) == "missing"
    assert await erasure_views.waiting(ASKER) == 1
    assert await erasure_views.waiting(APPROVER) == 0
    await erasing.refuse(s, case, "没有见到申请书", actor=ASKER)
    assert await code_of(erasing.approve(s, case, actor=ASKER)) == "erasure_moved"
    second = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    await erasing.withdraw(s, second, actor=ASKER)
    third = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    await erasing.approve(s, third, actor=APPROVER)
    await drained(s)
    trail = (
        await AuditEntry.filter(action__startswith="erasure.").order_by("id").values_list("action", flat=True)
    )
    assert [str(one).removeprefix("erasure.") for one in trail] == [
        "request", "refuse", "request", "withdraw", "request", "approve", "complete",
    ]  # fmt: skip
    listed = await erasure_views.listing(s, actor=ASKER)
    assert [one.state.value for one in listed.items] == ["done", "withdrawn", "refused"]
    assert await code_of(erasing.ask(s, 987654, ASKED, actor=ASKER)) == "candidate_not_found"
    assert await code_of(erasing.approve(s, 987654, actor=ASKER)) == "erasure_unknown"
    assert await code_of(erasing.ask(s, who.id, ASKED, actor=FINANCE)) == "role_not_allowed"


async def _pending_exam(s: Services, who: Candidate) -> None:
    await make.registration(s, who, outcome="pending")


async def _not_certified(s: Services, who: Candidate) -> None:
    await make.registration(s, who)


async def _open_change(s: Services, who: Candidate) -> None:
    registration = await make.registration(s, who, outcome="failed", score=41.0)
    await ScoreChange.create(
        registration=registration, subject=make.SUBJECT, was_status="scored", was_score="41.0", status="scored",
        score="61.0", reason="复核", requested_by=1, requested_by_name="王敏", requested_at=s.clock.now(),
    )  # fmt: skip


async def _unpaid(s: Services, who: Candidate) -> None:
    await FeeOrder.create(
        number="XC1", candidate=who, account="oa", way="jsapi", description="考试费", total_fen=1,
        expires_at=s.clock.now(), created_at=s.clock.now(),
    )  # fmt: skip


async def _message_waits(s: Services, who: Candidate) -> None:
    await Delivery.create(dedup="x", topic="results_released", openid="o", candidate=who)


@pytest.mark.parametrize(
    ("hinder", "code"),
    [
        (_pending_exam, "exam_pending"),
        (_not_certified, "certificate_pending"),
        (_open_change, "correction_open"),
        (_unpaid, "money_open"),
        (_message_waits, "message_pending"),
    ],
)
async def test_refused_while_something_is_under_way(services: Services, hinder: Any, code: str) -> None:
    s = services
    who = await make.candidate(s)
    case = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    await hinder(s, who)
    assert await code_of(erasing.approve(s, case, actor=APPROVER)) == code
    assert (await Candidate.get(id=who.id)).erased_at is None
    assert (await Erasure.get(id=case)).state == ErasureState.REQUESTED.value
    await erasing.withdraw(s, case, actor=ASKER)
    assert await code_of(erasing.ask(s, who.id, ASKED, actor=ASKER)) == code


async def test_refused_while_the_paper_is_on_its_way(services: Services) -> None:
    s = services
    who = await whole_person(s)
    valid = await Certificate.get(candidate_id=who.id, state="valid")
    run = await PaperRun.create(
        issuance_id=valid.issuance_id, state="printing", prefix="B", width=7, first_sheet=1, last_sheet=1, slip="SLIPB",
        created_by=1, created_by_name="王敏", created_at=s.clock.now(),
    )  # fmt: skip
    await PaperSheet.create(run=run, number=1, serial="B0000001", certificate=valid)
    assert await code_of(erasing.ask(s, who.id, ASKED, actor=ASKER)) == "paper_pending"


async def test_nothing_is_written_onto_who_is_erased(services: Services) -> None:
    s = services
    who = await make.candidate(s)
    await erased(s, who)
    with pytest.raises(IntegrityError):
        await make.registration(s, who, outcome="pending")
    with pytest.raises(IntegrityError):
        await correcting.bound(s, who.id)
    with pytest.raises(IntegrityError):
        await Candidate.filter(id=who.id).update(name="龙雯")
    assert await Fee.all().count() == 0


@pytest.mark.parametrize("place", APPROVING)
async def test_approving_is_whole_or_never_was(services: Services, place: str) -> None:
    s = services
    who = await whole_person(s)
    case = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    arm(s, place)
    with pytest.raises(Killed):
        await erasing.approve(s, case, actor=APPROVER)
    arm(s)
    happened = place.endswith("after the commit")
    assert ((await Candidate.get(id=who.id)).erased_at is not None) == happened
    assert (await find_by_id_number(s.keys, NUMBER) is None) == happened
    if not happened:
        await erasing.approve(s, case, actor=APPROVER)
    await erasing.sweep(s)
    assert (await Erasure.get(id=case)).state == ErasureState.DONE.value


@pytest.mark.parametrize("place", FOLLOWING)
async def test_files_that_are_left_are_deleted_by_the_sweep(services: Services, place: str) -> None:
    s = services
    who = await whole_person(s)
    case = await erasing.ask(s, who.id, ASKED, actor=ASKER)
    faults = arm(s)
    await erasing.approve(s, case, actor=APPROVER)
    assert tuple(faults.reached) == APPROVING
    arm(s, place)
    with pytest.raises(Killed):
        await erasing.delete_files(s, erasure_id=case)
    arm(s)
    await erasing.sweep(s)
    await erasing.delete_files(s, erasure_id=case)
    done = await Erasure.get(id=case)
    assert (done.state, done.files) == (ErasureState.DONE.value, [])
    assert isinstance(s.file_store, MemoryFileStore)
    assert [key for key in s.file_store.files if key.startswith(("certificates/", "photos/"))] == []
