"""`xcert import …`: one spreadsheet from the terminal, by the same validator as the console."""

from __future__ import annotations

import argparse

from server.settings import Settings


def run(given: argparse.Namespace, settings: Settings) -> int:
    """Take the file in; 0 all rows taken, 3 some refused, 2 the file could not be read."""
    raise NotImplementedError
