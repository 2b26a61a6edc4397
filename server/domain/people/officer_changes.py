"""A school officer's name, phone and term are put right: by whom, from what to what and why is kept.

Whoever does it stands behind the officer from then on, as whoever invites (S22): who writes an officer's name and phone
does not sign for that school.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from tortoise.exceptions import IntegrityError
from tortoise.transactions import in_transaction

from server.domain import roles
from server.domain.actor import Actor
from server.domain.audit import audit_log
from server.domain.people import conflicts, invitations, officer_terms
from server.domain.people.free_text import clean_reason
from server.domain.people.officer_states import LIVING
from server.domain.ports import Clock, Keys
from server.domain.roles import Verb
from server.errors import Conflict, FieldError, Invalid
from server.models import Officer
from server.models.database import breaks

SHORTEST_REASON = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Particulars:
    """As they shall be. `mobile` None: as it is. `until` None: without an end."""

    name: str
    mobile: str | None = None
    until: date | None = None


async def change(
    clock: Clock, keys: Keys, officer_id: int, to: Particulars, reason: str, *, actor: Actor
) -> None:
    """Put an officer's particulars right. What is as it shall be already is left alone.

    Raises:
        Forbidden: role_not_allowed · NotFound: officer_not_found · Invalid: /name, /mobile, /until, /reason ·
        Conflict: officer_gone: suspended or withdrawn; officer_known: the phone is another officer's.
    """
    roles.require(actor, Verb.INVITE)
    reason = clean_reason(reason)
    if len(reason) < SHORTEST_REASON:
        sentence = f"请写明缘由（至少 {SHORTEST_REASON} 个字），例如录入有误、本人换了手机号。"
        raise Invalid(errors=[FieldError("/reason", "reason_short", sentence)])
    try:
        async with in_transaction():
            officer = await invitations.locked(officer_id, actor=actor)
            if officer.state not in LIVING:
                raise Conflict(
                    "officer_gone", "这位负责人已停用或撤回，不能修改；请恢复以后再改，或另行邀请。"
                )
            becomes = _becomes(clock, keys, officer, to)
            if not becomes:
                return
            await Officer.filter(id=officer_id).update(**becomes)
            await conflicts.stand_behind(clock, officer, "invited", actor=actor)
            was, became = _told(officer, becomes)
            became["reason"] = reason
            await audit_log.record(
                clock, actor, "officer.change", "officer", officer_id, was=was, became=became
            )
    except IntegrityError as error:
        if not breaks(error, "officer_mobile"):
            raise
        raise Conflict("officer_known", "这个手机号已是另一位签发负责人的，请核对后再填。") from None


def _becomes(clock: Clock, keys: Keys, officer: Officer, to: Particulars) -> dict[str, Any]:
    """The columns that change."""
    name = invitations.tidy_name(to.name)
    becomes: dict[str, Any] = {} if name == officer.name else {"name": name}
    if to.until != officer.until:
        officer_terms.check(clock, to.until)
        becomes["until"] = to.until
    if to.mobile is not None and to.mobile.strip():
        number = invitations.tidy_mobile(to.mobile)
        blinds = keys.blinds(number, about=invitations.ABOUT_MOBILE)
        if officer.mobile_index is None or bytes(officer.mobile_index) not in blinds:
            sealed = keys.encrypt(number, about=invitations.ABOUT_MOBILE)
            becomes |= {"mobile_sealed": sealed, "mobile_index": blinds[0]}
    return becomes


def _told(officer: Officer, becomes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the trail says; of a phone only that it changed."""
    was: dict[str, Any] = {}
    became: dict[str, Any] = {}
    if "name" in becomes:
        was["name"], became["name"] = officer.name, becomes["name"]
    if "until" in becomes:
        was["until"], became["until"] = [
            day.isoformat() if day is not None else None for day in (officer.until, becomes["until"])
        ]
    if "mobile_index" in becomes:
        became["phone_changed"] = True
    return was, became
