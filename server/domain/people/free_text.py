"""What somebody writes in their own words, a reason or a note: kept so that whoever reads it sees what is there."""

from __future__ import annotations

import unicodedata

from server.domain.people.candidates import mask_numbers
from server.domain.people.names import tidy


def clean_reason(text: str) -> str:
    """One line, without marks that nobody sees or that turn the text around, identity numbers and phones masked.

    Empty when nothing is left that can be read: a reason of blanks and fillers is none.
    """
    plain = tidy("".join(" " if unicodedata.category(c) == "Cc" else c for c in text))
    if not any(unicodedata.category(c)[0] in "LN" for c in plain):
        return ""
    return mask_numbers(" ".join(plain.split()))
