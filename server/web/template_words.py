"""The words of a template: which sentences it says, and the same template saying them in another language.

Most templates are written in Chinese alone; nothing in them is marked. What is said is read off the template itself: a
run of text with the expressions and the inline tags within it is one sentence (`共 {1} 人，<b>{2} 人</b>通过`), and so
is every attribute that is shown or read out. A statement (`{% … %}`) or a tag of a block ends a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from server.web.phrases import HAN, narrow

INLINE = frozenset(
    [
        "a",
        "b",
        "strong",
        "em",
        "i",
        "span",
        "small",
        "code",
        "time",
        "abbr",
        "kbd",
        "br",
        "bdi",
        "sup",
        "sub",
        "mark",
    ]
)
VOID = frozenset(("br",))
PLAIN = frozenset(("title", "option"))  # elements that hold text alone
MUTE = frozenset(("textarea", "style"))  # what stands in them is not said by us
SPOKEN = re.compile(r"(?:aria-label|aria-description|alt|title|placeholder|content|label|data-[\w-]+)$")
_JINJA = r"\{\{.{0,800}?\}\}|\{%.{0,800}?%\}|\{#.{0,1500}?#\}"  # no template has longer ones
_TOKEN = re.compile(
    rf"(?P<comment>\{{#.{{0,1500}}?#\}}|<![^>]{{0,200}}>)|(?P<statement>\{{%.{{0,800}}?%\}})|(?P<hole>\{{\{{.{{0,800}}?\}}\}})"
    rf"|(?P<tag></?[a-zA-Z](?:{_JINJA}|[^<>]){{0,2000}}?>)|(?P<text>(?:(?!{_JINJA}|</?[a-zA-Z]|<!).)+)",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(rf'(?<=\s)(?P<name>[\w:-]+)="(?P<value>(?:{_JINJA}|[^"]){{0,2000}})"', re.DOTALL)
_PARTS = re.compile(
    r"(?P<statement>\{[%#].{0,800}?[%#]\})|(?P<hole>\{\{.{0,800}?\}\})|(?P<text>(?:(?!\{[{%#]).)+)", re.DOTALL
)
_CODE = re.compile(r"\{\{.{0,800}?\}\}|\{%.{0,800}?%\}", re.DOTALL)
_LITERAL = re.compile(
    r"(?P<compared>(?:[=!]=|\bin)\s*)?(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')(?P<later>\s*[=!]=)?"
)
# What people are called, and schools: said as it is written, though it may be a word that has its English.
_THEIRS = re.compile(
    r"(?!(?:wrong|problems)\.)(?:.+\.(?:name|school|username)|(?:.+\.)?(?:name_masked|holder|holder_name|payer|candidate|school_name))"
    r"(?:\s+or\b.*)?"
)  # `wrong.name`, `problems.name`: what is wrong with it
_BETWEEN = ("、", "；", "，", "：")
_HOLES_MEET = re.compile(r"\}\}\{\{(?!-? \([\"' ])")  # two things beside each other; not a mark between them
_CHINESE = re.compile(r"[\u3400-\u9fff](?:[\u3400-\u9fff（）]*[\u3400-\u9fff）])?")  # what English quotes
_MARK = re.compile(r"\{(\d+)(?::([^|{}]*)\|([^{}]*))?\}|<(/?)([a-z]+)>")

Find = Callable[[str], str | None]  # a sentence → its words in the other language; None: it has none


@dataclass(slots=True)
class Token:
    """A piece of a template. `kind`: comment, statement, hole, tag or text; `name`: of a tag, small."""

    kind: str
    source: str
    name: str = ""
    is_end: bool = False

    @property
    def is_inline(self) -> bool:
        return self.kind in ("text", "hole") or (self.kind == "tag" and self.name in INLINE)


@dataclass(slots=True)
class Reader:
    """Reads one template and writes it anew. `find`: gives the words; `asked`: every sentence that was looked up."""

    find: Find
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    element: str = ""  # the PLAIN or MUTE element that is open
    is_quoted: bool = False  # within a tag that says lang="zh-CN"

    def translate(self, source: str) -> str:
        """The whole template, saying its sentences in the other language."""
        source = _CODE.sub(lambda code: _LITERAL.sub(self._literal, code[0]), source)
        written: list[str] = []
        run: list[Token] = []
        last = ""  # the kind of what stands before the run
        for token in tokens(source):
            if token.is_inline:
                run.append(token)
                continue
            written += [_padded(self._run(run), last, token.kind) if run else "", self._other(token)]
            run, last = [], token.kind
        return "".join([*written, self._run(run)])

    def _literal(self, found: re.Match[str]) -> str:
        """A string within an expression or a statement; not one that something is compared with."""
        text = found["double"] if found["double"] is not None else found["single"]
        if found["compared"] or found["later"] or not (HAN.search(text) or text in _BETWEEN):
            return found[0]
        words = self.find(text) if HAN.search(text) else narrow(text)
        self.asked.append((text, words))
        if words is None:
            return found[0]
        quote = '"' if found["double"] is not None else "'"
        return quote + words.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote

    def _other(self, token: Token) -> str:
        if token.kind != "tag":
            return token.source
        if token.name in PLAIN | MUTE:
            self.element = "" if token.is_end else token.name
        return self._tag(token)

    def _tag(self, token: Token) -> str:
        """A tag with its spoken attributes."""
        return _ATTRIBUTE.sub(self._attribute, token.source)

    def _attribute(self, found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        if not SPOKEN.match(name) or not (HAN.search(value) or "{{" in value):
            return found[0]
        written, run = [], list[Token]()
        for one in _PARTS.finditer(value):
            if one.lastgroup == "statement":
                written += [
                    _padded(self._sentence(run, "said"), "statement", "statement") if run else "",
                    one[0],
                ]
                run = []
            else:
                run.append(Token(str(one.lastgroup), one[0]))
        said = "".join([*written, self._sentence(run, "said")])
        return f'{name}="{said}"'

    def _run(self, run: list[Token]) -> str:
        """Text, holes and inline tags between two ends: one sentence, or several elements beside each other."""
        if not run:
            return ""
        if self.element in MUTE:
            return "".join(one.source for one in run)
        return "".join(self._part(part) for part in _apart(run))

    def _part(self, part: list[Token]) -> str:
        """What may be one sentence: first off with what surrounds it."""
        first, last = part[0], part[-1]
        if len(part) == 1 and first.kind == "tag":
            return self._tag(first)
        if first.kind == "tag" and not first.is_end and _end_of(part, 0) == len(part) - 1 and len(part) > 1:
            is_quoted = 'lang="zh-CN"' in first.source
            inner = "".join(one.source for one in part[1:-1]) if is_quoted else self._run(part[1:-1])
            return self._tag(first) + inner + last.source
        return self._sentence(part, "said" if self.element in PLAIN else "quoted")

    def _plain(self, one: Token, way: str) -> str:
        """A piece without words of its own."""
        if one.kind == "hole":
            return _through(one.source, way)
        return narrow(one.source) if one.kind == "text" else self._tag(one)

    def _sentence(self, part: list[Token], way: str) -> str:
        """A sentence in the other language; its holes say what they hold in it too."""
        whole = "".join(one.source for one in part)
        holes = [_through(one.source, way) for one in part if one.kind == "hole"]
        if not any(HAN.search(one.source) for one in part if one.kind == "text"):
            return _HOLES_MEET.sub("}} {{", "".join(self._plain(one, way) for one in part))
        sentence, before, after = sentence_of(part)
        words = self.find(sentence)
        self.asked.append((sentence, words))
        if words is None:
            return whole
        tags: dict[tuple[bool, str], list[str]] = {}
        for one in part:
            if one.kind == "tag":
                tags.setdefault((one.is_end, one.name), []).append(self._tag(one))
        if way == "quoted":
            words = _CHINESE.sub("\ue000\\g<0>\ue001", words)
        filled = _filled(words, holes, tags)
        return before + filled.replace("\ue000", '<span lang="zh-CN">').replace("\ue001", "</span>") + after


def tokens(source: str) -> Iterator[Token]:
    at = 0
    for found in _TOKEN.finditer(source):
        assert found.start() == at, f"not a template: {source[at : at + 40]!r}"
        at = found.end()
        kind = str(found.lastgroup)
        name = re.match(r"</?([a-zA-Z][\w-]*)", found[0]) if kind == "tag" else None
        yield Token(kind, found[0], name[1].lower() if name else "", found[0].startswith("</"))
    assert at == len(source), f"not a template: {source[at : at + 40]!r}"


def sentence_of(part: list[Token]) -> tuple[str, str, str]:
    """The sentence as the catalogue has it, and the blanks before and after it."""
    said, holes = [], 0
    for one in part:
        if one.kind == "hole":
            holes += 1
            said.append(f"{{{holes}}}")
        elif one.kind == "tag":
            said.append(f"<{'/' if one.is_end else ''}{one.name}>")
        else:
            said.append(one.source)
    text = "".join(said)
    core = text.strip()
    start = text.index(core)
    return re.sub(r"[ \t\r\n]+", " ", core), text[:start], text[start + len(core) :]


def _end_of(part: list[Token], start: int) -> int:
    """Where the element that begins at `start` ends; -1: not here."""
    depth, name = 0, part[start].name
    for at in range(start, len(part)):
        one = part[at]
        if one.kind == "tag" and one.name == name and name not in VOID:
            depth += -1 if one.is_end else 1
            if depth == 0:
                return at
    return -1


def _apart(run: list[Token]) -> list[list[Token]]:
    """A run in parts: unmatched tags stand alone, a wide blank parts, and so do elements with no words between them."""
    parts: list[list[Token]] = []
    group: list[Token] = []
    at = 0
    while at < len(run):
        one = run[at]
        end = at
        if one.kind == "tag" and one.name not in VOID:
            end = -1 if one.is_end else _end_of(run, at)
            if end < 0:
                parts += [*_grouped(group), [one]]
                group = []
                at += 1
                continue
        if one.kind == "text" and "\u3000" in one.source:
            for piece in re.split("(\u3000+)", one.source):
                if piece.startswith("\u3000"):
                    parts += [*_grouped(group), [Token("text", piece)]]
                    group = []
                elif piece:
                    group.append(Token("text", piece))
        else:
            group += run[at : end + 1]
        at = end + 1
    return [part for part in [*parts, *_grouped(group)] if part]


def _grouped(group: list[Token]) -> list[list[Token]]:
    """One sentence; or, where no words stand outside the elements, each element by itself."""
    parts: list[list[Token]] = []
    at = 0
    while at < len(group):
        one = group[at]
        if one.kind == "hole" or (one.kind == "text" and one.source.strip()):
            return [group]
        end = _end_of(group, at) if one.kind == "tag" and one.name not in VOID else at
        parts.append(group[at : end + 1])
        at = end + 1
    return parts


def _through(hole: str, way: str) -> str:
    """`{{ it }}` → `{{ (it) | quoted }}`."""
    found = re.fullmatch(r"\{\{([-+]?)(.*?)([-+]?)\}\}", hole, re.DOTALL)
    assert found is not None
    if _THEIRS.fullmatch(held := found[2].strip()):
        way = {"quoted": "theirs", "said": "string"}[way]
    return f"{{{{{found[1]} ({held}) | {way} {found[3]}}}}}"


def _padded(said: str, before: str, after: str) -> str:
    """With a blank where a statement cuts a sentence in two: Chinese needs none there."""
    if before == "statement" and re.match(r"[A-Za-z0-9(]", said):
        said = " " + said
    return said + " " if after == "statement" and re.search(r"[A-Za-z][.,;:!?]$", said) else said


def _filled(words: str, holes: list[str], tags: dict[tuple[bool, str], list[str]]) -> str:
    """The words with their holes and tags; `{1:day|days}` chooses by what the hole holds."""
    left = {key: list(value) for key, value in tags.items()}

    def fill(found: re.Match[str]) -> str:
        if found[1] is None:
            return left[bool(found[4]), found[5]].pop(0)
        hole = holes[int(found[1]) - 1]
        if found[2] is None:
            return hole
        inner = hole[2:-2].strip(" -+")
        return f"{{{{ ({inner}) | counted({found[2]!r}, {found[3]!r}) }}}}"

    return _MARK.sub(fill, words)
