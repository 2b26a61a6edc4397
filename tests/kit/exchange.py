"""`exchange(services, faults=…)`: another port in the very `Services` that a started app or a fixture holds."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from server.domain.ports import Services

_NAMES = frozenset(one.name for one in fields(Services))


def exchange(services: Services, **ports: Any) -> None:
    """Put these ports in place of those that are there.

    Only for what holds `services` already; where nothing does, `dataclasses.replace` is plainer.
    """
    for name, port in ports.items():
        assert name in _NAMES, name
        object.__setattr__(services, name, port)
