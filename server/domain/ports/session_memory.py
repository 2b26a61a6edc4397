"""What one process remembers of sessions, so that a request need not ask again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SessionClaims:
    """What a genuine token says.

    Args:
        kind: what it opens.
        subject: whom it speaks of.
        issued_at: Unix seconds.
        expires_at: alike.
        more: JSON values that were added, by name.
    """

    kind: str
    subject: str
    issued_at: int
    expires_at: int
    more: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SessionMemory:
    """Two tables that change while the process lives and end with it; losing them costs time, never safety.

    `claims`: tokens found genuine by this process → their claims, and the blind indexes of whom they speak of.
    `ended`: blind index of a person → Unix seconds up to which their sessions are over (see people.ended_sessions).
    """

    claims: dict[str, tuple[SessionClaims, tuple[str, ...]]] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
