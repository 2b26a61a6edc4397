"""Who counts as a second person. Whether two accounts are one person's, as far as can be known: the same WeChat is bound to both, in whatever way."""

from __future__ import annotations

from server.domain.actor import Actor
from server.models.database import rows

_WECHATS = "(SELECT staff_id, openid FROM login_wechat UNION ALL SELECT staff_id, openid FROM staff_wechat)"
_SHARED = f"SELECT 1 FROM {_WECHATS} a JOIN {_WECHATS} b USING (openid) WHERE a.staff_id = $1 AND b.staff_id = $2 LIMIT 1"  # noqa: S608


async def are_one(first: int, second: int) -> bool:
    """The WeChat for log-in is bound to one account alone; that for test messages may be to several."""
    return first == second or bool(await rows(_SHARED, first, second))


async def is_another(actor: Actor, *askers: int | None) -> bool:
    """Whether somebody decides who is none of those who asked, nor their second account.

    Args:
        askers: accounts; None where the service itself asked.

    Returns: False too for an actor without an account: that is nobody's second look.
    """
    if actor.id is None:
        return False
    for asker in askers:
        if asker is not None and await are_one(asker, actor.id):
            return False
    return True
