"""What we tell people, and how it fits WeChat's typed keywords (wechat.md §4.5, §5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from server.settings import Settings

NOTHING = "无"
_TYPE = re.compile(r"[a-z_]+")
_LETTERS_ONLY = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of notice. `keywords` maps our names to the template's keywords, whose type is their name."""

    name: str
    label: str
    setting: str
    keywords: Mapping[str, str]

    def template(self, settings: Settings) -> str:
        """The template's id at WeChat; empty when none is configured."""
        return str(getattr(settings, self.setting))


TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "certificate_issued",
            "证书发放",
            "oa_template_certificate",
            {"certificate": "thing1", "number": "character_string2", "issued_on": "date3"},
        ),
        Topic(
            "results_released",
            "成绩公布",
            "oa_template_result",
            {"plan": "thing1", "exam_date": "date2", "released_at": "time3"},
        ),
        Topic(
            "signing_reminder",
            "待签发提醒",
            "oa_template_signing",
            {"plan": "thing1", "school": "thing2", "count": "number3", "since": "time4"},
        ),
    )
}

_LONGEST = {
    "thing": 20,
    "number": 32,
    "letter": 32,
    "symbol": 5,
    "character_string": 32,
    "time": 40,
    "date": 40,
    "amount": 12,
    "phone_number": 17,
    "car_number": 8,
    "phrase": 5,
}


def fit(keyword: str, value: str) -> str:
    """A value as this keyword takes it: on one line, never empty, cut by characters.

    Args:
        keyword: as the template names it, e.g. `thing1`.
    """
    found = _TYPE.match(keyword)
    kind = found[0].rstrip("_") if found else ""
    line = " ".join(value.split()) or NOTHING
    if kind == "name":
        return line[: 20 if _LETTERS_ONLY.fullmatch(line) else 10]
    if kind == "thing":
        return line if len(line) <= 20 else line[:19] + "…"
    if kind in ("character_string", "letter"):
        line = "".join(character for character in line if "\x20" <= character <= "\x7e").strip() or "-"
    if kind == "number":
        line = "".join(character for character in line if character in "0123456789.").strip(".") or "0"
    return line[: _LONGEST.get(kind, 20)]


def fitted(topic: str, fields: Mapping[str, str]) -> dict[str, str]:
    """The template's data: every keyword of the topic, with a value it takes.

    Args:
        fields: by our names (`plan`), all of them.

    Raises:
        ValueError: an unknown topic, an unknown or a missing field; a mistake of the caller.
    """
    if topic not in TOPICS:
        raise ValueError(f"unknown topic: {topic}")
    keywords = TOPICS[topic].keywords
    if unknown := set(fields) - set(keywords):
        raise ValueError(f"unknown fields of {topic}: {sorted(unknown)}")
    if missing := set(keywords) - set(fields):
        raise ValueError(f"missing fields of {topic}: {sorted(missing)}")
    return {keyword: fit(keyword, str(fields[name])) for name, keyword in keywords.items()}
