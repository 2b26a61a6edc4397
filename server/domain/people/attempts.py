"""Tries that are counted beforehand and could then not be judged: an outage is nobody's wrong password."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from server.domain.ports import Busy, Services
from server.errors import Refused


@asynccontextmanager
async def judged(s: Services, keys: Iterable[str]) -> AsyncIterator[None]:
    """Within it a try is judged. What ends it other than by an answer or a refusal takes the count back.

    Counting comes first, so that a thousand tries at once get no further than one after another.

    Args:
        s: services.
        keys: the counters of `s.limits` that were hit for this try.
    """
    try:
        yield
    except Refused as refusal:
        if isinstance(refusal, Busy):
            await s.rate_limiter.take_back(*keys)
        raise
    except BaseException:
        await s.rate_limiter.take_back(*keys)
        raise
