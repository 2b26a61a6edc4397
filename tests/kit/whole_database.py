"""Everything that the database says, as text: to look for what must not be in it."""

from __future__ import annotations

import json
from typing import Any

from server.models.database import rows


async def everything() -> dict[str, str]:
    """The text of every row of the database, by table: what is written in JSON and in bytes is read out, too."""
    tables = await rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = {}
    for table in (row["tablename"] for row in tables):
        dumped = await rows(f"SELECT to_json(t)::text AS text FROM {table} t")
        found[table] = " ".join(
            json.dumps(read_out(json.loads(row["text"])), ensure_ascii=False) for row in dumped
        )
    return found


def read_out(value: Any) -> Any:
    """What a row says: bytes (as PostgreSQL writes them) also as text, and JSON within text without its escapes."""
    if isinstance(value, dict):
        return {read_out(name): read_out(one) for name, one in value.items()}
    if isinstance(value, list):
        return [read_out(one) for one in value]
    if not isinstance(value, str):
        return value
    if value.startswith("\\x"):
        return [value, bytes.fromhex(value[2:]).decode("utf-8", "ignore")]
    if value.isdigit() and len(value) > 60:  # a certificate's code: the digits of signed bytes
        code = int(value)
        return [value, code.to_bytes((code.bit_length() + 7) // 8, "big").decode("utf-8", "ignore")]
    if "\\u" in value:
        return value.encode("ascii", "backslashreplace").decode("unicode_escape")
    return value
