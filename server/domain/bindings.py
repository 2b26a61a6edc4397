"""身份绑定: which candidate stands behind a WeChat identity."""

from __future__ import annotations

from server.domain.ports import Services, WeChatIdentity
from server.records import Candidate


async def candidate_of(s: Services, identity: WeChatIdentity) -> Candidate | None:
    """The candidate bound to this identity in its own account, or None."""
    return await Candidate.filter(
        bindings__account=identity.account,
        bindings__openid=identity.openid,
        bindings__unbound_at=None,
    ).first()
