"""The database that tests hand on to each other is, for each of them, as a new one."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.kit.databases import ReusedDatabase

AUDIT = """
INSERT INTO audit_entry (at, actor_kind, actor_name, action, subject_kind, subject_id, address, request_id)
VALUES (now(), 'system', '', 'test', '', '', '', '')
"""


@pytest.fixture
def one(postgres_url: str) -> Iterator[ReusedDatabase]:
    made = ReusedDatabase(postgres_url, name="handed")
    yield made
    made.drop()


def contents(url: str) -> dict[str, int]:
    with psycopg.connect(url) as link:
        tables = [row[0] for row in link.execute("SELECT relname FROM pg_stat_user_tables")]
        counts = {
            table: link.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # type: ignore[index]
            for table in tables
        }
        counted = link.execute("SELECT count(*) FROM pg_sequences WHERE last_value IS NOT NULL").fetchone()
        assert counted is not None
        return {name: count for name, count in counts.items() if count} | {"sequences": counted[0]}


def test_rows_and_numbers_are_gone_and_the_rules_hold_again(one: ReusedDatabase) -> None:
    url = one.take()
    new = contents(url)
    with psycopg.connect(url) as link:
        link.execute("INSERT INTO school (name, created_at) VALUES ('一', now()), ('二', now())")
        link.execute(AUDIT)
    assert contents(url) == new | {"school": 2, "audit_entry": 1, "sequences": new["sequences"] + 2}
    assert one.take() == url, "nothing but rows had changed"
    assert contents(url) == new
    with psycopg.connect(url) as link:
        link.execute(AUDIT)
        with pytest.raises(psycopg.errors.RestrictViolation):
            link.execute("DELETE FROM audit_entry")


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE school RENAME TO away",
        "DROP TABLE notice_grant_entry",
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change",
        "CREATE TABLE kept ()",
        "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DELETE FROM tortoise_migrations",
        "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('records', '9999_future', now())",
    ],
)
def test_a_database_whose_tables_were_altered_is_thrown_away(one: ReusedDatabase, change: str) -> None:
    url = one.take()
    new = contents(url)
    with psycopg.connect(url) as link:
        link.execute(change)
    again = one.take()
    assert again != url
    assert contents(again) == new


def test_a_connection_that_was_left_open_is_ended(one: ReusedDatabase) -> None:
    with psycopg.connect(one.take()) as link:
        link.execute("LOCK TABLE school")
        one.take()
        with pytest.raises(psycopg.OperationalError):
            link.execute("SELECT 1")
        link.close()
