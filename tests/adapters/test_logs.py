"""The one filter: nothing personal and nothing secret leaves in a log line."""

from __future__ import annotations

import json
import logging

import pytest

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
