"""`Services` says what this process is made of; nothing changes that while it runs."""

from __future__ import annotations

import dataclasses

import pytest

from server.domain.ports import Services
from tests.kit.exchange import exchange
from tests.kit.fakes import FakeClock


def test_no_port_is_put_in_place_of_another(services: Services) -> None:
    for one in dataclasses.fields(Services):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(services, one.name, getattr(services, one.name))


def test_tests_exchange_what_a_started_app_holds(services: Services) -> None:
    clock = FakeClock()
    exchange(services, clock=clock)
    assert services.clock is clock
    with pytest.raises(AssertionError, match="clocks"):
        exchange(services, clocks=clock)
