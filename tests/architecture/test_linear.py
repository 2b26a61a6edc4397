"""Whatever reads bytes of strangers takes time in proportion to them: four times the text, some four times the work.

Counted is the processor's time of this process, and only where it is more than a linear reader could ever need; so a
busy machine makes nothing red. A quadratic reader takes sixteen times as long and shows itself.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from re import _constants as constants  # typeshed leaves them out
from re import _parser as parser  # the same
from typing import Any

import pytest
from sanic.cookies.request import parse_cookie
from sanic.headers import parse_content_header
from sanic.request.form import parse_multipart_form

import miniprogram_api
import server
from server.adapters import logs
from server.adapters.wechat import messages
from server.domain.auth import sessions
from server.domain.certificates import claims
from server.domain.ports import Services
from server.errors import Refused
from server.settings import Settings

SMALL, FACTOR = 8_000, 4  # characters of an attack, and how many times as many the second one has
NOTHING = 0.05  # seconds of the processor in which a linear reader is through with the larger one
WORST = 8.0  # ratio; linear is 4, quadratic 16

# Patterns that meet no stranger's text; each with whose text it meets.
TRUSTED = {
    ("server.adapters.wechat.templates", "_KEYWORD"): "a template of our own account, as WeChat keeps it",
    ("server.adapters.documents.pdf", "_DAY"): "a date that this service wrote",
    ("server.web.template_words", "_CODE"): "our own templates, at a start",
    ("server.web.template_words", "_PARTS"): "our own templates, at a start",
}


def spent(work: Callable[[], Any]) -> float:
    """The least of three tries, so that one interruption counts for nothing."""
    tries = []
    for _ in range(3):
        began = time.process_time()
        with suppress(Refused, ValueError, AttributeError, RecursionError):  # a refusal is an answer too
            work()
        tries.append(time.process_time() - began)
        if tries[-1] < NOTHING:
            break
    return min(tries)


def assert_linear(read: Callable[[int], Any], what: str) -> None:
    larger = spent(lambda: read(SMALL * FACTOR))
    if larger < NOTHING:
        return
    smaller = spent(lambda: read(SMALL))
    assert larger < WORST * smaller, f"{what}: {smaller:.3f} s, then {larger:.3f} s"


def modules() -> Iterator[Any]:
    for package in (server, miniprogram_api):
        for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if ".migrations." in found.name or found.name.endswith("__main__") or ".sandbox" in found.name:
                continue
            yield importlib.import_module(found.name)


def patterns() -> list[tuple[str, str, re.Pattern[Any]]]:
    """Every compiled pattern that a module of ours holds, alone or inside a tuple, once."""
    found: dict[int, tuple[str, str, re.Pattern[Any]]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for one in _within(value):
                found.setdefault(id(one), (module.__name__, name, one))
    return sorted(found.values(), key=lambda row: row[:2])


def _within(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for inner in value:
            yield from _within(inner)


def is_searched(module: str, name: str) -> bool:
    """Whether the module looks for the pattern anywhere in a text, rather than comparing the whole text with it."""
    source = inspect.getsource(importlib.import_module(module))
    whole = re.search(rf"\b{name}\.(fullmatch|match)\b", source) is not None
    anywhere = re.search(rf"\b{name}\.(search|finditer|findall|sub|split)\b", source) is not None
    return anywhere or not whole


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str]]:
    """A beginning and what is repeated after it: the pattern's own literal pieces, and one of every common class."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    literal = re.sub(r"\\([^A-Za-z0-9])", r"\1", re.sub(r"\\[dswbDSWBAZ]", " ", source))
    pieces = [piece for piece in re.findall(r"[A-Za-z0-9<>/:=_\"'{}@! -]{1,40}", literal) if piece.strip()][
        :12
    ]
    begins = ["", *dict.fromkeys(pieces)]
    if len(pieces) > 1:
        begins.append("".join(pieces[:2]))
    pumps = [" ", "a", "A", "1", "\n", '"', "/", "\\/", ".", ",", "=", "-", *pieces]
    for begin in begins:
        for pump in dict.fromkeys(pumps):
            yield begin, pump


