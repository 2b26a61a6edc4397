"""Certificates' claims, each rare form at least once."""

from __future__ import annotations

from datetime import date

from hypothesis import strategies as st

from server.domain.certificates.claims import (
    FORMS,
    Line,
    check_character,
    complete,
    number_of,
)
from server.domain.certificates.numbers import ALPHABET
from server.domain.levels import Level

# letters as people's names have them: two-byte, three-byte and four-byte ideographs, Latin, dots
NAMED = st.text(
    st.one_of(
        st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF),
        st.characters(min_codepoint=0x20000, max_codepoint=0x2FA1F),
        st.sampled_from("䶮㛃𠮷𬱖·AaZz. 2023年9月22日社会心理服务证书考试计划"),
    ),
    min_size=1,
    max_size=25,
)


NUMBERS = st.builds(
    number_of,
    st.integers(0, 99).map("{:02d}".format),
    st.text(ALPHABET, min_size=1, max_size=8),
    st.sampled_from(Level),
    st.integers(1, 10**8 - 1),
)


DAYS = st.dates(date(2000, 1, 1), date(2150, 12, 31))
LINES = st.builds(
    Line,
    number=NUMBERS,
    name=NAMED,
    id_hash=st.binary(min_size=16, max_size=16).map(bytes.hex),
    level=st.sampled_from([level.value for level in Level]),
    plan=NAMED,
    exam_date=DAYS.map(date.isoformat),
    certificate=NAMED,
    outcome=st.just("passed"),
    standard=NAMED,
    issuer=NAMED,
    school=NAMED,
    form=st.sampled_from(FORMS),
)


CLAIMS = st.builds(complete, LINES, DAYS)
LINE = Line(
    number="23SPS100000001" + check_character("23SPS100000001"),
    name="崔子涵",
    id_hash="0123456789abcdef" * 2,
    level="primary",
    plan="2023年9月22日社会心理服务证书考试计划",
    exam_date="2023-09-22",
    certificate="社会心理服务职业技能等级证书",
    outcome="passed",
    standard="2021年3.0版",
    issuer="北京中文在线教育科技发展有限公司",
    school="京华职业技术学院",
)
