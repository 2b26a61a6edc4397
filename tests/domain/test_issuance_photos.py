"""The photo on a certificate is optional: with one, without one, and with one that cannot be printed (S60)."""

from __future__ import annotations

import pytest

from server.adapters.clock import SystemClock
from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder
from server.domain.certificates import downloads
from server.domain.issuance import generation
from server.domain.ports import CertificatePage, Services
from server.errors import Refused
from server.models import Candidate, Certificate, Issuance
from tests.adapters.documents.papers import photo
from tests.kit import issuing, make
from tests.kit.exchange import exchange
from tests.kit.fakes import FakePdfRenderer
from tests.kit.issuing import Cohort
from tests.kit.jobs import drained

ME = make.ISSUER_STAFF


async def with_photos(s: Services, keys: list[str]) -> tuple[Cohort, Issuance]:
    """A batch that is being made; its people have these photos, in the order of the list."""
    of = await issuing.cohort(s, names=("崔子涵", "欧阳慧敏", "王𠮷"))
    for registration, key in zip(of.registrations, keys, strict=True):
        await Candidate.filter(id=registration.candidate_id).update(photo_key=key)
    return of, await issuing.generating(s, of)


@pytest.mark.rule("S60")
async def test_who_has_a_photo_has_it_on_the_certificate_and_nobody_waits_for_one(services: Services) -> None:
    await services.file_store.put("photos/1.jpg", photo())
    _, batch = await with_photos(services, ["photos/1.jpg", "", "photos/lost.jpg"])
    await drained(services)
    assert isinstance(services.pdf_renderer, FakePdfRenderer)
    pages: dict[str, CertificatePage] = {page.name: page for page in services.pdf_renderer.pages}
    assert {name: page.photo_jpeg for name, page in pages.items()} == {
        "崔子涵": photo(),
        "欧阳慧敏": None,
        "王𠮷": None,
    }
    assert (await Issuance.get(id=batch.id)).state == "issued"


async def test_the_real_press_seals_with_and_without(services: Services, key_folder: KeyFolder) -> None:
    exchange(services, pdf_renderer=TypstPdfRenderer(SystemClock(), Seal(key_folder.seal_credentials())))
    await services.file_store.put("photos/1.jpg", photo())
    await services.file_store.put("photos/3.jpg", b"\xff\xd8 not a photo")
    of, batch = await with_photos(services, ["photos/1.jpg", "", "photos/3.jpg"])
    ids = [c.id for c in await Certificate.filter(issuance_id=batch.id).order_by("number")]
    await generation.generate(services, issuance_id=batch.id, ids=ids)
    one, two, three = await Certificate.filter(issuance_id=batch.id).order_by("number")
    assert (one.state, two.state, three.state, three.attempts) == ("valid", "valid", "drawing", 1)
    assert "照片" in three.last_error
    sealed = [
        await downloads.pdf(services.clock, services.file_store, c.number, actor=ME) for c in (one, two)
    ]
    assert [pdf[:5] for pdf in sealed] == [b"%PDF-"] * 2
    assert len(sealed[0]) > len(sealed[1]) + len(photo()) // 2
    with pytest.raises(Refused):
        await downloads.pdf(services.clock, services.file_store, three.number, actor=ME)
    await Candidate.filter(id=of.registrations[2].candidate_id).update(photo_key="")
    await generation.generate(services, issuance_id=batch.id, ids=ids)  # as the sweep does
    assert {c.state for c in await Certificate.filter(issuance_id=batch.id)} == {"valid"}
