"""The tests. An assert of a shared helper that fails shows what it compared, as one of a test module does."""

import pytest

pytest.register_assert_rewrite("tests.kit", "tests.journeys", "tests.web", "tests.adapters", "tests.commands")
