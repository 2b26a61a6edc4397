"""What is wrong with the URLs of database and Redis, as far as can be told without asking them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

# What both asyncpg and libpq take from a URL, and mean the same by.
_DATABASE_WORDS = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "application_name")
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def problems(values: Mapping[str, Any]) -> list[str]:
    """One line for each thing that cannot be right.

    Args:
        values: settings by field name; `database_url` and `redis_url` are looked at, empty ones are not.
    """
    return _database(str(values.get("database_url") or "")) + _redis(str(values.get("redis_url") or ""))


def _database(url: str) -> list[str]:
    if not url:
        return []
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ["XCERT_DATABASE_URL 的主机或端口写法不对，应为 postgresql://用户:密码@主机:端口/库名"]
    del port
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or not parts.path.strip("/"):
        return [
            "XCERT_DATABASE_URL 应为 postgresql://用户:密码@主机:端口/库名（密码里的 @ : / 写作 %40 %3A %2F）"
        ]
    problems = []
    for word, value in parse_qsl(parts.query, keep_blank_values=True):
        if word not in _DATABASE_WORDS:
            problems.append(f"XCERT_DATABASE_URL 的参数 {word} 不支持，可用的有 {'、'.join(_DATABASE_WORDS)}")
        elif word == "sslmode" and value not in _SSL_MODES:
            problems.append(f"XCERT_DATABASE_URL 的 sslmode 只能是 {'、'.join(_SSL_MODES)}")
    return problems


def _redis(url: str) -> list[str]:
    if not url:
        return []
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ["XCERT_REDIS_URL 的主机或端口写法不对，应为 redis://:密码@主机:端口/0"]
    del port
    if parts.scheme not in ("redis", "rediss", "unix"):
        return ["XCERT_REDIS_URL 应为 redis://:密码@主机:端口/0（加密连接用 rediss://）"]
    return []


def place_of(url: str) -> str:
    """Host, port and name, without user and password: for a sentence that says where nobody answers."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/')}"
