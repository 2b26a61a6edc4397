"""Where WeChat's session key of somebody in the mini-program is kept: in the cache, sealed, for as long as a log-in."""

from __future__ import annotations

from hashlib import sha256

from server.domain.ports import Cache

SECONDS = 2 * 24 * 3600


def name_of(openid: str) -> str:
    """The cache's name for it, which does not show whose it is."""
    return f"mp:session_key:{sha256(openid.encode()).hexdigest()}"


async def drop(cache: Cache, openid: str) -> None:
    """Forget the key of this person; none there is no error. Raises OutsideFailure when the cache is away."""
    await cache.delete(name_of(openid))
