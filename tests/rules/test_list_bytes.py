"""A line of the list is the same bytes however it is written: checked and canonical, or quickly, to compare."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.domain.certificates.claims import canonical
from server.domain.issuance.roster import Entry

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)  # PostgreSQL holds no lone surrogate


@given(number=text, fields=st.dictionaries(st.sampled_from(["name", "plan", "school", "issuer"]), text))
def test_a_line_written_quickly_is_canonical(number: str, fields: dict[str, str]) -> None:
    assert Entry(1, 1, fields).unchecked_line(number) == canonical({"number": number, **fields})
