"""One press for all tests of documents: its font is read once."""

from __future__ import annotations

import pytest

from server.machinery.documents.press import TypstPress
from server.machinery.documents.seal import Seal
from server.machinery.keys import KeyFolder
from tests.fakes import FakeClock


@pytest.fixture(scope="session")
def press(key_folder: KeyFolder) -> TypstPress:
    return TypstPress(FakeClock(), Seal(key_folder.seal_credentials()))


@pytest.fixture(scope="session")
def sealed(press: TypstPress, key_folder: KeyFolder) -> bytes:
    """A sealed certificate with the rarest characters in its name."""
    from tests.machinery.documents.papers import RARE, page

    return press.make_now(page(key_folder, name="司马" + RARE))
