"""An officer changes the signing PIN: the old one proves who asks. Whoever forgot it needs `invitations.reset_pin`."""

from __future__ import annotations

from tortoise.transactions import in_transaction

from server.domain.actor import Caller
from server.domain.audit import audit_log
from server.domain.people import pins
from server.domain.people.officer_states import OfficerState
from server.domain.people.officer_transitions import actor_of
from server.domain.ports import Services, WeChatIdentity
from server.errors import Conflict, FieldError, Forbidden, Invalid
from server.models import Officer


async def change(s: Services, identity: WeChatIdentity, old: str, new: str, *, caller: Caller) -> None:
    """Set `new` in the place of `old`.

    A wrong old PIN counts like one at a signature: five lock it (see `pins.check`).

    Raises:
        Forbidden: not_an_officer, pin_missing · Invalid: pin_form, pin_weak, pin_same (at /new_pin) ·
        Unverified("pin_wrong") · TooMany("pin_locked") · Conflict("pin_moved"): it was changed or reset meanwhile.
    """
    column = f"{identity.account}_openid"
    officer = (
        await Officer.filter(**{column: identity.openid}).first()
        if identity.account in ("oa", "mp") and identity.openid
        else None
    )
    if officer is None or officer.state != OfficerState.ACTIVE.value:
        raise Forbidden("not_an_officer", "您还不是院校签发负责人，请联系本校管理员发送邀请。")
    pins.check_new(new, pointer="/new_pin")
    await pins.check(s, officer, old, caller=caller)
    if new == old:
        detail = "新的签发密码与原来的相同，请换一个。"
        raise Invalid(errors=[FieldError("/new_pin", "pin_same", detail)])
    pin_hash = await pins.hashed(s.keys, s.pin_hasher, officer.id, new)
    async with in_transaction():
        still = Officer.filter(id=officer.id, state=OfficerState.ACTIVE.value, pin_hash=officer.pin_hash)
        if not await still.update(pin_hash=pin_hash):
            raise Conflict("pin_moved", "签发密码刚刚在别处改过或被重置，请刷新后再看。")
        actor = actor_of(officer).called_by(caller)
        await audit_log.record(s.clock, actor, "officer.new_pin", "officer", officer.id)
