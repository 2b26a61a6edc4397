"""Whether two accounts are one person's, as far as can be known: the same WeChat is bound to both, in whatever way."""

from __future__ import annotations

from server.models.database import rows

_WECHATS = "(SELECT staff_id, openid FROM login_wechat UNION ALL SELECT staff_id, openid FROM staff_wechat)"
_SHARED = f"SELECT 1 FROM {_WECHATS} a JOIN {_WECHATS} b USING (openid) WHERE a.staff_id = $1 AND b.staff_id = $2 LIMIT 1"  # noqa: S608


async def are_one(first: int, second: int) -> bool:
    """The WeChat for log-in is bound to one account alone; that for test messages may be to several."""
    return first == second or bool(await rows(_SHARED, first, second))
