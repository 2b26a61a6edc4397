"""证书生成中 → 已发放: made once, in slices, whatever fails on the way."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest

from server.domain.certificates.claims import Claims, Line, open_code
from server.domain.issuance import announcements, generation, organisation, queries
from server.domain.issuance.certificate_query import InTheMaking, Progress, in_the_making, progress
from server.domain.issuance.queries import FailedDrawing
from server.domain.notices import grants
from server.domain.ports import CertificatePage, Services
from server.errors import OutsideFailure
from server.models import AuditEntry, Binding, Certificate, Delivery, Issuance, LookupChange, Plan
from tests.kit import issuing, make
from tests.kit.columns import column
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock, FakePdfRenderer, MemoryEventBus, MemoryFileStore
from tests.kit.jobs import drained


@pytest.mark.rule("S89")
@pytest.mark.rule("S90")
async def test_every_certificate_is_sealed_and_the_batch_issued(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    batch = await Issuance.get(id=batch.id)
    assert (batch.state, batch.issued_at) == ("issued", services.clock.now())
    assert isinstance(services.file_store, MemoryFileStore)
    made = await Certificate.all().order_by("number")
    assert [c.state for c in made] == ["valid"] * 4
    assert sorted(services.file_store.files) == sorted(c.pdf_key for c in made)
    for certificate in made:
        claims = Claims.from_bytes(bytes(certificate.claims or b""))
        assert claims.issued_on == "2026-11-23"
        assert claims.line.to_bytes() == bytes(certificate.line)
        assert claims.sha256() == bytes(certificate.claims_sha256 or b"")
        assert open_code(services.keys, certificate.code) == claims
        file = services.file_store.files[certificate.pdf_key]
        assert hashlib.sha256(file).digest() == bytes(certificate.pdf_sha256 or b"")
    assert await LookupChange.filter(scope="*").exists()
    seals = await column(AuditEntry.filter(action="certificate.seal").order_by("id"), "subject_id")
    assert sorted(seals) == [c.number for c in made]  # each once; two are under way at a time


@pytest.mark.rule("S87")
async def test_no_officer_is_on_the_certificate(services: Services) -> None:
    of = await issuing.cohort(services)
    await issuing.generating(services, of)
    await drained(services)
    assert isinstance(services.pdf_renderer, FakePdfRenderer)
    assert len(services.pdf_renderer.pages) == 4
    assert not any("王签发" in repr(page) for page in services.pdf_renderer.pages)
    assert {page.issuer for page in services.pdf_renderer.pages} == {services.settings.issuer}


async def test_the_day_is_the_beijing_day_of_handing_over(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.school_signed(services, of)
    clock.forward(hours=12, minutes=30)  # 2026-11-24 00:30 in Beijing, still the 23rd in UTC
    await organisation.hand_over(services, batch.id, actor=make.ISSUER_STAFF)
    clock.forward(days=2)
    await drained(services)
    claims = Claims.from_bytes(bytes((await Certificate.all())[0].claims or b""))
    assert claims.issued_on == "2026-11-24"


async def test_a_failure_is_kept_and_tried_again(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    assert isinstance(services.pdf_renderer, FakePdfRenderer)
    services.pdf_renderer.fail_times = 1
    await drained(services)
    assert await progress(batch.id) == Progress(total=4, sealed=3, failed=1)
    [failed] = await Certificate.filter(state="drawing")
    assert (failed.attempts, failed.last_error) == (1, "生成时遇到意外问题（RuntimeError）")
    view = await queries.view(services, batch.id, actor=make.ISSUER_STAFF)
    name = Line.from_bytes(bytes(failed.line)).name
    assert view.failed == (FailedDrawing(failed.number, name, 1, "生成时遇到意外问题（RuntimeError）"),)
    await generation.sweep(services)
    await drained(services)
    assert (await Issuance.get(id=batch.id)).state == "issued"


async def test_without_its_time_stamp_a_certificate_waits_and_operators_see_it(services: Services) -> None:
    """No file without a time stamp is made meanwhile, which could not be given one later (decision 0860)."""
    batch = await issuing.generating(services, await issuing.cohort(services))
    real = services.pdf_renderer

    class WithoutStamps(FakePdfRenderer):
        async def make(self, page: CertificatePage) -> bytes:
            raise OutsideFailure("时间戳服务暂时没有应答，证书稍后自动继续生成。")

    exchange(services, pdf_renderer=WithoutStamps())
    await drained(services)
    assert await in_the_making() == InTheMaking(waiting=4, failing=4)
    assert {one.last_error for one in await Certificate.all()} == {
        "时间戳服务暂时没有应答，证书稍后自动继续生成。"
    }
    assert isinstance(services.file_store, MemoryFileStore)
    assert services.file_store.files == {}
    exchange(services, pdf_renderer=real)
    await generation.sweep(services)
    await drained(services)
    assert (await Issuance.get(id=batch.id)).state == "issued"
    assert await in_the_making() == InTheMaking(waiting=0, failing=0)


async def test_a_slice_made_twice_seals_nothing_twice(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    ids = [c.id for c in await Certificate.all()]
    await generation.generate(services, issuance_id=batch.id, ids=ids)
    before = {c.number: bytes(c.pdf_sha256 or b"") for c in await Certificate.all()}
    await generation.generate(services, issuance_id=batch.id, ids=ids)
    await drained(services)
    assert {c.number: bytes(c.pdf_sha256 or b"") for c in await Certificate.all()} == before
    assert isinstance(services.pdf_renderer, FakePdfRenderer)
    assert len(services.pdf_renderer.pages) == 4


async def test_a_slice_of_a_batch_that_is_not_being_made_does_nothing(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.school_signed(services, of)
    await generation.generate(services, issuance_id=batch.id, ids=[c.id for c in await Certificate.all()])
    await generation.finish(services, issuance_id=batch.id)
    assert {c.state for c in await Certificate.all()} == {"reserved"}
    assert (await Issuance.get(id=batch.id)).state == "school_signed"


async def test_progress_is_told_while_it_happens(services: Services) -> None:
    of = await issuing.cohort(services, names=("甲", "乙"))
    batch = await issuing.generating(services, of)
    await drained(services)
    assert isinstance(services.event_bus, MemoryEventBus)
    told = [event for channel, event in services.event_bus.events if channel == f"issuance:{batch.id}"]
    assert told[-2:] == [
        {"event": "progress", "total": 2, "sealed": 2, "failed": 0},
        {"event": "state", "state": "issued", "label": "已发放", "revision": 1},
    ]


async def bound(services: Services, of: issuing.Cohort) -> None:
    who = await of.registrations[0].candidate
    await Binding.create(account="oa", openid="oHolder", candidate=who, bound_at=services.clock.now())
    other = await of.registrations[1].candidate
    await Binding.create(account="mp", openid="mHolder", candidate=other, bound_at=services.clock.now())
    taker = grants.Taker("mp", "mHolder", "certificate_issued")
    await grants.accept(services.clock, taker, source="test", teller="client")


async def test_holders_are_told_once_results_are_released(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    await bound(services, of)
    await issuing.generating(services, of)
    await Plan.filter(id=of.plan.id).update(release_at=None)  # handed over by an older version
    await drained(services)
    await generation.sweep(services)
    await drained(services)
    assert await Delivery.all().count() == 0  # not released: nobody learns of it
    await Plan.filter(id=of.plan.id).update(release_at=clock.now())
    for _ in range(2):
        await generation.sweep(services)
        await drained(services)
    told = []
    for registration, channel, openid in zip(
        of.registrations, ("template", "mp_subscription"), ("oHolder", "mHolder"), strict=False
    ):
        [made] = await Certificate.filter(registration_id=registration.id)
        told.append((channel, openid, f"certificate:{made.id}", f"/h5/certificates/{made.number}"))
    assert sorted(told) == sorted(
        await Delivery.filter(topic="certificate_issued").values_list("channel", "openid", "dedup", "path")
    )
    assert (await Issuance.all())[0].announced_at == clock.now()


async def test_officers_are_reminded_after_3_7_and_14_days(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    second = await issuing.officer(services, of.school, "oOfficerTheSecond")
    await issuing.pending(services, of)

    async def reminded() -> list[tuple[int | None, str]]:
        for _ in range(2):  # however often the sweep comes
            await announcements.remind(services.clock, services.queue)
        rows = await Delivery.filter(topic="signing_reminder").order_by("id")
        return [(row.officer_id, row.dedup.split(":")[3]) for row in rows]

    first_id, second_id = of.officer.id, second.id
    clock.forward(days=2, hours=23)
    assert await reminded() == []
    clock.forward(hours=1)
    expected = [(first_id, "3")]
    assert await reminded() == expected
    clock.forward(days=4)
    expected += [(first_id, "7"), (second_id, "7")]
    assert await reminded() == expected
    clock.forward(days=7)
    expected += [(first_id, "14"), (second_id, "14")]
    assert await reminded() == expected
    clock.forward(days=60)
    assert await reminded() == expected


async def test_nobody_is_reminded_of_a_signed_batch(services: Services, clock: FakeClock) -> None:
    of = await issuing.cohort(services)
    await issuing.school_signed(services, of)
    clock.forward(days=8)
    await announcements.remind(services.clock, services.queue)
    assert await Delivery.all().count() == 0


def test_slices_hold_fifty_at_most() -> None:
    assert [len(part) for part in generation.slices(list(range(101)))] == [50, 50, 1]
    assert timedelta(days=min(announcements.REMIND_AFTER)) == timedelta(days=3)
