"""What somebody typed is looked up like a sentence of ours, and costs no more than one."""

from __future__ import annotations

import pytest

from server.web.phrases import Phrases

KNOWN = {
    "姓名。": "Name.",
    "共 {1} 人，{2} 人通过": "{1} people, {2} passed",
    "请": "Please",
    "{1}：{2}": "{1}: {2}",
}
MOST = 2_000  # looks into the catalogue for one text


@pytest.mark.parametrize("text", ["龘。", "龘、", "姓名。", "龘；姓名。", "共 龘 人，", "请，", "：", "龘　"])
@pytest.mark.parametrize("times", [10, 100, 1000])
def test_a_text_of_many_parts_is_given_up_and_not_tried_in_every_way(
    monkeypatch: pytest.MonkeyPatch, text: str, times: int
) -> None:
    phrases, looked = Phrases(KNOWN), 0
    genuine = Phrases._by_holes

    def counted(self: Phrases, sentence: str, is_wide: bool = False) -> str | None:
        nonlocal looked
        looked += 1
        assert looked < MOST, "every way of putting parts together"
        return genuine(self, sentence, is_wide)

    monkeypatch.setattr(Phrases, "_by_holes", counted)
    assert phrases.say(text * times)
