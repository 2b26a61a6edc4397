"""Whose data: candidates, signing officers, accounts of the console, participants of courses; each a row with a number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from server.domain import roles
from server.domain.actor import Actor
from server.domain.roles import Verb
from server.errors import NotFound
from server.models import Erasure
from server.models.database import rows


@dataclass(frozen=True, slots=True)
class PersonKind:
    """One kind of people.

    Attributes:
        label: what they are called. table: whose rows; `made`: the column with the moment at which a row was made.
        code: of the refusal when there is no such row.
        all_rows: SQL that is true of every row of the same person, `$1` being the one that is named.
        also: what whoever asks for a copy or an erasure must be allowed besides.
    """

    label: str
    table: str
    made: str
    code: str
    all_rows: str = "id = $1"
    also: Verb | None = None


# The same phone and the same name, in whatever course: one person. A phone alone may be two people's (a family's, a clerk's).
SAME_PARTICIPANT = (
    "(phone_index, name) = (SELECT e.phone_index, e.name FROM course_enrolment e WHERE e.id = $1)"
)
KINDS: Mapping[str, PersonKind] = {
    "candidate": PersonKind("考生", "candidate", "created_at", "candidate_not_found"),
    "officer": PersonKind("签发负责人", "officer", "created_at", "officer_not_found"),
    "staff": PersonKind("账号", "staff", "created_at", "staff_not_found", also=Verb.MANAGE_STAFF),
    "enrolment": PersonKind(
        "培训学员",
        "course_enrolment",
        "enrolled_at",
        "enrolment_not_found",
        SAME_PARTICIPANT,
    ),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """One person: the kind, a name in `KINDS`, and the number of the row."""

    kind: str
    id: int

    @property
    def of(self) -> PersonKind:
        return KINDS[self.kind]

    @property
    def column(self) -> str:
        """Of `erasure`."""
        return f"{self.kind}_id"


@dataclass(frozen=True, slots=True)
class Held:
    """A person's row as it is on record."""

    name: str
    erased_at: datetime | None


def require(actor: Actor, who: Subject, verb: Verb) -> None:
    """Raises Forbidden("role_not_allowed")."""
    roles.require(actor, verb)
    if who.of.also is not None:
        roles.require(actor, who.of.also)


def candidate(who: int | Subject) -> Subject:
    """A number alone is a candidate's."""
    return who if isinstance(who, Subject) else Subject("candidate", who)


def of_case(row: Erasure) -> Subject:
    """Whose case it is."""
    for kind in KINDS:
        if (number := getattr(row, f"{kind}_id")) is not None:
            return Subject(kind, int(number))
    raise LookupError(f"erasure {row.id} is of nobody")


async def look(who: Subject) -> Held:
    """Raises NotFound: there is no such row."""
    return _found(who, await rows(_select(who, ""), who.id))


async def hold(who: Subject) -> Held:
    """The same, locked with all rows of the person until the caller's transaction ends."""
    of = who.of
    await rows(f"SELECT id FROM {of.table} WHERE {of.all_rows} ORDER BY id FOR UPDATE", who.id)  # noqa: S608 -- constants
    return _found(who, await rows(_select(who, " FOR UPDATE"), who.id))


def _select(who: Subject, locking: str) -> str:
    return f"SELECT name, erased_at FROM {who.of.table} WHERE id = $1{locking}"  # noqa: S608 -- constants


def _found(who: Subject, found: list[dict[str, object]]) -> Held:
    if not found:
        raise NotFound(who.of.code, f"没有找到这位{who.of.label}，请核对后重新查找。")
    [row] = found
    return Held(**row)  # type: ignore[arg-type]  # the two columns
