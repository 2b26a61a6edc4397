"""A candidate found by whatever the person on the telephone can say: a part of the name, or a number of any kind.

What is searched for may be an identity number or a phone, so it comes in a body, never in an address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import incidents
from server.domain.certificates.claims import is_number, tidy_number
from server.domain.dossiers import queries
from server.domain.people import queries as people_queries
from server.domain.people.candidates import ABOUT_ID, ABOUT_MOBILE, clean_mobile, mask_id
from server.domain.people.names import tidy
from server.domain.people.school_scope import school_of
from server.domain.ports import Keys, Services
from server.domain.roles import Verb
from server.errors import FieldError, Invalid, Refused

MOST = 50
LONGEST = 64
_IDENTITY = re.compile(r"[0-9]{17}[0-9X]")
_PLAIN = re.compile(r"[0-9A-Za-z_-]+")


@dataclass(frozen=True, slots=True)
class FoundCandidate:
    """One hit. `how`: by what it was found, in words; `plan` is the last one they registered for."""

    id: int
    name: str
    id_masked: str
    school: str | None
    plan: str | None
    is_bound: bool
    how: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The hits, fifty at most; `is_more`: there are others, so say more of the name."""

    items: tuple[FoundCandidate, ...]
    is_more: bool


async def find(s: Services, text: str, *, actor: Actor) -> Finding:
    """The candidates whom a text means; a school finds its own.

    Args:
        text: a part of the name, or a whole identity number (also one that was corrected since), admission number,
            certificate number, phone or openid.

    Raises:
        Forbidden("role_not_allowed") · Invalid: /q search_form.
    """
    roles.require(actor, Verb.SEE_PEOPLE)
    school = school_of(actor)
    plain = "".join(tidy(text).split())
    if not plain or len(plain) > LONGEST:
        raise Invalid(errors=[FieldError("/q", "search_form", "请输入姓名中的字，或完整的号码。")])
    hits = await _by_numbers(s.keys, plain)
    seen = await queries.seen_of(list(hits), school)
    is_more = False
    if not hits and not _PLAIN.fullmatch(plain):
        named = await people_queries.named(plain, school, MOST + 1)
        is_more, seen = len(named) > MOST, named[:MOST]
        hits = dict.fromkeys(seen, "姓名")
    await incidents.viewed(s, actor, "candidates", "candidate", "-")
    found = {row["id"]: row for row in await queries.found(seen, school)}
    items = tuple(_found(s.keys, found[one], hits[one]) for one in seen if one in found)
    return Finding(items, is_more)


async def _by_numbers(keys: Keys, plain: str) -> dict[int, str]:
    """Candidate → what the text is of theirs: every kind of number that it can be is tried."""
    upper, hits = plain.upper(), dict[int, str]()
    if _IDENTITY.fullmatch(upper):
        blinds = keys.blinds(upper, about=ABOUT_ID)
        hits |= dict.fromkeys(await queries.with_former_number(blinds), "更正前的证件号码")
        hits |= dict.fromkeys(await queries.with_number(blinds), "证件号码")
        return hits
    if (mobile := _mobile(plain)) is not None:
        hits |= dict.fromkeys(
            await queries.with_phone(keys.blinds(mobile, about=ABOUT_MOBILE), MOST), "手机号"
        )
    if is_number(tidy_number(plain)):
        hits |= dict.fromkeys(await queries.with_certificate(tidy_number(plain)), "证书编号")
    if _PLAIN.fullmatch(plain):
        hits |= dict.fromkeys(await queries.admitted(upper), "准考证号")
        hits |= dict.fromkeys(await queries.with_openid(plain), "微信 openid")
    return hits


def _mobile(text: str) -> str | None:
    try:
        return clean_mobile(text)
    except Refused:
        return None


def _found(keys: Keys, row: queries.Row, how: str) -> FoundCandidate:
    return FoundCandidate(
        row["id"],
        row["name"],
        mask_id(keys.decrypt(bytes(row["id_sealed"]), about=ABOUT_ID)),
        row["school"],
        row["plan"],
        row["is_bound"],
        how,
    )
