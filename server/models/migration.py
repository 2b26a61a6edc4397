"""What a migration of ours is: Tortoise's, without what none of its steps looks at.

Tortoise hands every step the models as they were before it. Making that copy for a hundred steps and seventy models took
two thirds of a first start, and only steps that change or take away something that exists look at it. It also makes all
models ready to be asked for rows after every step, which was most of what remained: no step asks for any.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tortoise.migrations import Migration as TortoiseMigration
from tortoise.migrations import Operation
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps

# Steps that make something new, and look only at the models as they are after it.
_ADDING = (ops.CreateModel, ops.AddField, ops.AddIndex, ops.AddConstraint, ops.RunSQL)


class _Tables(StateApps):
    """The models as tables alone: their filters and first queries are never made."""

    @classmethod
    def of(cls, apps: StateApps) -> _Tables:
        """The same models, shared: what is added to one is in the other."""
        tables = cls(apps._default_connections, apps._connections)
        tables.apps = apps.apps
        return tables

    def _build_initial_querysets(self) -> None:
        return


class _Copied(State):
    """A state that is asked for a copy of itself before each of these steps, and makes it where the step looks at it."""

    def __init__(self, state: State, steps: Iterable[Operation]) -> None:
        super().__init__(state.models, _Tables.of(state.apps))
        self._steps = iter(steps)

    def clone(self) -> State:
        return self if isinstance(next(self._steps), _ADDING) else State(self.models, self.apps).clone()


class Migration(TortoiseMigration):
    """The base of every migration in `server.models.migrations`."""

    async def apply(self, state: State, **how: Any) -> State:
        """As Tortoise's: `state` is brought forward in place."""
        await super().apply(_Copied(state, self.operations), **how)
        return state
