"""The thin path: prepare, sign, show, confirm, hand over."""

from __future__ import annotations

import pytest

from server.domain.issuance import receipts, scan_tickets
from server.domain.issuance.states import BatchState
from server.domain.ports import Services
from server.models import AuditEntry, Certificate, Receipt
from tests.kit import issuing
from tests.kit.columns import column


@pytest.mark.rule("S85")
@pytest.mark.rule("S86")
@pytest.mark.rule("S88")
async def test_a_batch_walks_to_generating(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    assert (batch.state, batch.revision, batch.count, str(batch.issued_on)) == (
        "generating",
        1,
        4,
        "2026-11-23",
    )
    steps = await column(
        AuditEntry.filter(
            subject_kind="issuance",
            action__in=[f"issuance.{n}" for n in ("org_sign", "confirm_scan", "hand_over")],
        ).order_by("id"),
        "action",
    )
    assert steps == ["issuance.org_sign", "issuance.confirm_scan", "issuance.hand_over"]
    [receipt] = await Receipt.all()
    said = receipts.verify(services.keys, bytes(receipt.document))
    assert (said.issuance, said.list_sha256, said.officer, said.count) == (
        batch.id,
        bytes(batch.list_sha256 or b"").hex(),
        of.officer.id,
        4,
    )
    assert len({c.number for c in await Certificate.all()}) == 4


async def test_looking_tells_the_desktop_page(services: Services) -> None:
    of = await issuing.cohort(services)
    shown = await issuing.shown_ticket(services, of)
    view = await scan_tickets.look(services, shown.token, identity=of.identity)
    assert [(one.row, one.name) for one in view.people] == list(enumerate(issuing.NAMES, 1))
    assert (view.count, view.school, view.state, view.receipt) == (
        4,
        of.school.name,
        BatchState.SITE_PENDING,
        None,
    )
