"""One column of rows, as a list."""

from __future__ import annotations

from typing import Any

from tortoise.models import Model
from tortoise.queryset import QuerySet


async def column(rows: QuerySet[Model] | QuerySet[Any], name: str) -> list[Any]:
    """What these rows hold in the column `name`, in their order."""
    return list(await rows.values_list(name, flat=True))
