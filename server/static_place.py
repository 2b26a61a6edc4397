"""Where the files of pages and certificates are: beside the packages in the checkout, inside `server` when it was installed."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "static"  # where server/wheel.py puts them
STATIC = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "static"
