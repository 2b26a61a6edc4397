"""The database itself: what migrations make of an empty one, and what it refuses."""

from __future__ import annotations

import ast
import asyncio
import re
import sys
from pathlib import Path

import asyncpg
import pytest
from tortoise import Tortoise
from tortoise.exceptions import IntegrityError
from tortoise.migrations.autodetector import MigrationAutodetector

from server.models import School, database

MIGRATIONS = Path(database.__file__).parent / "migrations"
RULES = "\n".join(path.read_text("utf-8") for path in sorted(MIGRATIONS.glob("*.sql")))
INDEX = re.compile(r"^CREATE (UNIQUE )?INDEX (\w+) ON (\w+)", re.MULTILINE)
CONSTRAINT = re.compile(r"ADD CONSTRAINT (\w+)")
TRIGGER = re.compile(r"^CREATE TRIGGER (\w+)", re.MULTILINE)


@pytest.fixture
async def link(db_url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(db_url)
    yield connection
    await connection.close()


async def test_every_index_is_there(link: asyncpg.Connection) -> None:
    rows = await link.fetch(
        "SELECT c.relname, t.relname, i.indisunique, i.indisvalid FROM pg_index i"
        " JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid"
    )
    found = {(row[0], row[1], row[2]) for row in rows if row[3]}
    wanted = {(name, table, bool(unique)) for unique, name, table in INDEX.findall(RULES)}
    assert len(wanted) > 30
    assert wanted - found == set()


def test_each_migration_follows_the_one_before_it() -> None:
    """Two that name the same predecessor are two ends: which of them an upgrade takes would be chance."""
    files = sorted(MIGRATIONS.glob("[0-9]*.py"))
    numbers = [int(path.name[:4]) for path in files]
    assert len(numbers) == len(set(numbers))  # some stand free: they were kept for what never came
    follows = {
        path.stem: [
            element.value
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Assign)
            and [getattr(one, "id", "") for one in node.targets] == ["dependencies"]
            for element in ast.walk(node.value)
            if isinstance(element, ast.Constant) and element.value != "records"
        ]
        for path in files
    }
    names = [path.stem for path in files]
    assert follows == {name: names[:at][-1:] for at, name in enumerate(names)}


async def test_every_check_is_there_and_valid(link: asyncpg.Connection) -> None:
    found = {row[0] for row in await link.fetch("SELECT conname FROM pg_constraint WHERE convalidated")}
    wanted = set(CONSTRAINT.findall(RULES))
    assert len(wanted) >= 5
    assert wanted - found == set()


async def test_every_trigger_is_there_and_on(link: asyncpg.Connection) -> None:
    rows = await link.fetch("SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal")
    found = {row[0]: row[1] for row in rows}
    wanted = set(TRIGGER.findall(RULES))
    assert wanted - found.keys() == set()
    always = {name for name in wanted if name.startswith("audit_entry")}
    assert {found[name] for name in always} == {b"A"}, "also when a session calls itself a replica"


async def test_every_foreign_key_has_an_index(link: asyncpg.Connection) -> None:
    """PostgreSQL makes none by itself; without one each check of the referenced row scans the table."""
    rows = await link.fetch(
        """
        SELECT f.conrelid::regclass::text AS table, a.attname AS column
        FROM pg_constraint f JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1]
        WHERE f.contype = 'f' AND f.conrelid::regclass::text NOT LIKE 'procrastinate%' AND NOT EXISTS (
            SELECT 1 FROM pg_index i WHERE i.indrelid = f.conrelid AND i.indkey[0] = f.conkey[1]
        )
        """
    )
    never_looked_from = {  # the row referred to is never deleted, and nobody asks from its side
        ("plan", "kind_id"),
        ("receipt", "officer_id"),
        ("scan_ticket", "school_id"),
        ("scan_ticket", "spent_by_id"),
        ("site", "kind_id"),
        ("staff", "school_id"),
    }
    assert {tuple(row) for row in rows} - never_looked_from == set()


