"""What an audience chooses by number, by name."""

from __future__ import annotations

from server.domain.campaigns.audience import Audience
from server.models import Plan, School


async def of(audience: Audience) -> tuple[dict[int, str], dict[int, str]]:
    """The chosen plans and the chosen schools: number → name."""
    plans = Plan.filter(id__in=list(audience.plans)).order_by("-exam_date", "-id").values_list("id", "name")
    schools = School.filter(id__in=list(audience.schools)).order_by("name").values_list("id", "name")
    return {int(str(one)): str(name) for one, name in await plans}, {
        int(str(one)): str(name) for one, name in await schools
    }
