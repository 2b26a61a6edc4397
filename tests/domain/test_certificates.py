"""证书 after they are made: who may fetch one, what the public learns, revocation, the archive."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tracemalloc
import zipfile
from datetime import timedelta
from functools import partial

import pytest

from server.domain.actor import Actor
from server.domain.certificates import certificate_search, downloads, revocation, verification
from server.domain.issuance import archives
from server.domain.ports import Services
from server.errors import Damaged
from server.models import AuditEntry, Certificate, Issuance, LookupChange, Plan
from tests.kit import issuing, make
from tests.kit.fakes import FakeClock, MemoryFileStore
from tests.kit.issuing import Cohort
from tests.kit.jobs import drained
from tests.kit.refusals import code_of

ME = make.ISSUER_STAFF
AUDITOR = Actor("staff", 8, "审计", role="auditor")


@pytest.fixture
async def of(services: Services) -> Cohort:
    """An issued batch whose results are released."""
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    await Plan.filter(id=of.plan.id).update(release_at=services.clock.now())
    return of


def school(of: Cohort, more: int = 0) -> Actor:
    return Actor("staff", 7, "教务处", role="school", school_id=of.school.id + more)


async def first(of: Cohort) -> Certificate:
    return await Certificate.get(registration_id=of.registrations[0].id)


# --- fetching ---


async def test_holder_school_and_organisation_fetch_the_same_file(services: Services, of: Cohort) -> None:
    one = await first(of)
    files = [
        await downloads.pdf(services.clock, services.file_store, one.number, candidate_id=one.candidate_id),
        await downloads.pdf(services.clock, services.file_store, one.number.lower(), actor=ME),
        await downloads.pdf(services.clock, services.file_store, one.number, actor=school(of)),
    ]
    assert len(set(files)) == 1
    assert hashlib.sha256(files[0]).digest() == bytes(one.pdf_sha256 or b"")


async def test_nobody_else_learns_that_it_exists(services: Services, of: Cohort) -> None:
    one = await first(of)
    stranger = of.registrations[1].candidate_id
    for call in (
        downloads.pdf(services.clock, services.file_store, one.number, candidate_id=stranger),
        downloads.pdf(services.clock, services.file_store, one.number),
        downloads.pdf(services.clock, services.file_store, one.number, actor=school(of, 1000)),
        downloads.pdf(services.clock, services.file_store, "26SPS1999999990", candidate_id=stranger),
        downloads.pdf(services.clock, services.file_store, "\0", candidate_id=stranger),
        downloads.page_png(services, one.number, candidate_id=stranger),
        downloads.page_preview(services, one.number, candidate_id=stranger),
    ):
        assert await code_of(call) == "certificate_not_found"
    assert (
        await code_of(downloads.pdf(services.clock, services.file_store, one.number, actor=AUDITOR))
        == "role_not_allowed"
    )


@pytest.mark.parametrize("hidden", ["unreleased", "later", "generating"])
async def test_the_holder_gets_nothing_early(
    services: Services, of: Cohort, clock: FakeClock, hidden: str
) -> None:
    one = await first(of)
    if hidden == "generating":
        await Issuance.filter(id=one.issuance_id).update(state="generating", issued_at=None)
    else:
        at = None if hidden == "unreleased" else clock.now() + timedelta(seconds=1)
        await Plan.filter(id=of.plan.id).update(release_at=at)
    call = downloads.pdf(services.clock, services.file_store, one.number, candidate_id=one.candidate_id)
    assert await code_of(call) == "certificate_not_found"


async def test_a_file_that_was_changed_or_lost_is_not_handed_out(services: Services, of: Cohort) -> None:
    one = await first(of)
    assert isinstance(services.file_store, MemoryFileStore)
    whole = services.file_store.files[one.pdf_key]
    services.file_store.files[one.pdf_key] = whole + b"x"
    ask = partial(downloads.pdf, services.clock, services.file_store, one.number, actor=ME)
    with pytest.raises(Damaged) as changed:
        await ask()
    assert (changed.value.code, changed.value.subject) == ("certificate_file_changed", one.number)
    assert changed.value.message == (
        f"证书 {one.number} 的文件与封存时的不一致，不能下载；证书本身仍可在核验页核验。"
        "系统已记录并提醒运维人员从备份找回，请稍后再试，或联系评价组织。"
    )
    del services.file_store.files[one.pdf_key]
    with pytest.raises(Damaged) as missing:
        await ask()
    assert (missing.value.code, missing.value.subject) == ("certificate_file_missing", one.number)
    services.file_store.files[one.pdf_key] = whole
    assert await ask() == whole


@pytest.mark.parametrize("damage", ["missing", "changed"])
async def test_an_archive_with_a_damaged_file_does_not_begin(
    services: Services, of: Cohort, damage: str
) -> None:
    """Whichever it is: the last one, too, is found before the first piece."""
    batch = await Issuance.get(plan_id=of.plan.id)
    last = await Certificate.filter(issuance_id=batch.id).order_by("-number").first()
    assert last is not None and isinstance(services.file_store, MemoryFileStore)
    if damage == "missing":
        del services.file_store.files[last.pdf_key]
    else:
        services.file_store.files[last.pdf_key] = b"%PDF-1.7 another"
    pieces = archives.zip_stream(services.clock, services.file_store, batch.id, actor=ME)
    with pytest.raises(Damaged) as refusal:
        await anext(pieces)
    assert (refusal.value.code, refusal.value.subject) == (f"certificate_file_{damage}", last.number)


@pytest.mark.parametrize(("ask", "ending"), [("page_png", ".png"), ("page_preview", ".jpg")])
async def test_a_picture_is_drawn_once(services: Services, of: Cohort, ask: str, ending: str) -> None:
    one = await first(of)
    draw = getattr(downloads, ask)
    image = await draw(services, one.number, candidate_id=one.candidate_id)
    assert image.startswith(b"\x89PNG" if ending == ".png" else b"\xff\xd8\xff")
    assert isinstance(services.file_store, MemoryFileStore)
    services.file_store.files[one.pdf_key.removesuffix(".pdf") + ending] = b"kept"
    assert await draw(services, one.number, candidate_id=one.candidate_id) == b"kept"


# --- revocation ---


async def test_revoking_is_seen_everywhere(services: Services, of: Cohort, clock: FakeClock) -> None:
    one = await first(of)
    changes = await LookupChange.all().count()
    clock.forward(days=3)
    await revocation.revoke(services.clock, services.faults, one.number, " 冒名\n顶替 ", actor=ME)
    one = await first(of)
    assert (one.state, one.revoke_reason, one.revoked_at) == ("revoked", "冒名 顶替", clock.now())
    assert await LookupChange.all().count() == changes + 1
    entry = await AuditEntry.get(action="certificate.revoke")
    assert (entry.subject_id, entry.was, entry.became) == (
        one.number,
        {"state": "valid"},
        {"state": "revoked", "reason": "冒名 顶替"},
    )
    assert await verification.public_status(services.clock, one.number) == verification.PublicStatus(
        number=one.number,
        state="revoked",
        revoked_at=clock.now(),
        superseded_by=None,
        superseded_at=None,
        superseded_word="",
        portal_number="",
        pdf_sha256=bytes(one.pdf_sha256 or b"").hex(),
    )
    call = downloads.pdf(services.clock, services.file_store, one.number, candidate_id=one.candidate_id)
    assert await code_of(call) == "certificate_not_valid"
    assert await downloads.pdf(services.clock, services.file_store, one.number, actor=ME)


async def test_revoking_at_once_happens_once(services: Services, of: Cohort) -> None:
    one = await first(of)
    outcomes = await asyncio.gather(
        *(
            revocation.revoke(services.clock, services.faults, one.number, "冒名顶替", actor=ME)
            for _ in range(8)
        ),
        return_exceptions=True,
    )
    codes = [getattr(one, "code", None) for one in outcomes]
    assert sorted(codes, key=str) == [None, *["already_revoked"] * 7]
    assert await AuditEntry.filter(action="certificate.revoke").count() == 1


async def test_refusals_of_revoking(services: Services, of: Cohort) -> None:
    one = await first(of)
    assert (
        await code_of(revocation.revoke(services.clock, services.faults, one.number, " ", actor=ME))
        == "reason_missing"
    )
    assert (
        await code_of(revocation.revoke(services.clock, services.faults, one.number, "长" * 301, actor=ME))
        == "reason_too_long"
    )
    assert (
        await code_of(revocation.revoke(services.clock, services.faults, "26SPS1999999990", "x", actor=ME))
        == "certificate_not_found"
    )
    for actor in (make.OPERATOR, AUDITOR, school(of)):
        assert (
            await code_of(revocation.revoke(services.clock, services.faults, one.number, "x", actor=actor))
            == "role_not_allowed"
        )
    other = await issuing.cohort(services, names=("甲",))
    await issuing.prepared(services, other)
    reserved = await first(other)
    assert (
        await code_of(revocation.revoke(services.clock, services.faults, reserved.number, "x", actor=ME))
        == "certificate_moved"
    )


# --- the public ---


async def test_the_public_learns_of_issued_certificates_only(services: Services, of: Cohort) -> None:
    one = await first(of)
    status = await verification.public_status(services.clock, one.number)
    assert status is not None and (status.state, status.revoked_at) == ("valid", None)
    assert await verification.public_status(services.clock, "26SPS1999999990") is None
    await Issuance.filter(id=one.issuance_id).update(state="generating", issued_at=None)
    assert await verification.public_status(services.clock, one.number) is None
    other = await issuing.cohort(services, names=("甲",))
    await issuing.prepared(services, other)
    assert await verification.public_status(services.clock, (await first(other)).number) is None


# --- the archive ---


async def gathered(services: Services, issuance_id: int, actor: Actor) -> bytes:
    return b"".join(
        [
            piece
            async for piece in archives.zip_stream(
                services.clock, services.file_store, issuance_id, actor=actor
            )
        ]
    )


@pytest.mark.rule("S90")
async def test_the_school_downloads_all_its_certificates(services: Services, of: Cohort) -> None:
    batch = await Issuance.get(plan_id=of.plan.id)
    listed = await Certificate.filter(issuance_id=batch.id).order_by("number")
    await Certificate.filter(id=listed[0].id).update(portal_number="GJ-1")
    await revocation.revoke(services.clock, services.faults, listed[3].number, "冒名", actor=ME)
    with zipfile.ZipFile(io.BytesIO(await gathered(services, batch.id, school(of)))) as archive:
        assert archive.testzip() is None
        names = [f"{c.number}_{name}.pdf" for c, name in zip(listed[:3], issuing.NAMES, strict=False)]
        assert archive.namelist() == ["证书清单.csv", *names]
        for certificate, name in zip(listed[:3], names, strict=True):
            assert hashlib.sha256(archive.read(name)).digest() == bytes(certificate.pdf_sha256 or b"")
        lines = archive.read("证书清单.csv").decode("utf-8-sig").splitlines()
    assert lines[0] == "证书编号,姓名,等级,状态,文件SHA-256,换发的新证书,替代的旧证书,门户证书编号"
    assert (
        lines[1] == f"{listed[0].number},崔子涵,初级,有效,{bytes(listed[0].pdf_sha256 or b'').hex()},,,GJ-1"
    )
    assert lines[4].split(",")[3] == "已撤销"
    assert (await AuditEntry.get(action="issuance.download")).actor_name == "教务处"


async def test_refusals_of_the_archive(services: Services, of: Cohort) -> None:
    batch = await Issuance.get(plan_id=of.plan.id)
    assert await code_of(gathered(services, batch.id, school(of, 1000))) == "issuance_not_found"
    assert await code_of(gathered(services, 10**9, ME)) == "issuance_not_found"
    assert await code_of(gathered(services, batch.id, AUDITOR)) == "role_not_allowed"
    await Issuance.filter(id=batch.id).update(state="generating", issued_at=None)
    assert await code_of(gathered(services, batch.id, ME)) == "not_issued"


async def test_the_archive_streams_in_constant_memory(services: Services, of: Cohort) -> None:
    batch = await Issuance.get(plan_id=of.plan.id)
    size = 4 * 1024 * 1024
    assert isinstance(services.file_store, MemoryFileStore)
    for one in await Certificate.filter(issuance_id=batch.id):
        services.file_store.files[one.pdf_key] = data = bytes(size)
        await Certificate.filter(id=one.id).update(pdf_sha256=hashlib.sha256(data).digest())
    tracemalloc.start()
    total = 0
    async for piece in archives.zip_stream(services.clock, services.file_store, batch.id, actor=ME):
        total += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total > 4 * size
    assert peak < 3.5 * size  # a file, its copy on the way, and change; never the four of them and the whole


# --- listing ---


async def test_listing_filters_masks_and_pages(services: Services, of: Cohort) -> None:
    one = await first(of)
    page = await certificate_search.listing(services.clock, limit=3, actor=ME)
    assert len(page.items) == 3 and page.next_cursor is not None
    rest = await certificate_search.listing(services.clock, limit=3, cursor=page.next_cursor, actor=ME)
    assert (len(rest.items), rest.next_cursor) == (1, None)
    assert rest.items[0].number == one.number and rest.items[0].name_masked == "崔**"
    assert not any(name in repr(page.items + rest.items) for name in issuing.NAMES)
    for wanted in (
        {"number": one.number.lower()},
        {"name": "崔子涵"},
        {"number": one.number[:-2], "state": "valid", "issuance_id": one.issuance_id},
    ):
        found = await certificate_search.listing(
            services.clock, certificate_search.Wanted(**wanted), actor=ME
        )
        assert one.number in [item.number for item in found.items]
    assert (await certificate_search.listing(services.clock, actor=school(of, 1000))).items == []
    assert (
        await certificate_search.listing(
            services.clock, wanted=certificate_search.Wanted(name="崔\0"), actor=ME
        )
    ).items == []
    assert len((await certificate_search.listing(services.clock, actor=school(of))).items) == 4
    assert (
        await code_of(
            certificate_search.listing(
                services.clock, wanted=certificate_search.Wanted(state="odd"), actor=ME
            )
        )
        == "state_unknown"
    )


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_field_of_the_list_is_no_formula(begin: str) -> None:
    assert archives.as_text(f"{begin}1+1") == f"'{begin}1+1"
    assert archives.as_text("王=1") == "王=1" and archives.as_text("") == ""


async def test_a_portal_number_that_looks_like_a_formula_stands_as_text(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    await Certificate.filter(issuance_id=batch.id).update(portal_number="=1+1")
    listed = (await archives._list(batch.id)).decode("utf-8-sig").splitlines()
    assert all(line.endswith(",'=1+1") for line in listed[1:]) and len(listed) == len(of.registrations) + 1
