"""Programs of the system that a test needs and not every machine has."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Where it is. Skips, with the reason, where it is not."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not on this machine (make browser installs it where Debian has it)")
    return found
