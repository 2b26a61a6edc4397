"""When the database is away, full, locked or too slow: one short cause, instead of an unexpected error."""

from __future__ import annotations

import errno
import socket

import asyncpg

# Classes and states of SQLSTATE that say "not now", not "not so": connection, resources, operator, system error…
_CLASSES = ("08", "28", "53", "57", "58")
_STATES = ("3D000", "25006", "25P03", "40001", "40P01", "55P03")
_CLOSED = ("is closed", "is closing", "was closed", "not initialized", "terminated", "released back")
_ERRNOS = frozenset(
    {
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.ECONNABORTED,
        errno.EPIPE,
        errno.ETIMEDOUT,
        errno.EHOSTUNREACH,
        errno.EHOSTDOWN,
        errno.ENETUNREACH,
        errno.ENETDOWN,
        errno.EMFILE,
        errno.ENFILE,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EIO,
    }
)


def cause_of(error: BaseException) -> str | None:
    """Why the database, a connection or the disk could not do its part, in a few words; None for any other error.

    What Tortoise wraps is looked at through its wrapping. No word of a query or its values is in the answer.
    """
    inner: BaseException | None = error
    while inner is not None:
        if (cause := _cause(inner)) is not None:
            return cause
        inner = inner.__cause__
    return None


def was_cut(error: BaseException) -> bool:
    """Whether the database went away in the middle: the same again, soon, may well succeed.

    A statement that took too long or a lock that did not come is none of it: they would take too long again.
    """
    seen: BaseException | None = error
    while seen is not None:
        state = str(seen.sqlstate or "") if isinstance(seen, asyncpg.PostgresError) else ""
        if isinstance(seen, ConnectionError) or state.startswith(("08", "53", "57P")):
            return True
        if isinstance(seen, asyncpg.TargetServerAttributeNotMatched):
            return True
        if isinstance(seen, asyncpg.InterfaceError) and any(word in str(seen) for word in _CLOSED):
            return True
        seen = seen.__cause__
    return False


def was_too_slow(error: BaseException) -> bool:
    """Whether a statement took longer than it may."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, asyncpg.QueryCanceledError):
            return True
        seen = seen.__cause__
    return False


def _cause(error: BaseException) -> str | None:
    if isinstance(error, asyncpg.PostgresError):
        state = str(error.sqlstate or "")
        if state.startswith(_CLASSES) or state in _STATES:
            return f"{type(error).__name__} {state}"
        return None
    if isinstance(error, asyncpg.InterfaceError):
        return "connection closed" if any(word in str(error) for word in _CLOSED) else None
    if isinstance(error, asyncpg.TargetServerAttributeNotMatched):
        return "no primary"  # of several hosts: one takes over just now
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionError | socket.gaierror):
        return type(error).__name__
    if isinstance(error, OSError):
        if error.errno in _ERRNOS:
            return errno.errorcode[error.errno]
        if "Multiple exceptions" in str(error):  # asyncio tried several addresses of one name
            return "ConnectionRefusedError"
    return None