async def test_tables_match_the_models(db: str) -> None:
    """No migration is missing: Tortoise finds nothing to write."""
    apps = Tortoise.apps
    assert apps is not None
    assert [
        writer.operations
        for writer in await MigrationAutodetector(apps, database.config(db)["apps"]).changes()
    ] == []


async def test_nothing_is_pending_after_migrating_and_again(db_url: str) -> None:
    assert await database.pending(db_url) == []
    await database.migrate(db_url)
    assert await database.pending(db_url) == []


async def test_an_empty_database_from_several_starts_at_once(postgres_url: str) -> None:
    from tests.conftest import with_database

    link = await asyncpg.connect(postgres_url)
    await link.execute("DROP DATABASE IF EXISTS race WITH (FORCE)")
    await link.execute("CREATE DATABASE race")
    url = with_database(postgres_url, "race")
    try:
        assert len(await database.pending(url)) >= 3
        starts = [
            await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-c",
                    f"import asyncio\nfrom server.models import database\nasyncio.run(database.migrate({url!r}))",
                ),
            )
            for _ in range(3)
        ]
        assert [await start.wait() for start in starts] == [0, 0, 0]
        assert await database.pending(url) == []
    finally:
        await link.execute("DROP DATABASE race WITH (FORCE)")
        await link.close()


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE audit_entry SET actor_name = '别人'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
        "TRUNCATE audit_entry CASCADE",
        "SET session_replication_role = replica; DELETE FROM audit_entry",
    ],
)
async def test_an_audit_entry_is_for_ever(link: asyncpg.Connection, attempt: str) -> None:
    await link.execute(
        "INSERT INTO audit_entry (at, actor_kind, actor_name, action, subject_kind, subject_id, address, request_id)"
        " VALUES (now(), 'system', '系统', 'a.b', 'c', '1', '', '')"
    )
    with pytest.raises(asyncpg.RestrictViolationError, match="审计记录不可修改或删除"):
        await link.execute(attempt)
    assert await link.fetchval("SELECT actor_name FROM audit_entry") == "系统"


def caught(tree: ast.AST) -> list[tuple[int, str]]:
    """Handlers of IntegrityError: line and the index that each looks for; empty: none."""
    return [
        (
            handler.lineno,
            next(
                (
                    str(call.args[1].value)
                    for call in ast.walk(handler)
                    if isinstance(call, ast.Call)
                    and ast.unparse(call.func).endswith("breaks")
                    and isinstance(call.args[1], ast.Constant)
                ),
                "",
            ),
        )
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and "IntegrityError" in ast.unparse(handler.type or handler)
    ]


async def test_who_catches_a_broken_index_says_which(link: asyncpg.Connection) -> None:
    """Anything else that the database holds is a fault, and no "already there" to a person."""
    unique = {
        row[0]
        for row in await link.fetch("SELECT indexrelid::regclass::text FROM pg_index WHERE indisunique")
    }
    found = {
        f"{path.name}:{line}": index
        for path in sorted(Path("server/domain").rglob("*.py"))
        for line, index in caught(ast.parse(path.read_text("utf-8")))
    }
    assert len(found) > 5
    assert {place: index for place, index in found.items() if index not in unique} == {}


def test_a_handler_that_does_not_ask_would_be_seen() -> None:
    planted = "try:\n    pass\nexcept IntegrityError:\n    raise Conflict('known', '已有。')\n"
    assert caught(ast.parse(planted)) == [(3, "")]


async def test_a_broken_index_is_told_from_another(db: str) -> None:
    await School.create(name="京华学院")
    with pytest.raises(IntegrityError) as twice:
        await School.create(name="京华学院")
    assert database.breaks(twice.value, "school_name_key")
    assert not database.breaks(twice.value, "school_code_key")
    assert not database.breaks(IntegrityError(), "school_name_key")
