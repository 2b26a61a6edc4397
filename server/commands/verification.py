"""`xcert verify`: what is signed, by which key, and whether it is whole; public keys suffice."""

from __future__ import annotations

import argparse

from server.settings import Settings


def verify(given: argparse.Namespace, settings: Settings) -> int:
    """Check a certificate PDF or a signing receipt; returns 1 if it is not genuine."""
    raise NotImplementedError
