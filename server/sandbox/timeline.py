"""Every request and push with its verdict, secrets shortened, for people debugging and for tests."""

from __future__ import annotations

import json
import re
from typing import Any

from server.sandbox import limits
from server.sandbox.clock import Clock
from server.sandbox.store import Store

SECRET_NAMES = {
    "access_token", "appsecret", "code", "encrypt", "js_code", "phonenumber", "purephonenumber",
    "refresh_token", "secret", "session_key", "ticket", "token", "authorization", "pin", "password",
    "id_number", "phone_code",
}  # fmt: skip
STREAM = "timeline"


def shortened(value: str) -> str:
    """Enough of a secret to recognise it, not to use it."""
    return value if len(value) <= 6 else f"{value[:4]}…{value[-2:]}（{len(value)} 位）"


def without_secrets(value: Any, name: str = "") -> Any:
    """The same shape with every secret shortened, by its name."""
    if isinstance(value, dict):
        return {key: without_secrets(inner, str(key).lower()) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, name) for inner in value]
    if isinstance(value, str) and name in SECRET_NAMES:
        return shortened(value)
    return value


def readable(text: str) -> str:
    """XML or JSON text with the secrets in it shortened."""
    try:
        return json.dumps(without_secrets(json.loads(text)), ensure_ascii=False)
    except ValueError:
        return re.sub(
            r"(<(Encrypt|Ticket)><!\[CDATA\[)(.*?)(\]\]>)",
            lambda match: match[1] + shortened(match[3]) + match[4],
            text,
            flags=re.DOTALL,
        )


class Timeline:
    """One row for each request in and each push out."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def begin(self, direction: str, what: str, **details: Any) -> dict[str, Any]:
        """Open a row: `in` the service calls us, `push` we call the service, `page` a person acts."""
        row = {
            "at": self._clock.text(),
            "direction": direction,
            "what": what,
            "verdict": "进行中",
            "ok": None,
            **{name: without_secrets(value, name) for name, value in details.items()},
        }
        row["id"] = self._store.log(STREAM, row)
        if row["id"] % 100 == 0:
            self._store.trim(STREAM, limits.TIMELINE_ENTRIES)
        return row

    def end(self, row: dict[str, Any], *, ok: bool, verdict: str, **details: Any) -> None:
        """Close a row with what became of it."""
        row.update({name: without_secrets(value, name) for name, value in details.items()})
        row["ok"], row["verdict"] = ok, verdict
        self._store.rewrite(row["id"], {key: value for key, value in row.items() if key != "id"})

    def note(self, direction: str, what: str, *, ok: bool, verdict: str, **details: Any) -> None:
        """A row opened and closed at once."""
        self.end(self.begin(direction, what, **details), ok=ok, verdict=verdict)

    def rows(
        self,
        *,
        after: int = 0,
        last: int = 200,
        direction: str = "",
        ok: bool | None = None,
        words: str = "",
    ) -> list[dict[str, Any]]:
        """The newest `last` rows after a row's id, oldest first, of those that fit.

        Args:
            direction: `in`, `push` or `page`; any if empty.
            ok: passed or refused; also what is still under way if None.
            words: a text that stands anywhere in the row.
        """
        if not direction and ok is None and not words:
            return self._store.lines(STREAM, after=after, last=last)
        rows = [
            row
            for row in self._store.lines(STREAM, after=after, last=limits.TIMELINE_ENTRIES)
            if direction in ("", row["direction"])
            and ok in (None, row["ok"])
            and words.lower() in json.dumps(row, ensure_ascii=False).lower()
        ]
        return rows[-last:] if last > 0 else []

    def clear(self) -> None:
        self._store.forget(STREAM)
