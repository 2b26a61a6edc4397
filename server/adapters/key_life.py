"""The life of each key, in `life.json` of the key folder: made, writing from then on, retired and why.

A key without an entry is of the time before lives were kept: it writes as soon as it is there.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "life.json"


class KeysMissing(Exception):
    """The key folder cannot be used so; the text says what to do, in Chinese."""


@dataclass(frozen=True, slots=True)
class Life:
    """Times are aware. `begins`: writes from then on (None: from the beginning). `made_by`: the system's user."""

    made_at: datetime | None = None
    made_by: str = ""
    begins: datetime | None = None
    retired_at: datetime | None = None
    retired_by: str = ""
    reason: str = ""

    def writes_at(self, moment: datetime) -> bool:
        """Whether it may write at `moment`."""
        return self.retired_at is None and (self.begins is None or self.begins <= moment)


def current(lives: Mapping[int, Life], moment: datetime) -> int | None:
    """The newest epoch that may write, or None."""
    return max((epoch for epoch, life in lives.items() if life.writes_at(moment)), default=None)


def read(folder: Path) -> dict[str, Life]:
    """Key id → life. Raises KeysMissing when the file is damaged."""
    try:
        stored = json.loads((folder / FILE).read_text("utf-8"))
        return {
            key_id: Life(**{name: _read(name, value) for name, value in fields.items()})
            for key_id, fields in stored.items()
        }
    except FileNotFoundError:
        return {}
    except (AttributeError, TypeError, ValueError):
        raise KeysMissing(f"{folder / FILE} 已损坏，请从密钥备份恢复这个文件") from None


def begin(folder: Path, key_id: str, *, begins: datetime | None) -> None:
    """Write down a new key."""
    life = Life(made_at=datetime.now(UTC), made_by=_user(), begins=begins)
    _change(folder, key_id, lambda _: life)


def retire(folder: Path, key_id: str, *, at: datetime, reason: str) -> None:
    """Write down that a key is retired; never taken back."""
    _change(folder, key_id, lambda life: replace(life, retired_at=at, retired_by=_user(), reason=reason))


def _change(folder: Path, key_id: str, change: Callable[[Life], Life]) -> None:
    with _alone(folder):
        lives = read(folder)
        lives[key_id] = change(lives.get(key_id, Life()))
        text = json.dumps(
            {name: _fields(life) for name, life in sorted(lives.items())}, ensure_ascii=False, indent=1
        )
        scratch = folder / f".{FILE}.{secrets.token_hex(4)}"
        with os.fdopen(
            os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as handle:
            handle.write(text + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        scratch.replace(folder / FILE)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One change at a time, whoever makes it."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _fields(life: Life) -> dict[str, str]:
    fields = {name: value for name, value in asdict(life).items() if value}
    return {
        name: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
        for name, value in fields.items()
    }


def _read(name: str, value: Any) -> Any:
    return datetime.fromisoformat(value) if name in ("made_at", "begins", "retired_at") else str(value)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without that user
        return str(os.geteuid())
