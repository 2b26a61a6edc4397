"""Money as people write it. Inside it is whole fen, never a float."""

from __future__ import annotations

from decimal import Decimal


def yuan(fen: int) -> str:
    """¥1,234.50"""
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}¥{whole // 100:,}.{whole % 100:02d}"


def as_number(fen: int) -> Decimal:
    """1234.50, exact to the fen: for a table that is reckoned with."""
    return Decimal(fen).scaleb(-2)


def template_amount(fen: int) -> str:
    """¥1234.50: as a message template takes it, without commas (wechat.md §4.5)."""
    return yuan(fen).replace(",", "")
