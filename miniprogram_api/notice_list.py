"""/notices: what the holder of the token was told lately, and what they want to be told."""

from __future__ import annotations

from miniprogram_api import answers, bodies
from miniprogram_api.session import identity
from server.domain.actor import Actor
from server.domain.campaigns import persons_notices
from server.domain.campaigns.persons_notices import PersonsNotice
from server.domain.notices import choices
from server.domain.notices.mini_pages import program_page
from server.domain.people import bound_people
from server.errors import NotFound
from server.web.request import Asked


async def listing(asked: Asked) -> answers.Notices:
    """The notices of the last months, the newest first, and every choice."""
    candidate = await _candidate(asked)
    shown = await persons_notices.shown(asked.s.clock, candidate)
    return answers.Notices(items=[_notice(one) for one in shown], choices=await _choices(candidate))


async def choose(asked: Asked, body: bodies.NoticeChoice) -> answers.NoticeChoices:
    """Want a kind of notices or not, from now on; the choices as they stand then."""
    candidate = await _candidate(asked)
    actor = Actor("candidate", candidate, "考生").called_by(asked.caller)
    await choices.choose(asked.s.clock, candidate, body.choice, wants=body.wants, actor=actor)
    return answers.NoticeChoices(items=await _choices(candidate))


def _notice(one: PersonsNotice) -> answers.PersonsNotice:
    return answers.PersonsNotice(
        title=one.title,
        lines=[answers.NoticeLine(label=label, value=value) for label, value in one.lines],
        page=program_page(one.path) if one.path else "",
        at=one.at,
        is_new=one.is_new,
    )


async def _choices(candidate: int) -> list[answers.NoticeChoice]:
    wanted = await choices.wanted_by(candidate)
    return [
        answers.NoticeChoice(choice=name, title=one.label, about=one.says, wants=wanted[name])
        for name, one in choices.CHOICES.items()
    ]


async def _candidate(asked: Asked) -> int:
    candidate = await bound_people.candidate_id_of(await identity(asked.request))
    if candidate is None:
        raise NotFound("not_bound", "您还没有绑定考生信息，请先绑定。")
    return candidate
