"""A table out of a file: .xlsx, .xls and text, all as rows of plain values, read in a process of its own."""

from __future__ import annotations

from server.domain.tables.process import check, read
from server.domain.tables.sheet import Sheet

__all__ = ["Sheet", "check", "read"]
