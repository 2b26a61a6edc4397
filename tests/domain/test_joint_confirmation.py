"""Issuer and exam site confirm the issuing information jointly (S22): neither alone brings a certificate about."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.domain.actor import Actor
from server.domain.issuance import organisation, scan_tickets
from server.domain.ports import Services
from server.errors import Conflict, Forbidden
from server.models import AuditEntry, Certificate, Issuance
from tests.kit import issuing, make
from tests.kit.columns import column
from tests.kit.jobs import drained

pytestmark = pytest.mark.rule("S22")
ME = make.ISSUER_STAFF


@pytest.mark.parametrize("reach", [issuing.prepared, issuing.pending])
async def test_the_issuer_alone_issues_nothing(
    services: Services, reach: Callable[..., Awaitable[Issuance]]
) -> None:
    batch = await reach(services, await issuing.cohort(services))
    with pytest.raises(Conflict) as refused:
        await organisation.hand_over(services, batch.id, actor=ME)
    assert refused.value.code == "already_moved"
    await drained(services)
    assert set(await column(Certificate.filter(issuance_id=batch.id), "state")) == {"reserved"}


async def test_the_site_alone_issues_nothing(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.prepared(services, of)
    with pytest.raises(Conflict) as refused:
        await scan_tickets.show(services, batch.id, actor=ME)
    assert refused.value.code == "not_site_pending"
    batch = await issuing.school_signed(services, of)
    school = Actor("staff", 9, "院校", role="school", school_id=of.school.id)
    with pytest.raises(Forbidden) as forbidden:
        await organisation.hand_over(services, batch.id, actor=school)
    assert forbidden.value.code == "role_not_allowed"
    assert (await Issuance.get(id=batch.id)).state == "school_signed"


@pytest.mark.rule("C2")
async def test_both_confirm_the_very_same_list(services: Services) -> None:
    of = await issuing.cohort(services)
    batch = await issuing.generating(services, of)
    await drained(services)
    said: dict[str, Any] = {
        entry.action: entry.became
        for entry in await AuditEntry.filter(action__in=("issuance.org_sign", "issuance.confirm_scan"))
    }
    digest = bytes(batch.list_sha256 or b"").hex()
    assert {action: became["list_sha256"] for action, became in said.items()} == {
        "issuance.org_sign": digest,
        "issuance.confirm_scan": digest,
    }
    done = await Issuance.get(id=batch.id)
    assert done.state == "issued"
    assert done.org_signed_at is not None and done.school_signed_at is not None
    assert set(await column(Certificate.filter(issuance_id=batch.id), "state")) == {"valid"}
