"""A disk of a few megabytes that a test really fills: a tmpfs, which only root may mount."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FILLER = "filler"


class SmallDisk:
    """A mounted folder that anybody can reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, *, but: int = 0) -> None:
        """Until nothing more can be written, but for so many bytes."""
        with (self.folder / _FILLER).open("ab", buffering=0) as filler:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        filler.write(b"\0" * size)
                except OSError:
                    continue
            if but:
                filler.truncate(filler.tell() - but)

    def free(self) -> None:
        (self.folder / _FILLER).unlink()


@contextmanager
def mounted(megabytes: int) -> Iterator[SmallDisk]:
    """Skips, with what `mount` said, where nothing may be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="xcert-disk-", dir="/tmp"))
    try:
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)]
        program = shutil.which("mount")
        result = subprocess.run(command, capture_output=True, text=True) if program else None
        if result is None or result.returncode:
            reason = result.stderr.strip() if result else "no mount program"
            pytest.skip(f"a small disk cannot be mounted here ({reason}; uid {os.geteuid()})")
        try:
            yield SmallDisk(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
    finally:
        folder.rmdir()
