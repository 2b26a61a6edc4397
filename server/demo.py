"""The first start of a development machine: an invented cohort, the accounts to look around with, and who may sign.

Everything goes through the real imports and verbs. A start that dies half-way is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tortoise.transactions import in_transaction

from server import demo_cohort
from server.domain import imports
from server.domain.actor import Actor
from server.domain.people import officers, staff
from server.domain.ports import Services
from server.domain.roles import Role
from server.errors import XcertError
from server.models import Candidate, ImportRun, School, Staff
from server.web.h5.officer import invitation_url

CANDIDATES = 60
SCHOOLS = 3
PEOPLE_FILE = "考生信息（示例）.xlsx"
SCORE_FILE = "成绩（示例）.xlsx"
TOUR = (
    demo_cohort.PLANS[0][0],
    demo_cohort.SCHOOLS[0],
    demo_cohort.LEVELS[0],
)  # the batch that README's tour issues
OFFICERS = (("王建华", "19900008201"), ("李秀英", "19900008202"), ("张志强", "19900008203"))
_ACTOR = Actor("system", None, "首次启动", role=Role.ADMIN.value)
_STAFF = (
    (Role.ADMIN, "admin", "管理员"),
    (Role.OPERATOR, "operator", "考务员"),
    (Role.ISSUER, "issuer", "签发员"),
    (Role.FINANCE, "finance", "财务员"),
    (Role.NOTIFIER, "notifier", "通知员"),
    (Role.AUDITOR, "auditor", "审计员"),
)


@dataclass(frozen=True, slots=True)
class FirstLogin:
    """An account with its one-time password."""

    title: str
    username: str
    password: str


@dataclass(frozen=True, slots=True)
class FirstInvitation:
    """The link by which a school's officer joins, to be opened in WeChat."""

    school: str
    name: str
    url: str
    mobile: str

    @property
    def phone_last4(self) -> str:
        """Asked for when the invitation is taken up."""
        return self.mobile[-4:]


@dataclass(frozen=True, slots=True)
class FirstLogins:
    """What is printed once; iterating gives the log-ins."""

    logins: list[FirstLogin]
    invitations: list[FirstInvitation]
    candidates: list[demo_cohort.Person] = field(default_factory=list)  # some of the tour's batch who passed

    def __iter__(self) -> Iterator[FirstLogin]:
        return iter(self.logins)


async def load_first(s: Services) -> FirstLogins | None:
    """Fill an empty database; None when there is anything of somebody's own in it.

    The cohort is imported first, which changes nothing when it is there already; accounts and invitations are made
    last and together, so that whoever finds an account finds everything.

    Raises:
        XcertError: in production.
    """
    if s.settings.is_production:
        raise XcertError("示例数据只能在开发环境载入")
    if await Staff.all().exists() or await _is_somebodys(s):
        return None
    people = demo_cohort.people(CANDIDATES, schools=SCHOOLS)
    names = imports.Names.of(demo_cohort.names(people))
    await _import(s, "candidates", PEOPLE_FILE, demo_cohort.people_book(people), names)
    await s.faults.reach("demo.people")
    await _import(s, "scores", SCORE_FILE, demo_cohort.score_book(people), names)
    await s.faults.reach("demo.scores")
    async with in_transaction():
        schools = await School.all().order_by("name")
        logins = [await _login(s, role, username, title) for role, username, title in _STAFF]
        logins.append(await _login(s, Role.SCHOOL, "school", f"{schools[0].name}账号", schools[0]))
        invitations = [
            await _invite(s, school, name, mobile)
            for school, (name, mobile) in zip(schools, OFFICERS, strict=True)
        ]
        await s.faults.reach("demo.accounts")
    return FirstLogins(logins, invitations, _of_the_tour(people))


def _of_the_tour(people: list[demo_cohort.Person]) -> list[demo_cohort.Person]:
    """Three people whom the tour can follow from their results to their certificates."""
    return [one for one in people if one.passed and (one.plan, one.school, one.level) == TOUR][:3]


async def _is_somebodys(s: Services) -> bool:
    """Candidates that did not come with our own file."""
    ours = await ImportRun.filter(file_name=PEOPLE_FILE, created_by=None).exists()
    return not ours and await Candidate.all().exists()


async def _import(s: Services, kind: str, name: str, book: bytes, names: imports.Names) -> None:
    summary = await imports.take(
        s, kind, name, book, wish=imports.Wish(all_or_nothing=True, creating=names), actor=_ACTOR
    )
    if summary.refusal_code or summary.rows_refused:
        raise XcertError(f"示例数据没有载入：{summary.refusal or summary.errors[:3]}")


async def _login(
    s: Services, role: Role, username: str, title: str, school: School | None = None
) -> FirstLogin:
    password = await staff.create(
        s.clock, s.password_hasher, username, role.value, name=title, school=school, actor=_ACTOR
    )
    return FirstLogin(title, username, password)


async def _invite(s: Services, school: School, name: str, mobile: str) -> FirstInvitation:
    """As the school itself would: nobody of the organisation stands behind these officers, so anybody may sign."""
    own = await Staff.get_or_none(school_id=school.id)
    actor = Actor("staff", own.id if own else None, f"{school.name}账号", Role.SCHOOL.value, school.id)
    invitation = await officers.invite(s.clock, s.keys, school.id, name, mobile, actor=actor)
    return FirstInvitation(school.name, name, invitation_url(s.settings.public_url, invitation.token), mobile)
