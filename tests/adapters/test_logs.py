"""The one filter: nothing personal and nothing secret leaves in a log line."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.adapters import logs
from tests.kit import make


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (f"导入 {make.id_number(7)} 失败", "导入 [证件号码] 失败"),
        ("电话 19912345678。", "电话 [手机号]。"),
        ("to oA1b2C3d4E5f6G7h8I9j0K1l2M3n done", "to [openid] done"),
        (
            "GET https://x/cgi-bin/token?access_token=abc.def&x=1",
            "GET https://x/cgi-bin/token?access_token=[已隐去]&x=1",
        ),
        ('{"secret": "s3cr3t", "appid": "wx1"}', '{"secret": "[已隐去]", "appid": "wx1"}'),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [已隐去]"),
        ("GET /s/AbCdEfGhIjKlMnOpQrStUvWxYz012345", "GET /s/[已隐去]"),
        ("postgresql://u:p@127.0.0.1/x", "postgresql://[已隐去]@127.0.0.1/x"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", "[私钥]"),
        ("第 1234567890123456789 号, 23SPS100000001X", "第 1234567890123456789 号, 23SPS100000001X"),
    ],
)
def test_redaction(said: str, kept: str) -> None:
    assert logs.redact(said) == kept


def test_a_line_carries_its_request_and_its_facts_redacted() -> None:
    logs.request_id.set("abc123")
    record = logging.LogRecord("xcert.test", logging.INFO, __file__, 1, "read %s", (make.id_number(9),), None)
    record.issuance = 7
    record.owner = "19912345678"
    line = json.loads(logs.JsonLines().format(record))
    line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "xcert.test",
        "message": "read [证件号码]",
        "request_id": "abc123",
        "issuance": 7,
        "owner": "[手机号]",
    }
    logs.request_id.set("")


def test_an_exception_is_redacted_too() -> None:
    try:
        raise ValueError(make.id_number(11))
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, __file__, 1, "broke", (), (type(error), error, error.__traceback__)
        )
    assert make.id_number(11) not in logs.JsonLines().format(record)


def test_a_stranger_does_not_choose_how_much_is_logged() -> None:
    """And what is cut off is redacted as a whole before."""
    number = make.id_number(12)
    said = "x" * (logs.LONGEST_MESSAGE // 2 - 9) + " " + number + " " + "y" * 6_000_000
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%s", (said,), None)
    record.method = "M" * 6_000
    line = json.loads(logs.JsonLines().format(record))
    assert (len(line["message"]), len(line["method"])) == (logs.LONGEST_MESSAGE + 1, logs.LONGEST_FIELD + 1)
    assert number[:8] not in line["message"]


PERSONS = st.one_of(
    st.sampled_from([make.id_number(n) for n in range(1, 9)]),
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True),
    st.from_regex(r"o[0-9A-Za-z_-]{27}", fullmatch=True),
)
AROUND = st.text(alphabet=" ,:{}[]\"'\\\n。号=", max_size=6)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**10, max_value=10**19),
    st.floats(),
    st.text(max_size=60),
    st.builds("{}{}{}".format, AROUND, PERSONS, AROUND),
    PERSONS.filter(str.isdigit).map(int),
)
NESTED = st.recursive(
    PLAIN, lambda below: st.lists(below) | st.dictionaries(st.text(max_size=9), below), max_leaves=9
)
NAMES = st.text(alphabet='abcdefgh_\u4e00"\\\x00\ud800', min_size=1, max_size=12)


def values_of(line: Any) -> Iterator[str]:
    """What the values of a decoded line say; names of fields are the program's own."""
    if isinstance(line, dict | list):
        for below in line.values() if isinstance(line, dict) else line:
            yield from values_of(below)
    else:
        yield str(line)


@given(said=NESTED, person=PERSONS, fields=st.dictionaries(NAMES, NESTED, max_size=5), as_args=st.booleans())
def test_every_line_is_json_and_names_nobody(
    said: Any, person: str, fields: dict[str, Any], as_args: bool
) -> None:
    """Whatever is logged, nested, huge or half a character; and no digit of a number that is nobody's is lost."""
    message = "%s of %s" if as_args else f"{said!r} of {person}".replace("%", "%%")
    record = logging.LogRecord(
        "x", logging.INFO, __file__, 1, message, (said, person) if as_args else (), None
    )
    for name, value in ({"owner": person, "who": {"phone": person}} | fields).items():
        vars(record).setdefault(name, value)
    text = logs.JsonLines().format(record)
    line = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert "\n" not in text and isinstance(line, dict)
    # Inside a longer run of letters and digits it is another number, and nobody's.
    around = "0-9A-Za-z" if person[:-1].isdigit() else "0-9A-Za-z_-"
    alone = re.compile(rf"(?<![{around}]){re.escape(person)}(?![{around}])")
    assert not any(alone.search(one) for one in values_of(line))
    for name, value in fields.items():
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**10 and name in line:
            assert line[name] == value


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (19912345678, "[手机号]"),
        (int(make.id_number(3)[:17] + "1"), "[证件号码]"),
        (19912345678.5, "[手机号].5"),
        (2**63, "[数]"),
        (-(10**4000), "[数]"),
        (float("nan"), "[数]"),
        (float("inf"), "[数]"),
        (2**63 - 1, 2**63 - 1),
        (12050, 12050),
        (0.25, 0.25),
        (True, True),
        ('said "ok", {code=1}', 'said "ok", {code=[已隐去]}'),
        ("\ud800", "?"),
    ],
)
def test_a_field_is_redacted_before_it_is_json(value: Any, kept: Any) -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "x", (), None)
    record.amount = value
    assert json.loads(logs.JsonLines().format(record))["amount"] == kept


def test_what_has_a_secrets_name_is_hidden_and_a_message_that_does_not_fit_is_not_lost() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%d of %s", ("19912345678",), None)
    vars(record).update(password="seven herons", pin=123456, mp_secret="s", jobs={"args": "nobody's to read"})
    line = json.loads(logs.JsonLines().format(record))
    assert (line["password"], line["pin"], line["mp_secret"]) == ("[已隐去]",) * 3
    assert line["message"] == "%d of %s ('[手机号]',)" and "jobs" not in line


class _StartingUp(Exception):
    sqlstate = "57P03"


class ConnectorException(Exception):
    """Named as procrastinate's."""


def logged(name: str, error: Exception) -> dict[str, object]:
    record = logging.LogRecord(name, logging.WARNING, __file__, 1, "retrying", (), (type(error), error, None))
    line: dict[str, object] = json.loads(logs.JsonLines().format(record))
    return line


def test_a_driver_tells_of_an_outage_by_its_cause_and_of_a_fault_by_its_traceback() -> None:
    """While the database starts anew every pool and every worker tells of it, again and again."""
    wrapped = ConnectorException("Database error.")
    wrapped.__cause__ = ConnectionRefusedError(111, "Connection refused")
    for name, error, cause in (
        ("asyncpg.pool", _StartingUp("starting up"), "_StartingUp"),
        ("asyncpg.pool", ConnectionResetError(104, "reset"), "ConnectionResetError"),
        ("procrastinate.utils", wrapped, "ConnectionRefusedError"),
    ):
        line = logged(name, error)
        assert (line["cause"], "error" in line) == (cause, False)
    for name, fault in (
        ("procrastinate.worker.worker", ValueError("a fault of ours")),
        ("xcert.jobs", ConnectionResetError(104, "reset")),
    ):
        line = logged(name, fault)
        assert ("cause" in line, str(fault) in str(line["error"])) == (False, True)
