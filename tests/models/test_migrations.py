"""Migrations: each stands on the one before, and none copies all models before every step."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from pathlib import Path

import pytest
from tortoise.connection import get_connection
from tortoise.migrations import Migration as TortoiseMigration
from tortoise.migrations import operations as ops
from tortoise.migrations.schema_editor.base_postgres import BasePostgresSchemaEditor
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps

from server.models import migration, migrations

NAMES = sorted(file.stem for file in Path(migrations.__file__).parent.glob("[0-9]*.py"))


def _kind(name: str) -> type[TortoiseMigration]:
    kind: type[TortoiseMigration] = import_module(f"server.models.migrations.{name}").Migration
    return kind


@pytest.mark.parametrize("name", NAMES)
def test_every_migration_has_our_base(name: str) -> None:
    assert issubclass(_kind(name), migration.Migration)


def test_they_stand_in_one_row() -> None:
    """Two that name the same one before them came from two people at once: one of them has to move behind the other."""
    before = [_kind(name).dependencies for name in NAMES]
    assert before == [[("records", one)] if one else [] for one in ["", *NAMES][:-1]]
    assert max(Counter(name[:4] for name in NAMES).values()) == 1


class _Looking(ops.TortoiseOperation):
    """A step of a kind that may look at the models as they were."""

    def __init__(self) -> None:
        self.shown: list[State] = []

    def describe(self) -> str:
        return "looking"

    def state_forward(self, app_label: str, state: State) -> None:
        state.models[("records", "New")] = None  # type: ignore[assignment]

    async def database_forward(
        self, app_label: str, old_state: State, new_state: State, state_editor: object = None
    ) -> None:
        self.shown = [old_state, new_state]


async def test_a_step_that_may_look_at_what_was_is_shown_it(db: str) -> None:
    step = _Looking()
    one = migration.Migration("0001_looking", "records")
    one.operations = [ops.RunSQL("SELECT 1"), step]
    state = State({}, StateApps({}))
    await one.apply(state, schema_editor=BasePostgresSchemaEditor(get_connection("default")))
    was, now = step.shown
    assert was.models == {}
    assert list(now.models) == [("records", "New")] == list(state.models)
