"""JSON log lines, and the one filter that keeps persons and secrets out of them."""

from __future__ import annotations

import logging
import math
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import orjson

request_id: ContextVar[str] = ContextVar("request_id", default="")
span_key: ContextVar[str] = ContextVar(
    "span_key", default=""
)  # of a job's try: its traces; a request's is its id

_REDACTIONS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![0-9A-Za-z])\d{17}[\dXx](?![0-9A-Za-z])"), "[证件号码]"),
    (re.compile(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])"), "[手机号]"),
    (re.compile(r"(?<![0-9A-Za-z_-])o[0-9A-Za-z_-]{27}(?![0-9A-Za-z_-])"), "[openid]"),
    (
        re.compile(
            r"(?i)\b(access_token|refresh_token|secret|appsecret|session_key|password|pin|otp|code|ticket|invite|invitation|js_code)"
            r"(\"?\s*[=:]\s*\"?)[^\s&\"',}]+"
        ),
        r"\1\2[已隐去]",
    ),
    (re.compile(r"(?i)\bBearer\s+[\w.~+/=-]+"), "Bearer [已隐去]"),
    (re.compile(r"(/s/|/v/|/mp/v1/scans/)[\w~-]{16,}"), r"\1[已隐去]"),
    (re.compile(r"(?i)(postgres(?:ql)?|redis|rediss)://[^\s@/]*@"), r"\1://[已隐去]@"),
    (
        re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----BEGIN|-----END).)*(?:-----END [A-Z ]*PRIVATE KEY-----)?",
            re.DOTALL,
        ),
        "[私钥]",
    ),
)
HIDDEN = "[已隐去]"
_SECRET_NAME = re.compile(
    r"(?i)(?:\w*_)?(access_token|refresh_token|secret|appsecret|session_key|password|pin|otp|code|ticket|invite|invitation|js_code)"
)
LONGEST_FIELD, LONGEST_MESSAGE, LONGEST_ERROR = 1_000, 4_000, 20_000  # characters
_DRIVERS = ("asyncpg.", "psycopg.", "procrastinate.")
_AWAY = ("08", "53", "57P")  # SQLSTATE: connection, resources, operator
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """`text` without identity numbers, phones, openids, tokens, secrets and keys."""
    for pattern, instead in _REDACTIONS:
        text = pattern.sub(instead, text)
    return text


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request id, and what `extra` adds; all redacted."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": _text(record.name, LONGEST_FIELD),
            "message": _text(_said(record), LONGEST_MESSAGE),
        }
        if request := request_id.get():
            line["request_id"] = _text(request, LONGEST_FIELD)
        line.update(
            {
                _text(key, LONGEST_FIELD): _field(key, value)
                for key, value in vars(record).items()
                if key not in _PLAIN and _is_plain(value)
            }
        )
        if cause := _outage(record):
            line["cause"] = cause
        elif record.exc_info:
            line["error"] = _text(self.formatException(record.exc_info), LONGEST_ERROR)
        return orjson.dumps(line).decode()


def _outage(record: logging.LogRecord) -> str:
    """What a driver or the queue says while the database is away: its cause, whose traceback would tell no more."""
    if not record.exc_info or not record.name.startswith(_DRIVERS):
        return ""
    error = record.exc_info[1]
    is_outage, cause = False, ""
    while error is not None:
        cause = type(error).__name__
        state = str(getattr(error, "sqlstate", None) or "")
        is_outage = is_outage or (
            isinstance(error, ConnectionError | TimeoutError)
            or state.startswith(_AWAY)
            or cause == "ConnectorException"  # procrastinate's, around whatever its driver said
        )
        error = error.__cause__
    return cause if is_outage else ""


def _said(record: logging.LogRecord) -> str:
    """The message; of one that does not fit its arguments, what it was to be: a line is never lost over it."""
    try:
        return record.getMessage()
    except (TypeError, ValueError):
        return f"{record.msg} {record.args}"


def _bounded(text: str, most: int) -> str:
    """A stranger may choose what is logged, but not how much. The end of a long text is what says most."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}…{text[-most // 2 :]}"


def _text(text: str, most: int) -> str:
    """As it may stand in a line: redacted before it is cut, as half a number would not be known for what it is."""
    return _bounded(redact(text.encode("utf-8", "replace").decode()), most)  # JSON has no half characters


def _field(name: str, value: str | float | None) -> str | float | None:
    """What `extra` adds, redacted before it is JSON: redacting JSON itself would break its numbers and its quotes.

    A number stays a number unless it reads like a person's, or JSON has none like it.
    """
    if value is None or isinstance(value, bool):
        return value
    if _SECRET_NAME.fullmatch(name):
        return HIDDEN
    if isinstance(value, str):
        return _text(value, LONGEST_FIELD)
    if (isinstance(value, int) and abs(value) >= 2**63) or (
        isinstance(value, float) and not math.isfinite(value)
    ):
        return "[数]"
    said = repr(value)
    return value if redact(said) == said else redact(said)


def _is_plain(value: object) -> bool:
    """Nothing nested: what libraries hang on their records (a job with its arguments) is not for the log."""
    return value is None or isinstance(value, str | int | float | bool)


def configuration(level: str) -> dict[str, Any]:
    """logging.config for this process and for Sanic's own loggers: everything to stderr as JSON lines."""
    names = ("", "xcert", "sanic.root", "sanic.error", "sanic.server", "sanic.websockets", "procrastinate")
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "server.adapters.logs.JsonLines"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "loggers": {name: {"level": level, "handlers": ["stderr"], "propagate": False} for name in names}
        | {"sanic.access": {"level": "CRITICAL", "handlers": ["stderr"], "propagate": False}},
    }
