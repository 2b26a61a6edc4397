"""Many schools' officers invited at once, from a list that was pasted: 院校, 姓名, 手机号, one person a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.people import officers, pasted_lists
from server.domain.people.school_scope import is_school
from server.domain.ports import Clock, Keys
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, Refused
from server.models import School

MOST = 500


@dataclass(frozen=True, slots=True)
class Line:
    """What came of one line: the token of the link to send, or why there is none. `row` counts the pasted lines from 1."""

    row: int
    school: str
    name: str
    token: str = ""
    expires_at: datetime | None = None
    code: str = ""
    detail: str = ""


async def invite_all(clock: Clock, keys: Keys, text: str, *, actor: Actor) -> list[Line]:
    """Invite everybody on the list; each line has its own answer, and none stops the others.

    Args:
        text: lines of school, name and mobile number, separated by tabs (as a spreadsheet copies them) or commas; a
            school's account may leave the school out. A line of headings is passed over.

    Raises:
        Forbidden("role_not_allowed") · Invalid: list_empty, list_too_long.
    """
    roles.require(actor, Verb.INVITE)
    lines = pasted_lists.lines(text)
    if not lines:
        raise Invalid(
            errors=[FieldError("/list", "list_empty", "请粘贴名单：每行一人，依次为院校、姓名、手机号。")]
        )
    if len(lines) > MOST:
        detail = f"一次最多邀请{MOST}人，请分几次粘贴。"
        raise Invalid(errors=[FieldError("/list", "list_too_long", detail)])
    names = {cells[0] for _, cells in lines}
    schools = {one.name: one.id for one in await School.filter(name__in=list(names))}
    return [await _invite(clock, keys, row, cells, schools, actor) for row, cells in lines]


async def _invite(
    clock: Clock, keys: Keys, row: int, cells: list[str], schools: Mapping[str, int], actor: Actor
) -> Line:
    if is_school(actor) and len(cells) == 2:
        school, (name, mobile), school_id = "", cells, actor.school_id
    elif len(cells) == 3:
        school, name, mobile = cells
        school_id = schools.get(school)
    else:
        return Line(row, cells[0][:100], "", code="columns", detail="这一行应为三列：院校、姓名、手机号。")
    school, name = school[:100], name[:100]
    if school_id is None:
        detail = "没有这所院校，请与“签发负责人”页上的全称逐字核对。"
        return Line(row, school, name, code="school_not_found", detail=detail)
    try:
        invitation = await officers.invite(clock, keys, school_id, name, mobile, actor=actor)
    except Refused as refused:
        errors = refused.errors if isinstance(refused, Invalid) else []
        detail = "".join(one.detail for one in errors) or refused.message
        return Line(row, school, name, code=errors[0].code if errors else refused.code, detail=detail)
    return Line(row, school, name, token=invitation.token, expires_at=invitation.expires_at)
