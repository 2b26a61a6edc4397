"""What follows when WeChat says that a person withdrew their authorisation or closed their WeChat account.

WeChat's events user_authorization_revoke and user_authorization_cancellation oblige the operator to delete what is kept
about the person. `FromUserName` may be WeChat's own there; the person is in `OpenID`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tortoise import connections
from tortoise.transactions import in_transaction

from server.domain.notices import grants
from server.domain.people import bindings
from server.domain.ports import Push, Services, WeChatIdentity

WITHDRAWN = frozenset({"user_authorization_revoke", "user_authorization_cancellation"})
EVENTS = WITHDRAWN | {"user_info_modified"}  # the last one is only acknowledged: we keep no profile


async def taken_in(s: Services, push: Push) -> None:
    """Unbind the person of a withdrawal, end their sessions, take back their grants, forget that they follow.

    Safe to repeat; user_info_modified changes nothing.
    """
    if push.kind not in WITHDRAWN:
        return
    openid = str(push.fields.get("OpenID") or push.openid)
    said_at = datetime.fromtimestamp(push.created, UTC)
    async with in_transaction():
        await bindings.unbind(s, WeChatIdentity(push.account, openid), address="")
        rows = await connections.get("default").execute_query_dict(
            "SELECT topic FROM notice_grant WHERE account = $1 AND openid = $2 AND remaining > 0 ORDER BY topic",
            [push.account, openid],
        )
        for row in rows:
            taker = grants.Taker(push.account, openid, row["topic"])
            await grants.withdraw(s, taker, source=f"{push.key}:{row['topic']}", said_at=said_at)
        if push.account == "oa":
            await connections.get("default").execute_query("DELETE FROM follower WHERE openid = $1", [openid])
