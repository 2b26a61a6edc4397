"""Whose rows a member of staff sees: a school's account its own school's, everybody else all. Asked nowhere else."""

from __future__ import annotations

from typing import TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from server.domain.actor import Actor
from server.domain.roles import Role

Row = TypeVar("Row", bound=Model)


def is_school(actor: Actor) -> bool:
    """Whether this is a school's own account."""
    return actor.role == Role.SCHOOL.value


def school_of(actor: Actor) -> int | None:
    """The one school whose rows this account sees; None: all. An account that lost its school sees those of none (0)."""
    return (actor.school_id or 0) if is_school(actor) else None


def may_see(actor: Actor, school_id: int | None) -> bool:
    """Whether rows of this school are this account's to see."""
    return school_of(actor) in (None, school_id)


def within(
    query: QuerySet[Row], actor: Actor, *, school: str = "school_id", **released: object
) -> QuerySet[Row]:
    """Of these rows, those of the account's school.

    Args:
        school: the way from a row to its school's id.
        released: what else must hold of the rows that a school sees.
    """
    only = school_of(actor)
    return query if only is None else query.filter(**{school: only, **released})
