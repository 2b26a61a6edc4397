"""Sentences made by the program, found again in a catalogue: whole, by their holes, or part by part."""

from __future__ import annotations

import re
from functools import lru_cache

HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
HOLE = re.compile(r"\{(\d+)(?::([^|{}]*)\|([^{}]*))?\}")
_DAY = re.compile(r"(\d{4})年(1[0-2]|[1-9])月([12]\d|3[01]|[1-9])日")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_SENTENCE = re.compile(r"[^。！？；]+[。！？；]?")
_Made = tuple[
    re.Pattern[str], re.Pattern[str], str, bool
]  # narrow holes, wide ones, English, whether it is short
_SHORT = 2  # so few letters, and no mark, say little: what stands in the holes must have its English too
_MARKS = re.compile(r"[，。！？：；（“]")
_LONGEST = 600  # no sentence of ours is longer; what somebody typed may be
_MOST_PARTS = 12  # nor has more parts: every way to put parts together is looked up
_NARROW = str.maketrans(
    {
        "，": ", ",
        "。": ". ",
        "：": ": ",
        "；": "; ",
        "、": ", ",
        "（": " (",
        "）": ") ",
        "！": "! ",
        "？": "? ",
        "％": "%",
    }
)


def narrow(text: str) -> str:
    """Chinese punctuation between things that are shown, as English writes it."""
    return text.translate(_NARROW)


def counted(value: object, one: str, many: str) -> str:
    """`1 day`, `2 days`."""
    return f"{value} {one if str(value) == '1' else many}"


class Phrases:
    """A catalogue. A mapping of what stands in it; `say` finds more by it."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        self._first: dict[str, list[_Made]] = {}  # by what the sentence begins with
        self._others: list[_Made] = []
        for chinese in sorted(known, key=lambda one: -len(HOLE.sub("", one))):
            if HOLE.search(chinese) and "<" not in chinese:
                is_short = len(HAN.findall(chinese)) <= _SHORT and not _MARKS.search(chinese)
                made = (_pattern(chinese, "[^。]*?"), _pattern(chinese, ".*?"), known[chinese], is_short)
                place = self._others if chinese.startswith("{") else self._first.setdefault(chinese[0], [])
                place.append(made)
        self.find = lru_cache(maxsize=4096)(self._find)

    def exact(self, sentence: str) -> str | None:
        """Of a template's own sentence: with holes as it stands in the catalogue, without any as it is found."""
        return self.known.get(sentence) if HOLE.search(sentence) else self.find(sentence)

    def say(self, sentence: str) -> str:
        """In English; as it is where there is none."""
        if not HAN.search(sentence) or len(sentence) > _LONGEST:
            return sentence
        found = self.find(sentence)
        return sentence if found is None else found

    def _find(self, sentence: str) -> str | None:
        if sentence in self.known:
            return self.known[sentence]
        core = sentence.strip(" \u3000")
        if core != sentence and core:
            said = self.find(core)
            at = sentence.index(core)
            return None if said is None else sentence[:at] + said + sentence[at + len(core) :]
        if found := _DAY.match(sentence):
            rest = sentence[found.end() :]
            if not HAN.search(rest):
                day = f"{int(found[3])} {_MONTHS[int(found[2]) - 1]} {found[1]}"
                return f"{day}, {rest.strip()}" if rest.strip() else day
        for way in (self._by_holes, self._by_parts, self._by_wide_holes):
            if (said := way(sentence)) is not None:
                return said
        return None

    def _by_holes(self, sentence: str, is_wide: bool = False) -> str | None:
        """By its pattern; with `is_wide` a hole may hold whole sentences."""
        for narrow_one, wide, english, is_short in [*self._first.get(sentence[0], ()), *self._others]:
            if found := (wide if is_wide else narrow_one).fullmatch(sentence):
                said = self._filled(english, found.groups())
                if not (is_short and HAN.search(said)):
                    return said
        return None

    def _by_wide_holes(self, sentence: str) -> str | None:
        return self._by_holes(sentence, is_wide=True)

    def _filled(self, english: str, held: tuple[str, ...]) -> str:
        def fill(hole: re.Match[str]) -> str:
            value = self.say(held[int(hole[1]) - 1])
            return value if hole[2] is None else counted(value, hole[2], hole[3])

        return HOLE.sub(fill, english)

    def _by_parts(self, sentence: str) -> str | None:
        """Several sentences one after another, or things in a row, of which each has its English."""
        parts = _SENTENCE.findall(sentence)
        if len(parts) > _MOST_PARTS:
            return None
        for size in range(len(parts) - 1, 0, -1):
            first = self._part("".join(parts[:size]))
            rest = None if first is None else self._part("".join(parts[size:]))
            if rest is not None:
                return f"{first} {rest}"
        if sentence.endswith("。"):
            bare = self.find(sentence[:-1])
            return None if bare is None else bare.rstrip(".") + "."
        for mark, english in (
            ("、", ", "),
            ("，", ", "),
            ("；", "; "),
            ("\u3000", " \u00a0"),
            (" · ", " · "),
        ):
            if 0 < sentence.count(mark) < _MOST_PARTS:
                said = [self._part(one) for one in sentence.split(mark)]
                return None if None in said else english.join(one for one in said if one)
        return None

    def _part(self, part: str) -> str | None:
        return self.find(part) if HAN.search(part) else narrow(part).strip()


def _pattern(chinese: str, held: str) -> re.Pattern[str]:
    written, at, seen = "", 0, list[str]()
    for hole in HOLE.finditer(chinese):
        name = f"h{hole[1]}"
        written += re.escape(chinese[at : hole.start()])
        written += f"(?P={name})" if name in seen else f"(?P<{name}>{held})"
        seen.append(name)
        at = hole.end()
    return re.compile(written + re.escape(chinese[at:]), re.DOTALL)