def greedy_groups(parsed: Any) -> Iterator[str]:
    """What a pattern repeats or holds without giving back, where that is more than one character."""
    for kind, value in parsed:
        if kind is constants.ATOMIC_GROUP:
            yield str(kind)
        elif kind is constants.POSSESSIVE_REPEAT:
            _, _, [*inner] = value
            if len(inner) != 1 or inner[0][0] not in (constants.IN, constants.LITERAL, constants.ANY):
                yield str(inner)
        for part in value if isinstance(value, tuple | list) else (value,):
            for one in part if isinstance(part, list) else (part,):
                if isinstance(one, parser.SubPattern):
                    yield from greedy_groups(one)


def test_no_pattern_needs_a_newer_python() -> None:
    """Debian 12 has Python 3.11.2: it matches possessive groups wrongly (mended in 3.11.5), so they never match there.

    A certificate's text was read as nothing, and every genuine one as "cannot be confirmed".
    """
    found = {
        f"{module} {name}": list(greedy_groups(parser.parse(one.pattern, one.flags & ~re.DEBUG)))
        for module, name, one in patterns()
    }
    assert {name: groups for name, groups in found.items() if groups} == {}
    assert list(greedy_groups(parser.parse("(?:ab)*+c"))) and list(greedy_groups(parser.parse("a(?:b(?>c))")))


@pytest.mark.parametrize(
    ("module", "name", "pattern"), patterns(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_pattern_is_linear(module: str, name: str, pattern: re.Pattern[Any]) -> None:
    if (module, name) in TRUSTED:
        return
    searches = is_searched(module, name)
    for begin, pump in attacks(pattern):

        def read(size: int, begin: str = begin, pump: str = pump) -> None:
            text: Any = begin + pump * (size // len(pump)) + "\0"
            subject = text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")
            for _ in pattern.finditer(subject) if searches else ():
                pass
            pattern.fullmatch(subject)

        assert_linear(read, f"{module}.{name} on {begin!r} + {pump!r}…")


def test_the_trusted_ones_are_still_there() -> None:
    held = {(module, name) for module, name, _ in patterns()}
    assert set(TRUSTED) <= held


BODIES = {
    "an Encrypt of blanks": b"<Encrypt>" + b" ",
    "many beginnings": b"<Encrypt>",
    "an Encrypt without an end": b"<Encrypt>A",
    "blanks and a beginning": b"<Encrypt><![CDATA[ ",
    "json blanks": b'{"Encrypt" ',
    "json beginnings": b'{"Encrypt":"',
    "json slashes": b'{"Encrypt":"\\/',
}


@pytest.mark.parametrize("case", BODIES)
def test_a_push_without_a_signature_is_looked_at_once(settings: Settings, case: str) -> None:
    account = messages.accounts(settings)["oa"]
    query = {"msg_signature": "x", "timestamp": "1", "nonce": "1"}
    body = BODIES[case]

    def read(size: int) -> None:
        messages.open_push(account, query, body + body[-1:] * size)
        messages.open_push(account, query, (body * size)[:size])

    assert_linear(read, case)


PARSERS: dict[str, tuple[Callable[[str], Any], tuple[str, ...]]] = {
    "a log line": (
        logs.redact,
        ("-----BEGIN PRIVATE KEY-----", "o", "code=", "Bearer ", "redis://", "1", "/s/"),
    ),
    "a cookie": (parse_cookie, ("a=1;", ";", "a=", ' ="')),
    "a content type": (parse_content_header, ("; a=", ';a="', ";", '\\"', "; ")),
    "a multipart body": (
        lambda text: parse_multipart_form(text.encode(), b"--x"),
        ("--x\r\n", "--x\r\nA: b\r\n", "\r\n", "--x\r\n\r\n--x"),
    ),
}


@pytest.mark.parametrize("what", PARSERS)
def test_every_parser_is_linear(what: str) -> None:
    parse, pumps = PARSERS[what]
    for pump in pumps:
        assert_linear(lambda size, pump=pump: parse(pump * (size // len(pump))), f"{what} of {pump!r}")  # type: ignore[misc]


@pytest.mark.parametrize("pump", ["1", ".", "1.", "A", "="])
def test_tokens_and_codes_are_linear(services: Services, pump: str) -> None:
    def read(size: int) -> None:
        text = pump * (size // len(pump))
        for kind in ("h5", "mp", "console"):
            with suppress(Refused):
                sessions.open(services, kind, text)

    assert_linear(read, f"a token of {pump!r}")
    assert_linear(
        lambda size: claims.open_code(services.keys, pump * (size // len(pump))), f"a code of {pump!r}"
    )
