"""What every table's class is built on."""

from __future__ import annotations

from typing import Any

from tortoise import models
from tortoise.models import ModelMeta


class _WithoutSource(ModelMeta):
    """Tortoise would read each class's source for comments of its own kind (`#:`), at every start; there are none."""

    def __new__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> type:
        return super().__new__(cls, name, bases, {**attrs, "_no_comments": True})


class Model(models.Model, metaclass=_WithoutSource):
    """One row of a table."""

    class Meta:
        abstract = True
