"""/binding: which candidate the holder of the token is, and the phone the holder gives."""

from __future__ import annotations

from base64 import b64encode

from miniprogram_api import answers, bodies
from miniprogram_api.session import identity
from server.domain.people import bindings, bound_people, captcha, phones
from server.errors import NotFound
from server.web.request import Asked


async def show(asked: Asked) -> answers.Binding:
    """Whether somebody is bound, and who, masked, with the phone that was given."""
    who = await identity(asked.request)
    person = await bound_people.person_of(asked.s.keys, who)
    if person is None:
        return answers.Binding(bound=False, candidate=None, phone_masked=None)
    masked = answers.Masked(name_masked=person.name_masked, id_masked=person.id_masked)
    return answers.Binding(bound=True, candidate=masked, phone_masked=person.phone_masked)


async def bind(asked: Asked, body: bodies.Bind) -> answers.Bound:
    """Bind by name and identity number; the same again changes nothing.

    A phone code is used after the binding stands, and whatever WeChat says to it does not undo the binding; before it
    only as the proof that somebody needs who is bound in the official account under another WeChat identity.
    """
    who = await identity(asked.request)
    bound = await bindings.bind(
        asked.s,
        who,
        body.name,
        body.id_number,
        caller=asked.caller,
        proof=bindings.Proof(
            image_answer=body.captcha, phone_last4=body.phone_last4, phone_code=body.phone_code
        ),
    )
    person = answers.Masked(name_masked=bound.name_masked, id_masked=bound.id_masked)
    if bound.phone is not None:
        masked = await phones.keep(
            asked.s.clock, asked.s.keys, bound.candidate_id, bound.phone, caller=asked.caller
        )
        return answers.Bound(candidate=person, phone=_phone(phones.GivenPhone(masked)))
    if body.phone_code:
        gift = await phones.try_to_give(
            asked.s, who, bound.candidate_id, body.phone_code, caller=asked.caller
        )
        return answers.Bound(candidate=person, phone=_phone(gift))
    return answers.Bound(candidate=person)


async def give_phone(asked: Asked, body: bodies.GivePhone) -> answers.PhoneGiven:
    """Give a phone after the binding, or once more; it takes the place of the one given before."""
    who = await identity(asked.request)
    candidate = await bound_people.candidate_id_of(who)
    if candidate is None:
        raise NotFound("not_bound", "您还没有绑定考生信息，请先绑定。")
    masked = await phones.give(
        asked.s,
        who,
        candidate,
        body.phone_code,
        caller=asked.caller,
    )
    return answers.PhoneGiven(phone=_phone(phones.GivenPhone(masked)))


def _phone(gift: phones.GivenPhone) -> answers.Phone:
    refusal = gift.refusal
    if refusal is None:
        return answers.Phone(masked=gift.masked, problem=None)
    problem = answers.PhoneProblem(code=refusal.code, detail=refusal.message)
    return answers.Phone(masked=gift.masked, problem=problem)


async def unbind(asked: Asked) -> None:
    """Undo the binding; nothing to undo is no error."""
    who = await identity(asked.request)
    await bindings.unbind(asked.s, who, caller=asked.caller)


async def picture(asked: Asked) -> answers.Picture:
    """A picture for the image check as a data URL, since <image> cannot send the token."""
    image = await captcha.draw(asked.s.cache, asked.s.image_check, await identity(asked.request))
    url = "data:image/png;base64," + b64encode(image).decode()
    return answers.Picture(image=url, expires_in=captcha.SECONDS)
