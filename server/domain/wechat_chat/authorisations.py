"""What follows when WeChat says that a person withdrew their authorisation or closed their WeChat account.

WeChat's events user_authorization_revoke and user_authorization_cancellation oblige the operator to delete what is kept
about the person. `FromUserName` may be WeChat's own there; the person is in `OpenID`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tortoise import connections
from tortoise.transactions import in_transaction

from server.domain import events
from server.domain.actor import UNKNOWN_CALLER
from server.domain.auth import scan_login
from server.domain.notices import delivery, grants
from server.domain.people import bindings, ended_sessions, officers
from server.domain.ports import Clock, Push, Services, WeChatIdentity, session_keys

WITHDRAWN = frozenset({"user_authorization_revoke", "user_authorization_cancellation"})
EVENTS = WITHDRAWN | {"user_info_modified"}  # the last one is only acknowledged: we keep no profile


STOPPED = "对方已撤回授权或注销微信账号"


async def taken_in(s: Services, push: Push) -> None:
    """Forget what is kept for the person of a withdrawal, and end what goes on in their name.

    Their grants and following, the notices that still wait for them, their binding (a candidate's, a signing officer's
    and that by which staff log in), their sessions, and the session key of their log-in in the mini-program. Safe to repeat;
    user_info_modified changes nothing.

    Raises:
        OutsideFailure: the cache is away, so WeChat shall push again.
    """
    if push.kind not in WITHDRAWN:
        return
    who = WeChatIdentity(push.account, str(push.fields.get("OpenID") or push.openid))
    moment = None
    async with in_transaction():
        await _take_back_grants(s.clock, push, who)
        await delivery.stop(s.clock, who.account, who.openid, STOPPED)
        if who.account == "oa":
            await scan_login.forget(who.openid)
            await connections.get("default").execute_query(
                "DELETE FROM follower WHERE openid = $1", [who.openid]
            )
        batches = await officers.forget_identity(s.clock, s.queue, who)
        # Unbinding ends the sessions of whom it unbinds.
        if not await bindings.unbind(s, who, caller=UNKNOWN_CALLER):
            moment = await ended_sessions.write(s.clock, s.keys, who)
    if moment is not None:
        ended_sessions.remember(s.keys, s.session_memory, who, moment)
    for issuance_id in batches:
        await events.publish(s.event_bus, issuance_id, "replaced")
    if who.account == "mp":
        await session_keys.drop(s.cache, who.openid)


async def _take_back_grants(clock: Clock, push: Push, who: WeChatIdentity) -> None:
    said_at = datetime.fromtimestamp(push.created, UTC)
    rows = await connections.get("default").execute_query_dict(
        "SELECT topic FROM notice_grant WHERE account = $1 AND openid = $2 AND remaining > 0 ORDER BY topic",
        [who.account, who.openid],
    )
    for row in rows:
        taker = grants.Taker(who.account, who.openid, row["topic"])
        await grants.withdraw(clock, taker, source=f"{push.key}:{row['topic']}", said_at=said_at)
