"""The sandbox's memory: named things and logs, in one SQLite file that outlives a restart."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

Body = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS thing (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS log (id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS log_stream ON log (stream, id);
"""


def _text(body: Body) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


class Store:
    """Everything is written through at once; the file belongs to one process."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)
        self.revision = 0

    def close(self) -> None:
        """Close the file; nothing else is left to write."""
        self._db.close()

    def get(self, kind: str, key: str) -> Body | None:
        row = self._db.execute("SELECT body FROM thing WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def put(self, kind: str, key: str, body: Body) -> None:
        self.revision += 1
        self._db.execute(
            "INSERT INTO thing VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
            (kind, key, _text(body)),
        )

    def drop(self, kind: str, key: str) -> None:
        self.revision += 1
        self._db.execute("DELETE FROM thing WHERE kind = ? AND key = ?", (kind, key))

    def all(self, kind: str, prefix: str = "") -> dict[str, Body]:
        """Every thing of a kind whose key begins so, by key."""
        rows = self._db.execute(
            "SELECT key, body FROM thing WHERE kind = ? AND substr(key, 1, ?) = ? ORDER BY key",
            (kind, len(prefix), prefix),
        )
        return {key: json.loads(body) for key, body in rows}

    def count(self, kind: str, key: str) -> int:
        """Add one to a counter and give the new number."""
        number = int((self.get("counter." + kind, key) or {"n": 0})["n"]) + 1
        self.put("counter." + kind, key, {"n": number})
        return number

    def log(self, stream: str, body: Body) -> int:
        """Append to a stream; gives the entry's number."""
        self.revision += 1
        cursor = self._db.execute("INSERT INTO log (stream, body) VALUES (?, ?)", (stream, _text(body)))
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def rewrite(self, entry: int, body: Body) -> None:
        self.revision += 1
        self._db.execute("UPDATE log SET body = ? WHERE id = ?", (_text(body), entry))

    def lines(self, stream: str, *, after: int = 0, last: int = 500) -> list[Body]:
        """The newest `last` entries after a number, oldest first, each with its `id`."""
        rows = self._db.execute(
            "SELECT id, body FROM log WHERE stream = ? AND id > ? ORDER BY id DESC LIMIT ?",
            (stream, after, last),
        ).fetchall()
        return [{"id": number, **json.loads(body)} for number, body in reversed(rows)]

    def trim(self, stream: str, keep: int) -> None:
        """Forget all but the newest entries of a stream."""
        self._db.execute(
            "DELETE FROM log WHERE stream = ?1 AND id <= "
            "(SELECT id FROM log WHERE stream = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
            (stream, keep),
        )

    def forget(self, stream: str) -> None:
        self.revision += 1
        self._db.execute("DELETE FROM log WHERE stream = ?", (stream,))
