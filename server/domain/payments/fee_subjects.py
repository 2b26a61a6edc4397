"""What a fee is for: the examination that a candidate is registered for, or the course that somebody takes part in (S48).

Every list that shows fees joins them here, so that none loses those of the other kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from server.domain.levels import Level
from server.domain.people.names import mask_name
from server.models.database import rows

COLUMNS = """p.name AS plan, p.exam_date, s.level, r.admission_number, k.title AS course, k.from_on AS course_from_on,
       COALESCE(c.name, e.name) AS person"""
JOINS = """
LEFT JOIN registration r ON r.id = f.registration_id
LEFT JOIN plan p ON p.id = r.plan_id
LEFT JOIN site s ON s.id = r.site_id
LEFT JOIN candidate c ON c.id = f.candidate_id
LEFT JOIN course_enrolment e ON e.id = f.enrolment_id
LEFT JOIN course k ON k.id = e.course_id
"""
_SCHOOLS = "SELECT id FROM school WHERE strpos(name, $1) > 0"
_NAMES = ("plan", "exam_date", "level", "admission_number", "course", "course_from_on", "person")


@dataclass(frozen=True, slots=True)
class FeeSubject:
    """Either the first four are there, or the course's two; `person` is masked."""

    plan: str | None
    exam_date: date | None
    level: Level | None
    admission_number: str | None
    course: str | None
    course_from_on: date | None
    person: str

    @property
    def title(self) -> str:
        """Of the plan or the course."""
        return self.plan or self.course or ""

    @property
    def what(self) -> str:
        """初级考试费, or 培训费."""
        return what(self.level)


def what(level: Level | None) -> str:
    """How the fee of an examination of this level is called; None: of a course."""
    return f"{level.label}考试费" if level is not None else "培训费"


def with_subject(row: dict[str, Any]) -> dict[str, Any]:
    """The row with `COLUMNS` put together as `subject`."""
    own = {name: row[name] for name in _NAMES}
    own["level"] = Level(row["level"]) if row["level"] else None
    own["person"] = mask_name(row["person"])
    return {
        **{name: value for name, value in row.items() if name not in _NAMES},
        "subject": FeeSubject(**own),
    }


async def schools_named(part: str | None) -> list[int] | None:
    """The schools with this in their name; None: whichever.

    Looked up before the list that they narrow, so that the database knows how many they are: from what a few have, or
    from the end of the list backwards.
    """
    return None if part is None else [row["id"] for row in await rows(_SCHOOLS, part)]
