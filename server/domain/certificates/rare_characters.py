"""生僻字: characters of people's names that no font here can print, and whose certificates wait for one."""

from __future__ import annotations

from dataclasses import dataclass, field

from server.domain import roles
from server.domain.actor import Actor
from server.domain.ports import PdfRenderer
from server.domain.roles import Verb
from server.models.database import rows

MOST = 200
_CHARACTERS = "SELECT DISTINCT regexp_split_to_table(name, '') AS one FROM candidate"
# `translate` without a third argument takes the characters away; a name that changes has one of them.
_PEOPLE = """
SELECT c.id, c.name, COALESCE(sc.name, '') AS school,
       EXISTS (SELECT 1 FROM registration r WHERE r.candidate_id = c.id AND r.outcome = 'passed') AS has_passed
FROM candidate c LEFT JOIN school sc ON sc.id = c.school_id
WHERE translate(c.name, $1, '') <> c.name ORDER BY c.id LIMIT $2
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose name cannot be printed. `waits`: passed, so that a certificate is held back."""

    name: str
    school: str
    waits: bool


@dataclass(slots=True)
class Lacking:
    """A character that cannot be printed, and the people who bear it."""

    character: str
    people: list[Person] = field(default_factory=list)

    @property
    def code(self) -> str:
        """U+21334"""
        return f"U+{ord(self.character):04X}"


async def listing(pdf_renderer: PdfRenderer, *, actor: Actor) -> list[Lacking]:
    """Every such character with at most `MOST` people in all. Reads all names once: for a page that is opened rarely.

    Raises:
        Forbidden("role_not_allowed"): full names are for those who see to the data.
    """
    roles.require(actor, Verb.IMPORT)
    all_of_them = "".join(sorted(row["one"] for row in await rows(_CHARACTERS)))
    found = {one: Lacking(one) for one in pdf_renderer.missing_glyphs(all_of_them)}
    if not found:
        return []
    for row in await rows(_PEOPLE, "".join(found), MOST):
        for character in dict.fromkeys(row["name"]):
            if character in found:
                person = Person(row["name"], row["school"], bool(row["has_passed"]))
                found[character].people.append(person)
    return list(found.values())
