"""What is in the URLs of database and Redis, and what is wrong with them, as far as can be told without asking them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# What both asyncpg and libpq take from a URL, and mean the same by.
_DATABASE_WORDS = (
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslcrl",
    "target_session_attrs",
    "application_name",
)
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
ENCRYPTED = frozenset({"require", "verify-ca", "verify-full"})  # sslmodes that refuse a plain connection
_TARGETS = ("any", "read-write", "primary")  # a standby takes none of our writes
_SENTINEL_WORDS = ("sentinel_username", "sentinel_password")
SENTINELS = ("redis+sentinel", "rediss+sentinel")
_FORM = "postgresql://用户:密码@主机:端口/库名"


def problems(values: Mapping[str, Any]) -> list[str]:
    """One line for each thing that cannot be right.

    Args:
        values: settings by field name; those of database and Redis are looked at, empty ones are not.
    """
    direct = str(values.get("database_session_url") or "")
    lines = _database(str(values.get("database_url") or ""), "XCERT_DATABASE_URL")
    lines += _database(direct, "XCERT_DATABASE_SESSION_URL")
    if direct and not values.get("database_url"):
        lines.append("填了 XCERT_DATABASE_SESSION_URL，XCERT_DATABASE_URL 也要填（经过 PgBouncer 的地址）")
    return lines + _redis(str(values.get("redis_url") or ""))


def hosts_of(url: str, port: int) -> list[tuple[str, int]]:
    """Every host and port that a URL names, in its order.

    Args:
        port: where none is written.

    Raises:
        ValueError: a port is no number.
    """
    found = []
    for one in urlsplit(url).netloc.rpartition("@")[2].split(","):
        parts = urlsplit(f"//{one}")
        found.append((parts.hostname or "", parts.port or port))
    return found


def one_each(url: str) -> list[str]:
    """The URL of several hosts as one URL for each."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [urlunsplit(parts._replace(netloc=f"{user}{at}{host}")) for host in hosts.split(",")]


def words_of(url: str) -> dict[str, str]:
    """What stands behind the question mark."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_word(url: str, name: str, value: str) -> str:
    """The URL with this word added, unless it has one of that name."""
    words = words_of(url)
    if name in words:
        return url
    return urlunsplit(urlsplit(url)._replace(query=urlencode(words | {name: value})))


def _database(url: str, setting: str) -> list[str]:
    if not url:
        return []
    try:
        parts = urlsplit(url)
        hosts = hosts_of(url, 5432)
    except ValueError:
        return [f"{setting} 的主机或端口写法不对，应为 {_FORM}"]
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        return [f"{setting} 应为 {_FORM}（密码里的 @ : / 写作 %40 %3A %2F）"]
    if not all(host for host, _ in hosts):
        return [f"{setting} 应为 {_FORM}（几台主机写作 主机1:端口,主机2:端口）"]
    return _of_words(url, setting, several=len(hosts) > 1)


def _of_words(url: str, setting: str, *, several: bool) -> list[str]:
    found = []
    words = words_of(url)
    for word, value in words.items():
        if word not in _DATABASE_WORDS:
            found.append(f"{setting} 的参数 {word} 不支持，可用的有 {'、'.join(_DATABASE_WORDS)}")
        elif word == "sslmode" and value not in _SSL_MODES:
            found.append(f"{setting} 的 sslmode 只能是 {'、'.join(_SSL_MODES)}")
        elif word == "target_session_attrs" and value not in _TARGETS:
            found.append(f"{setting} 的 target_session_attrs 只能是 {'、'.join(_TARGETS)}")
    if several and words.get("target_session_attrs", "any") == "any":
        found.append(f"{setting} 写了几台主机，请加上 target_session_attrs=read-write，否则可能连到备机")
    return found


def _redis(url: str) -> list[str]:
    if not url:
        return []
    try:
        parts = urlsplit(url)
        hosts = hosts_of(url, 6379)
    except ValueError:
        return ["XCERT_REDIS_URL 的主机或端口写法不对，应为 redis://:密码@主机:端口/0"]
    if parts.scheme in SENTINELS:
        return _sentinel(url, hosts)
    if parts.scheme not in ("redis", "rediss", "unix"):
        return [
            "XCERT_REDIS_URL 应为 redis://:密码@主机:端口/0（加密连接用 rediss://，哨兵用 redis+sentinel://）"
        ]
    if len(hosts) > 1:
        return [
            "XCERT_REDIS_URL 写了几台主机：几台 Redis 要经过哨兵，写作 redis+sentinel://主机1,主机2/服务名/0"
        ]
    return []


def _sentinel(url: str, hosts: list[tuple[str, int]]) -> list[str]:
    name, _, number = urlsplit(url).path.strip("/").partition("/")
    if not name or (number and not number.isdigit()) or not all(host for host, _ in hosts):
        return ["XCERT_REDIS_URL 应为 redis+sentinel://:密码@主机1:26379,主机2:26379/服务名/0"]
    return [
        f"XCERT_REDIS_URL 的参数 {word} 不支持，可用的有 {'、'.join(_SENTINEL_WORDS)}"
        for word in words_of(url)
        if word not in _SENTINEL_WORDS
    ]


def place_of(url: str) -> str:
    """Hosts, ports and name, without user and password: for a sentence that says where nobody answers."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
