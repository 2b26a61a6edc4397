"""Tries that are counted beforehand and could then not be judged: an outage is nobody's wrong password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from server.domain.ports import Busy, RateLimiter
from server.errors import Refused


@asynccontextmanager
async def judged(rate_limiter: RateLimiter, keys: Iterable[str]) -> AsyncIterator[None]:
    """Within it a try is judged. What ends it other than by an answer or a refusal takes the count back.

    Counting comes first, so that a thousand tries at once get no further than one after another.

    Args:
        rate_limiter: where the tries were counted.
        keys: the counters that were hit for this try.
    """
    try:
        yield
    except Refused as refusal:
        if isinstance(refusal, Busy):
            await rate_limiter.take_back(*keys)
        raise
    except BaseException:
        await rate_limiter.take_back(*keys)
        raise
