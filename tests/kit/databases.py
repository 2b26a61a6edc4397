"""The databases of the tests: one for each test process, emptied between tests, since making a new one costs ten times that."""

from __future__ import annotations

import time
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

# What would be left of a changed table, function or trigger: rows of the catalogue that are newer than the last reset,
# and how many there are.
_SHAPE = " UNION ALL ".join(
    f"SELECT count(*), count(*) FILTER (WHERE xmin::text::bigint >= %(since)s::bigint) FROM {catalogue}"
    for catalogue in (
        "pg_namespace",
        "pg_class",
        "pg_attribute",
        "pg_attrdef",
        "pg_index",
        "pg_constraint",
        "pg_trigger",
        "pg_proc",
        "pg_type",
        "pg_db_role_setting",
    )
)
_TOUCHED = """
SELECT relname FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'tortoise_migrations'
    AND pg_relation_size(oid) > 0
"""
_COUNTED = "SELECT format('%I.%I', schemaname, sequencename), last_value, start_value FROM pg_sequences"
_APPLIED = "SELECT array_agg(t::text ORDER BY id) FROM tortoise_migrations t"
_STRANGERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = %s AND pid <> pg_backend_pid() AND application_name <> ALL(%s)
"""
# Hold for everybody, so only who may alter the tables can empty them.
_NO_CHANGE = {
    table: f"{table}_no_change" for table in ("audit_entry", "audit_link", "log_entry", "log_checkpoint")
}


def with_database(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, f"/{name}", "", ""))


class ReusedDatabase:
    """A migrated database that is handed to one test after the other, each time without rows and with fresh numbers.

    A test that altered the tables themselves, or left the database unusable, gets it thrown away after itself.

    Args:
        server: the URL of any database of the server, as its superuser.
        pattern: the name of the migrated database to copy.
        name: what the names of its databases begin with.
    """

    def __init__(self, server: str, pattern: str = "pattern", name: str = "reused") -> None:
        self._server, self._pattern, self._prefix = server, pattern, name
        self._made = 0
        self._name = ""
        self._kept: psycopg.Connection | None = None
        self._shape: list[tuple[int, int]] = []
        self._since = 0
        self._applied: object = None
        self._counted: dict[str, int | None] = {}

    def take(self, spared: str = "") -> str:
        """The URL of the database, as it was when it was made.

        Args:
            spared: the name of connections that stay; empty: the test is alone with its database.
        """
        if not self._name or not self._is_again_as_it_was(spared):
            self._make()
        if not spared and self._kept is not None:
            self._kept.close()
        return with_database(self._server, self._name)

    def _is_again_as_it_was(self, spared: str) -> bool:
        try:
            return self._emptied(self._link(), [spared] if spared else [])
        except psycopg.Error:  # it was dropped, or lets nobody in
            return False

    def _link(self) -> psycopg.Connection:
        if self._kept is None or self._kept.closed:
            url = with_database(self._server, self._name)
            self._kept = psycopg.connect(url, autocommit=True, options="-c lock_timeout=30000")
        return self._kept

    def drop(self) -> None:
        if self._kept is not None:
            self._kept.close()
        if self._name:
            with psycopg.connect(self._server, autocommit=True) as link:
                link.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._name))
                )
            self._name = ""

    def _make(self) -> None:
        self.drop()
        with psycopg.connect(self._server, autocommit=True) as link:
            self._made += 1
            self._name = f"{self._prefix}{self._made}"
            link.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._name))
            )
            link.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(self._name), sql.Identifier(self._pattern)
                )
            )
        link = self._link()
        self._applied = link.execute(_APPLIED).fetchone()
        self._counted = {name: last for name, last, _ in link.execute(_COUNTED)}
        self._remember(link)

    def _remember(self, link: psycopg.Connection) -> None:
        (self._since,) = link.execute("SELECT pg_current_xact_id()::text::bigint").fetchone() or (0,)
        self._shape = link.execute(_SHAPE, {"since": self._since}).fetchall()

    def _emptied(self, link: psycopg.Connection, spared: list[str]) -> bool:
        """Whether it could be made as it was; False: it has to be made anew."""
        self._end_others(link, spared)
        if link.execute(_SHAPE, {"since": self._since}).fetchall() != self._shape:
            return False
        if link.execute(_APPLIED).fetchone() != self._applied:
            return False
        touched = [row[0] for row in link.execute(_TOUCHED)]
        if touched:
            self._delete(link, touched)
        for name, last, first in link.execute(_COUNTED).fetchall():
            if last != (was := self._counted[name]):
                link.execute("SELECT setval(%s::regclass, %s, %s)", (name, was or first, was is not None))
        self._remember(link)
        return True

    def _end_others(self, link: psycopg.Connection, spared: list[str]) -> None:
        """Whatever the last test left connected goes, and with it the locks it held."""
        until = time.monotonic() + 30
        while link.execute(_STRANGERS, (self._name, spared)).fetchall():
            assert time.monotonic() < until, "a connection of the last test does not end"
            time.sleep(0.005)

    @staticmethod
    def _delete(link: psycopg.Connection, tables: list[str]) -> None:
        with link.transaction():
            link.execute("SET LOCAL session_replication_role = replica")  # no foreign keys, no triggers
            held = [(table, _NO_CHANGE[table]) for table in tables if table in _NO_CHANGE]
            for table, trigger in held:
                link.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
            for table in tables:
                link.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
            for table, trigger in held:
                link.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
        # Gives the room back, so that what was deleted is not read again by every test that follows.
        link.execute(sql.SQL("VACUUM {}").format(sql.SQL(", ").join(map(sql.Identifier, tables))))
