"""Who acts: a member of staff, an officer, a candidate, the system or a stranger. Pure: the standard library alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a request comes from: network address, for limits and the trail, and the request's id."""

    address: str = ""
    request_id: str = ""


UNKNOWN_CALLER = Caller()


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `kind` is staff, officer, candidate, system or stranger; `name` is shown in the trail.

    `scopes`: of the API token by which it is done; None where it is the person. See `people.roles.SCOPES`.
    """

    kind: str
    id: int | None
    name: str
    role: str = ""
    school_id: int | None = None
    address: str = ""
    request_id: str = ""
    scopes: frozenset[str] | None = None

    def at(self, address: str, request_id: str) -> Actor:
        """The same actor, coming from there."""
        return replace(self, address=address, request_id=request_id)

    def called_by(self, caller: Caller) -> Actor:
        """The same actor, coming from there."""
        return self.at(caller.address, caller.request_id)

    def as_json(self) -> dict[str, Any]:
        """As JSON, for a job that goes on in this actor's name; `of` reads it."""
        scopes = sorted(self.scopes) if self.scopes is not None else None
        return {**asdict(self), "scopes": scopes}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Actor:
        """Whom `as_json` wrote."""
        scopes = stored.get("scopes")
        return cls(**{**stored, "scopes": frozenset(scopes) if scopes is not None else None})


SYSTEM = Actor("system", None, "系统")
