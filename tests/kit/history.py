"""A candidate with a whole history behind them."""

from __future__ import annotations

from datetime import date, timedelta
from hashlib import sha256
from typing import Any

from server.domain.certificates import claims
from server.domain.levels import Level
from server.domain.ports import Services, WeChatIdentity
from server.models import Certificate, Issuance, Registration
from tests.kit import make
from tests.kit.lookups import RELEASE, bound

ME = WeChatIdentity("oa", "openid-browser")
NUMBER = make.id_number(4055)


async def issued(s: Services, of: Registration, serial: int, **more: Any) -> Certificate:
    """A genuine certificate of this registration, with its signed code."""
    registration = await Registration.get(id=of.id).prefetch_related("plan", "site__school", "candidate")
    level = Level(registration.site.level)
    number = claims.number_of("26", "SPS", level, serial)
    line = claims.Line(
        number=number,
        name=registration.candidate.name,
        id_hash=claims.id_hash_of(s.keys, NUMBER),
        level=level.value,
        plan=registration.plan.name,
        exam_date=registration.plan.exam_date.isoformat(),
        certificate=make.KIND,
        outcome="passed",
        standard="2021年3.0版",
        issuer=s.settings.issuer,
        school=registration.site.school.name,
    )
    whole = claims.complete(line, date(2026, 11, 20))
    issuance, _ = await Issuance.get_or_create(
        plan_id=registration.plan_id,
        site_id=registration.site_id,
        defaults={"state": "issued", "issued_at": s.clock.now()},
    )
    pdf = b"%PDF-1.7 sealed " + number.encode()
    await s.file_store.put(f"certificates/{number}.pdf", pdf)
    fields = {"state": "valid", **more}
    return await Certificate.create(
        number=number,
        issuance=issuance,
        registration=registration,
        candidate=registration.candidate,
        line=line.to_bytes(),
        claims=whole.to_bytes(),
        claims_sha256=whole.sha256(),
        code=claims.encode_code(s.keys, whole),
        pdf_key=f"certificates/{number}.pdf",
        pdf_sha256=sha256(pdf).digest(),
        sealed_at=s.clock.now(),
        **fields,
    )


async def a_history(s: Services) -> Certificate:
    """A candidate with a bit of everything. Returns the valid certificate."""
    me = await bound(s, ME, "欧阳·阿卜杜拉", NUMBER)
    school = await make.school("京华职业技术学院")
    site, upper = await make.site(school), await make.site(school, Level.INTERMEDIATE)
    past = s.clock.now() - timedelta(days=30)
    plans = [
        await make.plan(f"2026年{month}月{day}日社会心理服务证书考试计划", release_at=release, **more)
        for month, day, release, more in (
            (9, 22, past, {}), (9, 23, past, {}), (10, 10, past, {}), (10, 18, past, {"requires_practice": True}),
            (11, 15, RELEASE, {}),
        )
    ]  # fmt: skip
    passed = await make.registration(s, me, on=plans[0], at=site, score=78.5)
    revoked = await make.registration(s, me, on=plans[1], at=upper, score=91)
    await make.registration(s, me, on=plans[2], at=upper, outcome="absent")
    await make.registration(s, me, on=plans[3], at=upper, score=66)
    await make.registration(s, me, on=plans[4], at=upper, score=88)
    await issued(
        s, revoked, 8, state="revoked", revoked_at=past, revoke_reason="经核实，考试时使用他人身份证件"
    )
    return await issued(s, passed, 7)
