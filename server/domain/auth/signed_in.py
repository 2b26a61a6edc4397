"""Who is here, by session or by token: what pages and rules need to know of the account, without its secrets."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain.people import staff
from server.domain.roles import Role
from server.models import Staff


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account whose owner, or whose program, is asking."""

    id: int
    username: str
    name: str
    role: Role
    school_id: int | None
    must_change_password: bool
    has_second_factor: bool

    @classmethod
    def of(cls, row: Staff) -> SignedIn:
        return cls(
            row.id,
            row.username,
            row.name,
            Role(row.role),
            row.school_id,
            row.must_change_password,
            staff.has_second_factor(row),
        )
