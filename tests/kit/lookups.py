"""A bound candidate and a sealed certificate, to look up."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson

from miniprogram_api import certificates as certificates_door
from miniprogram_api import results as results_door
from server.domain.ports import Services, WeChatIdentity
from server.models import (
    Binding,
    Candidate,
    Certificate,
    Issuance,
    Registration,
)
from tests.kit import make

ME = WeChatIdentity("oa", "openid-me")
RELEASE = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # 09:00 in Beijing


async def results_view(s: Services, who: WeChatIdentity) -> dict[str, Any]:
    """What `GET /results` tells, read from its bytes as a phone reads them."""
    view: dict[str, Any] = orjson.loads((await results_door.read(s, who))[0])
    return view


async def certificates_view(s: Services, who: WeChatIdentity) -> dict[str, Any]:
    """What `GET /certificates` tells, read from its bytes as a phone reads them."""
    view: dict[str, Any] = orjson.loads((await certificates_door.read(s, who))[0])
    return view


async def bound(
    s: Services, who: WeChatIdentity = ME, name: str = "崔子涵", number: str | None = None
) -> Candidate:
    candidate = await make.candidate(s, name, number)
    await Binding.create(account=who.account, openid=who.openid, candidate=candidate, bound_at=s.clock.now())
    return candidate


async def certificate(
    of: Registration, number: str = "23SPS100000001W", *, batch: str = "issued", **more: Any
) -> Certificate:
    """A certificate of this registration, in a batch of that state."""
    registration = await Registration.get(id=of.id).prefetch_related("plan", "site", "candidate")
    issuance, _ = await Issuance.get_or_create(
        plan_id=registration.plan_id,
        site_id=registration.site_id,
        defaults={"state": batch, "issued_at": datetime(2026, 11, 20, 2, 0, tzinfo=UTC)},
    )
    claims = {
        "number": number, "name": registration.candidate.name, "certificate": make.KIND,
        "level": registration.site.level, "plan": registration.plan.name, "exam_date": "2023-09-22",
        "standard": "2021年3.0版", "issuer": "北京中文在线教育科技发展有限公司", "school": "京华职业技术学院",
        "issued_on": "2026-11-20",
    }  # fmt: skip
    fields: dict[str, Any] = {
        "state": "valid",
        "code": f"code{number}",
        "sealed_at": datetime(2026, 11, 20, tzinfo=UTC),
        "claims": orjson.dumps(claims),
        "claims_sha256": b"c" * 32,
        "pdf_sha256": b"p" * 32,
    }
    return await Certificate.create(
        number=number,
        issuance=issuance,
        registration=registration,
        candidate=registration.candidate,
        line=b"{}",
        **{**fields, **more},
    )


SEALED = b"%PDF-1.7 sealed"


async def sealed_certificate(s: Services, of: Registration) -> Certificate:
    """A certificate whose PDF lies in the file store."""
    await s.file_store.put("certificates/1.pdf", SEALED)
    return await certificate(of, pdf_key="certificates/1.pdf", pdf_sha256=sha256(SEALED).digest())
