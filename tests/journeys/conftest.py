"""One running service for the journeys of this test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.journeys.service import Service, running


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(Service(tmp_path_factory.mktemp("service"))) as one:
        yield one


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of one module's own, so that nobody has signed or logged in before."""
    with running(Service(tmp_path_factory.mktemp("fresh"))) as one:
        yield one
