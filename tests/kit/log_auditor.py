"""The independent program of docs/monitor_log.py as a module: written from the specifications, it imports nothing of ours."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from server.domain.ports import Services
from server.domain.public_log import queries
from server.domain.public_log.log_state import log_keys
from tests.kit.repository import ROOT


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("monitor_log", ROOT / "docs" / "monitor_log.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Auditor:
    """Follows a log that lies in memory.

    Attributes:
        state: what it saw last.
    """

    def __init__(self, files: Mapping[str, bytes], keys: list[str]) -> None:
        self._program = load()
        self.files: Mapping[str, bytes] = files
        self.state: dict[str, Any] = {}
        self._program.fetch = lambda _, path: self.files.get(path)  # type: ignore[attr-defined]
        self._keys = [self._program.key_of(one) for one in keys]

    @property
    def contradiction(self) -> type[Exception]:
        kind: type[Exception] = self._program.Contradiction
        return kind

    def look(self, *, whole: bool = False) -> int:
        """Look at the log; the number of its entries. Raises `contradiction`."""
        self.state = self._program.follow("", self._keys, self.state, whole=whole)
        return int(self.state["size"])


async def auditor(s: Services, files: Mapping[str, bytes]) -> Auditor:
    """One that knows the log's keys of today."""
    head = await queries.head()
    return Auditor(files, [str(key) for key in log_keys(s.keys, head.origin).values()])
