"""What the tests of issuing share: a small cohort, a batch in any state, and an officer with a PIN."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from server.domain.actor import Caller
from server.domain.issuance import organisation, preparing, scan_tickets
from server.domain.levels import Level
from server.domain.people import officers
from server.domain.ports import Services, WeChatIdentity
from server.models import Issuance, Officer, Plan, Registration, School, Site
from server.models.database import rows
from tests.kit import make

PIN = "482915"
OPENID = "oOfficerOfTheSchool0000000001"
NAMES = ("崔子涵", "买买提·吐尔逊", "欧阳慧敏", "王𠮷")


@dataclass
class Cohort:
    school: School
    site: Site
    plan: Plan
    registrations: list[Registration]
    officer: Officer
    identity: WeChatIdentity


def oa(openid: str = OPENID) -> WeChatIdentity:
    return WeChatIdentity("oa", openid)


async def officer(s: Services, at: School, openid: str = OPENID) -> Officer:
    """An officer who took up an invitation and set `PIN`."""
    mobile = make.mobile()
    invitation = await officers.invite(
        s.clock, s.keys, at.id, "王签发", mobile, actor=make.school_account(at)
    )
    return await officers.accept(
        s, invitation.token, PIN, phone_last4=mobile[-4:], identity=oa(openid), caller=Caller(openid)
    )


async def cohort(s: Services, *, names: tuple[str, ...] = NAMES, level: Level = Level.PRIMARY) -> Cohort:
    """A school with an officer, and people who passed at its site (one more who did not)."""
    school = await make.school()
    site = await make.site(school, level)
    plan = await make.plan(release_at=s.clock.now() - timedelta(days=1))
    registrations = []
    for name in names:
        who = await make.candidate(s, name, at=school)
        registrations.append(await make.registration(s, who, on=plan, at=site))
    failed = await make.candidate(s, "何未过", at=school)
    await make.registration(s, failed, on=plan, at=site, outcome="failed", score=41.0)
    openid = f"oOfficer{school.id:020d}"
    return Cohort(school, site, plan, registrations, await officer(s, school, openid), oa(openid))


async def prepared(s: Services, of: Cohort) -> Issuance:
    [issuance_id] = await preparing.prepare(s, of.plan.id, actor=make.ISSUER_STAFF)
    return await Issuance.get(id=issuance_id)


async def pending(s: Services, of: Cohort) -> Issuance:
    batch = await prepared(s, of)
    await organisation.org_sign(s, batch.id, actor=make.ISSUER_STAFF)
    return await Issuance.get(id=batch.id)


async def shown_ticket(s: Services, of: Cohort) -> scan_tickets.ShownTicket:
    batch = await pending(s, of)
    return await scan_tickets.show(s, batch.id, actor=make.ISSUER_STAFF)


async def school_signed(s: Services, of: Cohort) -> Issuance:
    ticket = await shown_ticket(s, of)
    await scan_tickets.confirm(s, ticket.token, PIN, identity=of.identity)
    return await Issuance.get(plan_id=of.plan.id)


async def generating(s: Services, of: Cohort) -> Issuance:
    batch = await school_signed(s, of)
    await organisation.hand_over(s, batch.id, actor=make.ISSUER_STAFF)
    return await Issuance.get(id=batch.id)


async def claims_lapse() -> None:
    """Time passes: whoever was at a certificate and died, or hangs, has had his turn."""
    await rows(
        "UPDATE certificate SET claimed_until = now() - interval '1 second' WHERE claimed_until IS NOT NULL"
    )


async def nothing(s: Services) -> None:
    """Stands for a job of another topic."""
