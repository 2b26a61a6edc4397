"""What a keyword of a template takes: our judge, what it makes fit, and the sandbox's own judge beside it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.notices import keywords, topics
from server.sandbox import keywords as judge
from server.sandbox.config import Template
from server.sandbox.refusals import WeChatError

# wechat.md §4.5, type by type: taken and refused
TAKEN = {
    "thing1": ["二" * 20, "䶮㛃𠮷" * 6, "a b", "第4批-统考（初级）🎓"],
    "number2": ["0", "12", "12.5", "9" * 32],
    "letter3": ["A", "z" * 32],
    "symbol4": ["*", "#￥%&*"],
    "character_string5": ["23SPS100000001K", "A-1 b", "~" * 32],
    "time6": [
        "15:01",
        "15:01:59",
        "2019年10月1日 15:01",
        "15:01~16:00",
        "2019-10-01 15:01 ~ 2019-10-02 15:01",
    ],
    "date7": ["2019年10月1日", "2019-10-1", "2019/10/01", "2019.10.01", "2019年10月", "2019年10月1日 15:01"],
    "amount8": ["￥20.00", "20元", "0", "¥1234567890"],
    "phone_number9": ["19900000001", "+86-0766-66888866"],
    "car_number10": ["粤A8Z888挂", "粤A88888"],
    "name11": ["林知夏", "阿卜杜热合曼·麦麦提", "Alexander the Greate"],
    "phrase12": ["配送中", "等待院校签"],
    "enum13": ["通过"],
    "const14": ["社会心理服务"],
    "short_thing15": ["五个字以内"],
}
REFUSED = {
    "thing1": ["", "  ", "二" * 21, "上\n下", "上\r下", "甲\x07"],
    "number2": ["", "十二", "1,234", "1.2.3", "9" * 33],
    "letter3": ["a1", "字", "z" * 33],
    "symbol4": ["a", "字", "1", "******"],
    "character_string5": ["编号", "a" * 33, "23SPS1编号", "A\n1"],
    "time6": ["下午三点", "15点", "15:1", "2019年10月1日"],
    "date7": ["昨天", "20191001", "2019年10月1日15时"],
    "amount8": ["二十元", "￥12345678901", "$$1"],
    "phone_number9": ["1" * 18, "电话", ""],
    "car_number10": ["粤粤A88888", "粤A888888888"],
    "name11": ["字" * 11, "L" * 21, "字" * 5 + "L" * 6],
    "phrase12": ["六个汉字太长", "ok", "已通过1"],
    "enum13": ["", "二" * 21],
    "const14": [""],
    "short_thing15": ["六个字就太长", ""],
    "keyword1": ["什么都行"],
    "thing": ["没有编号"],
}
CUT = ["thing1", "short_thing2", "name3", "phrase4"]


def judged(keyword: str, value: str) -> bool:
    """Whether the sandbox takes it in a subscription message."""
    try:
        judge.check({keyword: {"value": value}}, Template("t", "t", "mp", (keyword,)), strict=True)
    except WeChatError as refusal:
        assert refusal.errcode == 47003
        return False
    return True


@pytest.mark.parametrize(("keyword", "value"), [(k, v) for k, values in TAKEN.items() for v in values])
def test_what_is_taken(keyword: str, value: str) -> None:
    assert keywords.check({keyword: value}) == {}
    assert judged(keyword, value)


@pytest.mark.parametrize(("keyword", "value"), [(k, v) for k, values in REFUSED.items() for v in values])
def test_what_is_refused(keyword: str, value: str) -> None:
    assert list(keywords.check({keyword: value})) == [keyword]
    assert not judged(keyword, value)


def test_a_reason_never_tells_the_value_and_full_width_digits_are_no_number() -> None:
    found = keywords.check({"character_string2": "编号99000120000102001X", "number3": "１２", "thing1": "好"})
    assert found == {"character_string2": "应为32位以内的数字、字母或符号", "number3": "应为32位以内的数字"}


@given(
    st.sampled_from([*TAKEN, "keyword1"]),
    st.one_of(
        st.text(max_size=40), st.from_regex(r"[ -~]{0,34}", fullmatch=True), st.from_regex(r"[一-龥]{0,22}")
    ),
)
def test_whatever_we_take_the_sandbox_takes(keyword: str, value: str) -> None:
    if not keywords.check({keyword: value}):
        assert judged(keyword, value)


@given(st.sampled_from(CUT), st.text(max_size=60))
def test_what_may_be_cut_is_made_to_fit(keyword: str, value: str) -> None:
    made = keywords.fit(keyword, value)
    assert keywords.check({keyword: made}) == {}
    assert keywords.fit(keyword, made) == made


@given(
    st.sampled_from([name for name in TAKEN if keywords.kind_of(name) not in ("thing", "name", "phrase")]),
    st.text(),
)
def test_nothing_else_loses_a_character(keyword: str, value: str) -> None:
    if keywords.kind_of(keyword) != "short_thing" and all(map(str.isprintable, value)):
        assert keywords.fit(keyword, value) == " ".join(value.split())


@pytest.mark.parametrize(
    ("keyword", "value", "fitted"),
    [
        ("thing1", "二" * 20, "二" * 20),
        ("thing1", "二" * 21, "二" * 10 + "…" + "二" * 9),
        ("thing1", "社会心理服务职业技能等级证书模块一（高级）", "社会心理服务职业技能…证书模块一（高级）"),
        ("thing1", "  上\n下 ", "上 下"),
        ("thing1", "", "无"),
        ("thing9", "䶮㛃𠮷" * 7, ("䶮㛃𠮷" * 7)[:10] + "…" + ("䶮㛃𠮷" * 7)[-9:]),
        ("name1", "阿卜杜热合曼·麦麦提明", "阿卜杜热合曼·麦麦提"),
        ("name1", "Alexander the Greatest", "Alexander the Greate"),
        ("name1", ": 1 :", ": :"),
        ("thing1", "甲\u3000乙\ue000丙", "甲 乙 丙"),
        ("character_string2", "A\x00B", "A\x00B"),
        ("phrase1", "等待院校签发", "等待院校签"),
        ("phrase1", "ok", "无"),
        ("short_thing1", "六个字就太长", "六个字就太"),
        ("character_string2", "23SPS1编号", "23SPS1编号"),
        ("number3", "1,234 人", "1,234 人"),
        ("date3", " 2026年11月23日\n", "2026年11月23日"),
    ],
)
def test_values_fit_their_keyword(keyword: str, value: str, fitted: str) -> None:
    assert keywords.fit(keyword, value) == fitted


def test_every_topic_has_keywords_of_known_types() -> None:
    for topic in topics.TOPICS.values():
        assert all(keywords.kind_of(keyword) for keyword in topic.keywords.values()), topic.name
