"""Statements a piece of work sends to the database."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


class Reader:
    """An image check that remembers what it drew."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def picture(self, text: str) -> bytes:
        self.drawn.append(text)
        return b"\x89PNG " + text.encode()


@contextmanager
def statements() -> Iterator[list[str]]:
    """Every statement that reaches the database, without its values."""
    texts: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            texts.append(
                str(record.args[0]) if isinstance(record.args, tuple) and record.args else record.msg
            )

    logger, ear = logging.getLogger("tortoise.db_client"), Ear(logging.DEBUG)
    level = logger.level
    logger.addHandler(ear)
    logger.setLevel(logging.DEBUG)
    try:
        yield texts
    finally:
        logger.removeHandler(ear)
        logger.setLevel(level)
