"""Money as people write it. Inside it is whole fen, never a float."""

from __future__ import annotations


def yuan(fen: int) -> str:
    """¥1,234.50"""
    sign, whole = ("-" if fen < 0 else ""), abs(fen)
    return f"{sign}¥{whole // 100:,}.{whole % 100:02d}"
