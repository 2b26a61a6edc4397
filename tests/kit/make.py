"""Plain factories: each makes one thing, inventing what the test does not care about."""

from __future__ import annotations

import itertools
from datetime import date, datetime
from typing import Any

from server.domain.actor import Actor
from server.domain.levels import Level
from server.domain.ports import Services
from server.models import (
    Candidate,
    CertificateKind,
    Officer,
    Plan,
    Registration,
    School,
    Score,
    Site,
    StandardVersion,
)

_serial = itertools.count(1)
KIND = "社会心理服务职业技能等级证书"
SUBJECT = "社会心理服务（机考）"
ISSUER_STAFF = Actor("staff", 1, "签发员", role="issuer", address="127.0.0.1", request_id="test")
ADMIN = Actor("staff", 2, "管理员", role="admin", address="127.0.0.1", request_id="test")
OPERATOR = Actor("staff", 3, "考务员", role="operator", address="127.0.0.1", request_id="test")


def id_number(serial: int, born: date = date(2000, 1, 2)) -> str:
    """An invented identity number: an unassigned area code (99xxxx) and a right check digit (GB 11643)."""
    first = f"99{serial % 10000:04d}{born:%Y%m%d}{serial % 1000:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return first + "10X98765432"[sum(int(d) * w for d, w in zip(first, weights, strict=True)) % 11]


async def school(name: str | None = None) -> School:
    name = name or f"第{next(_serial)}职业技术学院"
    return (await School.get_or_create(name=name))[0]


async def kind() -> CertificateKind:
    certificate_kind, is_new = await CertificateKind.get_or_create(code="SPS", defaults={"name": KIND})
    if is_new:
        await StandardVersion.create(
            kind=certificate_kind, version="2021年3.0版", effective_on=date(2021, 11, 1)
        )
    return certificate_kind


async def site(at: School | None = None, level: Level = Level.PRIMARY, **more: Any) -> Site:
    at, of = at or await school(), await kind()
    defaults = {"name": f"{at.name}{of.name}{level.label}", **more}
    return (await Site.get_or_create(school=at, kind=of, level=level.value, defaults=defaults))[0]


async def plan(name: str | None = None, *, release_at: datetime | None = None, **more: Any) -> Plan:
    name = name or f"2023年9月22日社会心理服务证书考试计划{next(_serial)}"
    return await Plan.create(
        name=name, kind=await kind(), exam_date=date(2023, 9, 22), release_at=release_at, **more
    )


async def candidate(
    s: Services, name: str = "崔子涵", number: str | None = None, at: School | None = None
) -> Candidate:
    number = number or id_number(next(_serial))
    return await Candidate.create(
        name=name,
        id_sealed=s.keys.encrypt(number, about="candidate.id_number"),
        id_index=s.keys.blind(number, about="candidate.id_number"),
        kind="school",
        school=at or await school(),
    )


async def registration(
    s: Services,
    who: Candidate | None = None,
    *,
    on: Plan | None = None,
    at: Site | None = None,
    outcome: str = "passed",
    score: float | None = 78.5,
) -> Registration:
    """A person's place in a plan, with one subject's score and the outcome as given."""
    at, on = at or await site(), on or await plan()
    row = await Registration.create(
        candidate=who or await candidate(s, at=await at.school),
        plan=on,
        site=at,
        admission_number=f"230922{next(_serial):07d}",
        outcome=outcome,
    )
    if outcome in ("passed", "failed"):
        await Score.create(registration=row, subject=SUBJECT, score=score, status="scored")
    elif outcome != "pending":
        await Score.create(registration=row, subject=SUBJECT, score=None, status=outcome)
    return row


def mobile() -> str:
    """An invented phone number (199…), another one each time."""
    return f"199{next(_serial):08d}"


def school_account(at: School) -> Actor:
    """The school's own account, which invites officers without anybody else's confirmation."""
    return Actor(
        "staff", 90, "教务处", role="school", school_id=at.id, address="127.0.0.1", request_id="test"
    )


async def officer(
    at: School | None = None, *, openid: str = "", state: str = "active", **more: Any
) -> Officer:
    """An active officer without a PIN; `officers.accept` makes one with."""
    return await Officer.create(
        school=at or await school(), name="王签发", state=state, oa_openid=openid, **more
    )
