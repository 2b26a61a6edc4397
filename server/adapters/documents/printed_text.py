"""The text that a PDF page prints, as far as typst writes it: two-byte glyph codes and a ToUnicode table for each font."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TWO = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")
_THREE = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")
_EDGE = re.compile(rb"(begin|end)bf(char|range)")
_TOKEN = re.compile(
    rb"(?P<string>\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\))"
    rb"|(?P<hex><[0-9A-Fa-f\s]*>)"
    rb"|(?P<name>/[^\s()<>\[\]{}/%]+)"
    rb"|(?P<word>[^\s()<>\[\]{}/%]+)",
    re.DOTALL,
)
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_MEANT = {
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"b": b"\b",
    b"f": b"\f",
    b"\n": b"",
    b"\r": b"",
    b"\r\n": b"",
}


def printed_text(page: Any) -> str:
    """The page's text in the order it is drawn, without spaces. `page` is pyHanko's dictionary of it."""
    fonts = page["/Resources"].get("/Font", {})
    tables = {str(name): _characters(bytes(fonts[name]["/ToUnicode"].data)) for name in fonts}
    content = page["/Contents"]
    streams = [content] if hasattr(content, "data") else [part.get_object() for part in content]
    operators = b"\n".join(bytes(stream.data) for stream in streams)
    return "".join("".join(_texts_of(operators, tables)).split())


def _texts_of(content: bytes, tables: Mapping[str, Mapping[int, str]]) -> Iterator[str]:
    table: Mapping[int, str] = {}
    name, strings = "", list[bytes]()
    for token in _TOKEN.finditer(content):
        if token.lastgroup == "string":
            strings.append(_ESCAPE.sub(_unescaped, token[0][1:-1]))
        elif token.lastgroup == "hex":
            strings.append(bytes.fromhex(token[0][1:-1].decode()))
        elif token.lastgroup == "name":
            name = token[0].decode("latin-1")
        elif token[0] == b"Tf":
            table = tables.get(name, {})
        elif token[0] in (b"Tj", b"TJ"):
            for raw in strings:
                codes = (int.from_bytes(raw[at : at + 2], "big") for at in range(0, len(raw), 2))
                yield "".join(table.get(code, "\N{REPLACEMENT CHARACTER}") for code in codes)
            strings = []
        elif token[0] in (b"BDC", b"DP"):  # what a tag says about the text is not drawn
            strings = []


def _unescaped(escape: re.Match[bytes]) -> bytes:
    code = escape[1]
    return bytes([int(code, 8) & 0xFF]) if code[:1].isdigit() else _MEANT.get(code, code)


def _characters(table: bytes) -> dict[int, str]:
    """Glyph code → text, out of a ToUnicode table."""
    characters: dict[int, str] = {}
    for block in _blocks(table, b"char"):
        for code, text in _TWO.findall(block):
            characters[int(code, 16)] = _utf16(text)
    for block in _blocks(table, b"range"):
        for first, last, text in _THREE.findall(block):
            start = _utf16(text)
            for step, code in enumerate(range(int(first, 16), int(last, 16) + 1)):
                characters[code] = start[:-1] + chr(ord(start[-1]) + step)
    return characters


def _blocks(table: bytes, kind: bytes) -> Iterator[bytes]:
    """What stands between a beginning and the next end, where both are of this kind."""
    begun = -1
    for edge in _EDGE.finditer(table):
        if edge[1] == b"begin":
            begun = edge.end() if edge[2] == kind else -1
        elif begun >= 0 and edge[2] == kind:
            yield table[begun : edge.start()]
            begun = -1


def _utf16(digits: bytes) -> str:
    return bytes.fromhex(digits.decode()).decode("utf-16-be", "replace")
