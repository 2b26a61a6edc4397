"""One sheet of an .xlsx, judged by an XML pull parser: what it holds, apart from the parser that reads its values.

Element and attribute names by ECMA-376 part 1, 18.3.1; both its namespaces. Whoever writes a cell otherwise is read by
nobody, or by the other parser alone: then the counts differ, and the file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO
from xml.etree import ElementTree
from xml.parsers import expat

from server.adapters.spreadsheets import formats
from server.adapters.spreadsheets.file_kind import damaged, entities
from server.adapters.spreadsheets.sheet_marks import Account

_SPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
    "",
)
_OTHER, _CELL, _VALUE, _ROW, _FORMULA, _COLUMN, _DIMENSION = range(7)
_KINDS = {
    "c": _CELL,
    "v": _VALUE,
    "is": _VALUE,
    "row": _ROW,
    "f": _FORMULA,
    "col": _COLUMN,
    "dimension": _DIMENSION,
}
_STATED = re.compile(rb"""\sref\s*=\s*(?:"[^"]*"|'[^']*')""")
_HEAD = 65_536  # the dimension stands before the cells
_TRUE = ("1", "true")
_DIGITS = "0123456789"
_MOST_COLUMN = 16_384  # XFD, the last one that a spreadsheet has
_MOST_ROW = 1_048_576
Attributes = dict[str, str]


class _Memory(dict[str, int]):
    """What a function made of each word, made once."""

    def __init__(self, make: Callable[[str], int]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, word: str) -> int:
        value = self[word] = self._make(word)
        return value


class Judge:
    """Takes a sheet's elements in their order and keeps its account.

    Raises (from `judged`):
        Refused: file_damaged, file_entities.
    """

    def __init__(self, styles: list[str]) -> None:
        self.account = Account()
        # styles that matter: of number cells, and of text cells
        self._numbers = {str(n): code for n, code in enumerate(styles) if not formats.is_plain(code)}
        self._texts = {n: code for n, code in self._numbers.items() if formats.hides_text(code)}
        self._parser = parser = expat.ParserCreate(namespace_separator="}")
        parser.StartElementHandler = self._start()
        parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = self._foreign
        self._word: list[str] = []

    def judged(self, part: bytes) -> Account:
        try:
            self._parser.Parse(part, True)
        except (expat.ExpatError, ValueError):
            raise damaged() from None
        self._end_word()
        return self.account

    def _foreign(self, *_: object) -> None:
        raise entities()

    def _start(self) -> Callable[[str, Attributes], None]:
        """The handler of starts, as a closure: it is called a million times for a large file."""
        account, cells = self.account, self.account.cells
        kinds, columns = _Memory(_kind), _Memory(column_index)
        row = column = -1
        row_text = ""
        style = form = ""
        has_value = True
        cell, value = _CELL, _VALUE  # a closure's names are found faster than a module's

        def start(name: str, attributes: Attributes) -> None:
            nonlocal row, column, row_text, style, form, has_value
            kind = kinds[name]
            if not kind:
                return
            if kind == cell:
                reference = attributes.get("r")
                if reference:
                    letters = reference.rstrip(_DIGITS)
                    column = columns[letters]
                    if (digits := reference[len(letters) :]) != row_text:
                        row_text, row = digits, _row_index(digits)
                else:
                    column += 1
                has_value, style, form = False, attributes.get("s", "0"), attributes.get("t", "n")
            elif kind == value:
                if has_value:
                    return
                has_value = True
                cells[row] = cells.get(row, 0) + 1
                if column >= account.columns:
                    account.columns = column + 1
                if form == "n":
                    if style in self._numbers:
                        account.styled[row, column] = self._numbers[style]
                elif form == "e":
                    self._begin_word(row, column)
                elif style in self._texts:
                    account.styled[row, column] = self._texts[style]
            elif kind == _ROW:
                row_text = attributes.get("r", "") or str(row + 2)
                row, column = _row_index(row_text), -1
                self._begin_row(row, attributes)
            elif kind == _FORMULA:
                has_value = True  # what follows is only the result
                self._begin_formula(row, column)
            elif kind == _COLUMN:
                self._column(attributes)

        return start

    def _begin_row(self, row: int, attributes: Attributes) -> None:
        if attributes.get("hidden") in _TRUE or attributes.get("ht") == "0":
            self.account.hidden_rows.add(row)

    def _begin_formula(self, row: int, column: int) -> None:
        self.account.formulas.add((row, column))
        self.account.columns = max(self.account.columns, column + 1)

    def _column(self, attributes: Attributes) -> None:
        if attributes.get("hidden") in _TRUE or attributes.get("width") == "0":
            self.account.hidden_columns.append(
                (int(attributes.get("min", "0")) - 1, int(attributes.get("max", "0")) - 1)
            )

    def _begin_word(self, row: int, column: int) -> None:
        """From here on keep the text of an error cell; it ends with the next element."""
        self._end_word()
        self._place = (row, column)
        self.account.errors[self._place] = "#N/A"
        self._parser.CharacterDataHandler = self._word.append
        self._parser.EndElementHandler = lambda _: self._end_word()

    def _end_word(self) -> None:
        if self._word:
            self.account.errors[self._place] = "".join(self._word)[:40]
            self._word = []
        self._parser.CharacterDataHandler = self._parser.EndElementHandler = None


