"""The sandbox's clock, which tests can move and stop."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

from server.sandbox.store import Store

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock:
    """Real time plus an offset, or a stopped time; both are kept in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        state = store.get("clock", "clock") or {}
        self._offset = float(state.get("offset", 0.0))
        self._stopped: float | None = state.get("stopped")

    @property
    def is_real(self) -> bool:
        """It goes with the time of the world."""
        return self._stopped is None and not self._offset

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self._offset if self._stopped is None else self._stopped

    def unix(self) -> int:
        """Whole unix seconds, as WeChat writes times."""
        return int(self.now())

    def day(self) -> str:
        """The day in Beijing; quotas begin anew with it."""
        return datetime.fromtimestamp(self.now(), BEIJING).strftime("%Y-%m-%d")

    def text(self) -> str:
        return datetime.fromtimestamp(self.now(), BEIJING).isoformat(timespec="milliseconds")

    def forward(self, seconds: float) -> None:
        """Move on (or back, if negative)."""
        if self._stopped is None:
            self._offset += seconds
        else:
            self._stopped += seconds
        self._keep()

    def set(self, at: datetime) -> None:
        """Let it be this moment now."""
        seconds = at.astimezone(UTC).timestamp()
        if self._stopped is None:
            self._offset = seconds - time.time()
        else:
            self._stopped = seconds
        self._keep()

    def stop(self) -> None:
        """Stand still until moved."""
        self._stopped = self.now()
        self._keep()

    def reset(self) -> None:
        """Real time again."""
        self._offset, self._stopped = 0.0, None
        self._keep()

    def _keep(self) -> None:
        self._store.put("clock", "clock", {"offset": self._offset, "stopped": self._stopped})
