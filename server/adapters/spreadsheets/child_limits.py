"""What a child process that reads foreign bytes may have: time, memory, and of the parent's environment only where modules are."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress


def limit(seconds: int, memory: int) -> None:
    """Bind this process: seconds of processor, bytes of address space, no file written, few open."""
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 32),
    ):
        with suppress(ValueError, OSError):  # a system that has no such limit, or a tighter one already
            resource.setrlimit(what, (most, most))


def environment() -> dict[str, str]:
    """For the child: what we import it can, and it learns no secret of ours."""
    return {"PYTHONPATH": os.pathsep.join(sys.path)}