def with_dimension(part: bytes) -> bytes:
    """The sheet, its stated dimension replaced if it is no range: nobody believes it, but one parser gives up there."""
    positions: list[int] = []

    def start(name: str, attributes: Attributes) -> None:
        if _kind(name) == _DIMENSION and not all(map(_is_reference, attributes.get("ref", "").split(":"))):
            positions.append(parser.CurrentByteIndex)

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = start
    with suppress(expat.ExpatError):  # whoever parses the whole of it will say so
        parser.Parse(part[:_HEAD])
    if not positions:
        return part
    end = part.find(b">", positions[0])
    return part[: positions[0]] + _STATED.sub(b' ref="A1"', part[positions[0] : end]) + part[end:]


def _kind(name: str) -> int:
    space, _, local = name.rpartition("}")
    return _KINDS.get(local, _OTHER) if space in _SPACES else _OTHER


def column_index(letters: str) -> int:
    """A → 0, Z → 25, AA → 26. Raises ValueError: there is no such column."""
    index = 0
    for letter in letters.upper():
        if not "A" <= letter <= "Z":
            raise ValueError(letters)
        index = index * 26 + ord(letter) - 64
        if index > _MOST_COLUMN:
            raise ValueError(letters)
    if not index:
        raise ValueError(letters)
    return index - 1


def _row_index(digits: str) -> int:
    if not (digits.isascii() and digits.isdecimal() and 1 <= int(digits) <= _MOST_ROW):
        raise ValueError(digits)
    return int(digits) - 1


def _is_reference(text: str) -> bool:
    letters = text.rstrip(_DIGITS)
    try:
        column_index(letters)
        _row_index(text[len(letters) :])
    except ValueError:
        return False
    return True


def strings_of(part: bytes | None) -> list[bool]:
    """Whether each shared string holds any text; phonetic hints are none."""
    have_text: list[bool] = []
    if part is None:
        return have_text
    for _, element in ElementTree.iterparse(BytesIO(part)):  # noqa: S314 -- no entities by now
        if element.tag.rpartition("}")[2] == "si":
            have_text.append(_has_text(element))
            element.clear()
    return have_text


def _has_text(element: ElementTree.Element) -> bool:
    if element.tag.rpartition("}")[2] in ("rPh", "phoneticPr"):
        return False
    if element.tag.rpartition("}")[2] in ("t", "v") and element.text:
        return True
    return any(map(_has_text, element))


def count_again(part: bytes, strings: list[bool], rows: set[int]) -> dict[int, int]:
    """Cells that really hold something, of some rows: the first count takes a cell with an empty value for one."""
    cells: dict[int, int] = {}
    row = -1
    for event, element in ElementTree.iterparse(BytesIO(part), ("start", "end")):  # noqa: S314 -- no entities by now
        kind = _kind(element.tag.lstrip("{"))
        if kind == _ROW and event == "start":
            row = _row_index(element.get("r", "") or str(row + 2))
        elif kind == _CELL and event == "end":
            if reference := element.get("r"):
                row = _row_index(reference[len(reference.rstrip(_DIGITS)) :])
            computed = any(_kind(one.tag.lstrip("{")) == _FORMULA for one in element)
            if row in rows and not computed and _holds(element, strings):
                cells[row] = cells.get(row, 0) + 1
        elif kind == _ROW:
            element.clear()
    return cells


def _holds(cell: ElementTree.Element, strings: list[bool]) -> bool:
    if cell.get("t") != "s":
        return _has_text(cell)
    value = next((one.text or "" for one in cell if _kind(one.tag.lstrip("{")) == _VALUE), "")
    return value.strip().isdecimal() and int(value) < len(strings) and strings[int(value)]
