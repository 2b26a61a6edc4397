"""Changes that make ready answers stale: written with the change itself, read by every process."""

from __future__ import annotations

from hashlib import blake2b

from tortoise import connections

from server.domain.ports import Services
from server.domain.ports.lookups import ALL, END

_PERSON = b"lookup-scope"
LOCK = 0x6C6F6F6B7570  # "lookup": held from the insert to the commit, so that ids become visible in order


def scope_of(account: str, openid: str) -> str:
    """The scope of one person, which does not show whose it is: rows are kept for a day, and read by every process."""
    return f"{account}:{blake2b(openid.encode(), digest_size=20, person=_PERSON).hexdigest()}"


def scope_of_end(index: str, moment: int) -> str:
    """Not a look-up's scope: the sessions of a person (blind index) that began up to `moment` (Unix seconds) are over."""
    return f"{END}{index}:{moment}"


async def changed(scope: str = ALL) -> None:
    """Say that look-ups of `scope` are stale, in the caller's transaction and as its LAST statement.

    The advisory lock is held until the caller commits, so that a reader who has seen change 8 can never
    meet change 7 later; that is why it must come last: everything after it makes others wait.
    A trigger tells listeners at once (channel `xcert_lookup`); who misses that finds the row by asking.

    Args:
        scope: `*` for everybody (a release, an import, a revocation, a batch issued), or `scope_of(…)`.
    """
    await tell(scope)


async def tell(*scopes: str) -> None:
    """`changed` for several scopes in one statement. The time is the database's, the same for every machine."""
    connection = connections.get("default")
    await connection.execute_query("SELECT pg_advisory_xact_lock($1)", [LOCK])
    await connection.execute_query(
        "INSERT INTO lookup_change (scope, at) SELECT scope, clock_timestamp() FROM unnest($1::text[]) AS scope",
        [list(scopes)],
    )


async def sweep(s: Services) -> int:
    """Forget changes older than a day; the newest stays, since it says where the count stands.

    Returns:
        how many were forgotten. Job `lookups.sweep`.
    """
    rows, _ = await connections.get("default").execute_query(
        "DELETE FROM lookup_change WHERE at < clock_timestamp() - interval '1 day'"
        " AND id < (SELECT max(id) FROM lookup_change)"
    )
    return int(rows)
