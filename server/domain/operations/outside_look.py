"""What is asked of others, once an hour and never by a scrape: how long our TLS certificate lasts, and WeChat's quotas.

Kept in the cache until the next look; what is older than three hours is not told any more.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from server.domain.ports import Services
from server.errors import OutsideFailure

log = logging.getLogger("xcert.ops")
SWEEP = "operations.look"
ACCOUNTS = ("oa", "mp")
_KEY, _SECONDS = "operations:outside", 3 * 3600.0


@dataclass(frozen=True, slots=True)
class QuotaLeft:
    """Of one API today, in WeChat's own figures."""

    account: str
    path: str
    limit: int
    left: int


@dataclass(frozen=True, slots=True)
class OutsideLook:
    """`tls_ends`: None where the address is not https, or could not be asked; then `tls_problem` says why."""

    at: datetime
    tls_ends: datetime | None = None
    tls_problem: str = ""
    quotas: list[QuotaLeft] = field(default_factory=list)


async def look(s: Services) -> None:
    """Sweep `operations.look`. Never raises for what others do."""
    ends, problem = None, ""
    if s.settings.public_url.startswith("https://") and s.doctor is not None:
        seen = await s.doctor.tls_ends()
        ends, problem = (seen, "") if isinstance(seen, datetime) else (None, seen)
    kept = {
        "at": s.clock.now().isoformat(),
        "tls_ends": ends.isoformat() if ends is not None else None,
        "tls_problem": problem,
        "quotas": [line for account in ACCOUNTS for line in await _quotas(s, account)],
    }
    try:
        await s.cache.set(_KEY, json.dumps(kept).encode(), seconds=_SECONDS)
    except OutsideFailure:
        log.info("what was seen outside is not kept: the cache is away")


async def _quotas(s: Services, account: str) -> list[dict[str, Any]]:
    try:
        usage = await s.wechat_quota.usage(account)
    except Exception as error:  # WeChat or Redis: the next look is in an hour
        log.warning("the quotas of an account cannot be seen: %s", type(error).__name__)
        return []
    return [
        {"account": account, "path": one.path, "limit": one.official.limit, "left": one.official.remain}
        for one in usage
        if one.official is not None
    ]


async def last(s: Services) -> OutsideLook | None:
    """Raises OutsideFailure."""
    kept = await s.cache.get(_KEY)
    if kept is None:
        return None
    told = json.loads(kept)
    return OutsideLook(
        at=datetime.fromisoformat(told["at"]),
        tls_ends=datetime.fromisoformat(told["tls_ends"]) if told["tls_ends"] else None,
        tls_problem=told["tls_problem"],
        quotas=[QuotaLeft(**one) for one in told["quotas"]],
    )
