"""Each of WeChat's ports is small, and its stand-in has every one of its methods as the port writes it."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from server.adapters.wechat.api import WeChatApi
from server.domain.ports import wechat as ports
from tests.kit import fake_wechat

PORTS = {
    name: port
    for name, port in vars(ports).items()
    if inspect.isclass(port) and getattr(port, "_is_protocol", False) and name.startswith("WeChat")
}
MOST_METHODS = 5


def methods(kind: type[Any]) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(method)
        for name, method in vars(kind).items()
        if inspect.isfunction(method) and not name.startswith("_")
    }


def test_all_ports_are_found() -> None:
    assert sorted(PORTS) == sorted(
        f"WeChat{use}" for use in ("Pushes", "Logins", "Sender", "Console", "Links", "Quota", "Health")
    )


@pytest.mark.parametrize("name", sorted(PORTS))
def test_a_port_is_small_and_both_sides_implement_it(name: str) -> None:
    wanted = methods(PORTS[name])
    assert 1 <= len(wanted) <= MOST_METHODS
    assert methods(getattr(fake_wechat, f"Fake{name}")) == wanted
    assert {method: one for method, one in methods(WeChatApi).items() if method in wanted} == wanted
