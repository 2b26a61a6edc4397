"""Who of the staff stands behind a school's officers, and what they therefore may not do: sign for that school (S22).

The organisation and the school confirm a batch jointly. Whoever invites, resumes or confirms an officer could make
both halves alone; so that person neither signs nor hands over that school's batches, whatever their role.
"""

from __future__ import annotations

from server.domain.actor import Actor
from server.domain.people import queries, same_person
from server.domain.people.officer_states import OfficerState
from server.domain.people.school_scope import is_school
from server.domain.ports import Clock
from server.domain.roles import Role
from server.errors import Forbidden
from server.models import Officer, OfficerBacker

APPOINTING = ("invited", "resumed")


async def stand_behind(clock: Clock, officer: Officer, act: str, *, actor: Actor) -> None:
    """Keep that `actor` did this for the officer, in the caller's transaction.

    Args:
        act: invited, resumed or confirmed.
    """
    staff_id = actor.id if actor.kind == "staff" else None
    await OfficerBacker.create(
        officer_id=officer.id, staff_id=staff_id, role=actor.role, act=act, at=clock.now()
    )


async def blocks_staff(school_id: int, staff_id: int | None) -> bool:
    """Whether this account invited, resumed or confirmed any officer of the school.

    An invitation that was withdrawn before anybody took it up counts no more; everything else does for good, as a
    suspended officer may have signed.
    """
    if staff_id is None:
        return False
    return (
        await OfficerBacker.filter(officer__school_id=school_id, staff_id=staff_id)
        .exclude(officer__state=OfficerState.WITHDRAWN.value)
        .exists()
    )


async def blocked_schools(staff_id: int | None) -> set[int]:
    """The schools for which `blocks_staff` says yes: for lists and for acts on many batches at once."""
    return await queries.backed_schools(staff_id)


async def require_uninvolved(school_id: int, *, actor: Actor) -> None:
    """Before an account signs or hands over a batch of the school.

    Raises:
        Forbidden("officer_backer").
    """
    if actor.kind == "staff" and await blocks_staff(school_id, actor.id):
        raise Forbidden(
            "officer_backer",
            "您邀请或确认过这所院校的签发负责人，不能再签发或发放该校的批次；请由另一位同事办理。",
        )


async def stands_behind(staff_id: int | None, officer_id: int) -> bool:
    """Whether this account invited, resumed or confirmed this officer."""
    if staff_id is None:
        return False
    return await OfficerBacker.filter(officer_id=officer_id, staff_id=staff_id).exists()


def other_hands_needed() -> Forbidden:
    """The refusal of an officer's confirmation where whoever signed for the organisation stands behind the officer.

    The other order of the same two acts: sign first, appoint the officer afterwards.
    """
    return Forbidden(
        "officer_of_signer",
        "签发这个批次的工作人员邀请或确认过您，按规定您不能确认这个批次；请由本校其他负责人扫码，或请评价组织撤回后由另一位同事签发。",
    )


async def refusal_to_confirm(officer: Officer, *, actor: Actor) -> Forbidden | None:
    """Why this account may not confirm the officer; None if it may.

    The school's own account always may; of the organisation, somebody who did not invite or resume the officer and
    has another role than who did it last.
    """
    if is_school(actor):
        return None
    appointments = await OfficerBacker.filter(officer_id=officer.id, act__in=APPOINTING).order_by("-id")
    if not await same_person.is_another(actor, *{one.staff_id for one in appointments}):
        return Forbidden(
            "own_invitation", "这位负责人是您邀请的，请由该院校的账号或另一位不同角色的同事确认。"
        )
    if appointments and appointments[0].staff_id is not None and appointments[0].role == actor.role:
        return Forbidden(
            "same_role", "邀请人与您的角色相同，请由该院校的账号或另一位不同角色的同事确认这位负责人。"
        )
    return None


async def is_confirmed_by_school(officer: Officer) -> bool:
    """Whether the school's own account invited or resumed the officer last: that is its confirmation."""
    last = await OfficerBacker.filter(officer_id=officer.id, act__in=APPOINTING).order_by("-id").first()
    return last is not None and last.role == Role.SCHOOL.value
