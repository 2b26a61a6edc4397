"""生僻字: characters of people's names that no font here can print, and whose certificates wait for one."""

from __future__ import annotations

from dataclasses import dataclass

from server.domain import roles
from server.domain.actor import Actor
from server.domain.certificates import queries
from server.domain.certificates.queries import Person
from server.domain.ports import PdfRenderer
from server.domain.roles import Verb

MOST = 200


@dataclass(frozen=True, slots=True)
class Lacking:
    """A character that cannot be printed, and the people who bear it."""

    character: str
    people: tuple[Person, ...]

    @property
    def code(self) -> str:
        """U+21334"""
        return f"U+{ord(self.character):04X}"


async def listing(pdf_renderer: PdfRenderer, *, actor: Actor) -> list[Lacking]:
    """Every such character with at most `MOST` people in all. Nobody's name is read who can be printed.

    Raises:
        Forbidden("role_not_allowed"): full names are for those who see to the data.
    """
    roles.require(actor, Verb.IMPORT)
    borne: dict[str, list[Person]] = {
        character: [] for character in pdf_renderer.missing_glyphs(await queries.characters())
    }
    found = await queries.bearers("".join(borne), MOST) if borne else []
    for person in found:
        for character in borne.keys() & set(person.name):
            borne[character].append(person)
    # A character that nobody bears any more is still known; past so many people some are not shown, but there.
    return [
        Lacking(character, tuple(people))
        for character, people in borne.items()
        if people or len(found) == MOST
    ]
