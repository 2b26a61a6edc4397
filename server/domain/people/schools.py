"""Schools by id."""

from __future__ import annotations

from server.models import School


async def name_of(school_id: int | None) -> str:
    """Empty for no school."""
    school = await School.get_or_none(id=school_id) if school_id else None
    return school.name if school else ""
