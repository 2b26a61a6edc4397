"""One running service for the journeys of this test process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from server.adapters.queue import JobQueue
from server.domain.ports import Services
from tests.journeys.service import Service, after_its_first_start, open_folder, running
from tests.kit.crashes import SealingPdfRenderer
from tests.kit.exchange import exchange
from tests.kit.windows import CHROMIUM, FLAGS


@pytest.fixture(scope="session")
def service(shared_folder: Path) -> Iterator[Service]:
    with open_folder() as folder, running(after_its_first_start(folder, shared_folder)) as one:
        yield one


@pytest.fixture(scope="module")
def fresh(shared_folder: Path) -> Iterator[Service]:
    """A service of one module's own, so that nobody has signed or logged in before."""
    with open_folder() as folder, running(after_its_first_start(folder, shared_folder)) as one:
        yield one


@pytest.fixture
def world(services: Services) -> Services:
    exchange(services, queue=JobQueue())
    exchange(services, pdf_renderer=SealingPdfRenderer())
    return services


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()
