"""One press for all tests of documents: its font is read once."""

from __future__ import annotations

import pytest

from server.adapters.documents.pdf import TypstPdfRenderer
from server.adapters.documents.seal import Seal
from server.adapters.keys import KeyFolder
from tests.kit.fakes import FakeClock


@pytest.fixture(scope="session")
def pdf_renderer(key_folder: KeyFolder) -> TypstPdfRenderer:
    return TypstPdfRenderer(FakeClock(), Seal(key_folder.seal_credentials()))


@pytest.fixture(scope="session")
def sealed(pdf_renderer: TypstPdfRenderer, key_folder: KeyFolder) -> bytes:
    """A sealed certificate with the rarest characters in its name."""
    from tests.adapters.documents.papers import RARE, page

    return pdf_renderer.make_now(page(key_folder, name="司马" + RARE))
