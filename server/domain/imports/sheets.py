"""A table out of a file: .xlsx, .xls and text, all as rows of plain values, read in a process of its own."""

from __future__ import annotations

from server.domain.spreadsheets.process import check, read
from server.domain.spreadsheets.sheet import Sheet

__all__ = ["Sheet", "check", "read"]
