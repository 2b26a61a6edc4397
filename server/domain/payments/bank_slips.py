"""What people copy from the bank's slip (银行回单), whichever way the money went: its number, in one spelling."""

from __future__ import annotations

import re
import unicodedata

from server.errors import FieldError

HIGHEST_FEN = 1_000_000_000  # ten million yuan: more is a slip of the finger
LONGEST_REFERENCE = 40
_REFERENCE = re.compile(r"[0-9A-Z][0-9A-Z/_-]{3,39}")


def reference(text: str) -> str:
    """The bank's number: blanks, small letters and wide ones make no other number. Empty: it is none."""
    plain = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    return plain if _REFERENCE.fullmatch(plain) else ""


def not_a_reference() -> FieldError:
    """What is said of a number that is none."""
    message = f"请填银行回单上的流水号：4 到 {LONGEST_REFERENCE} 位，只有字母、数字和 - / _。"
    return FieldError("/bank_reference", "reference_form", message)
