"""The child process that reads one foreign PDF: keys and bytes in, one answer out. Started by `reader_apart`.

Standard input: a length (four bytes, big-endian) and that much JSON with the published seal keys, then the file. Standard
output: one JSON object, `{"pdf": …}` or `{"refused": [code, message]}`; anything else means that it died.
"""

from __future__ import annotations

import base64
import os
import sys
from dataclasses import asdict
from datetime import datetime
from typing import Any

import orjson

from server.adapters.documents.verify import read_pdf
from server.adapters.spreadsheets.child_limits import limit
from server.domain.ports import PublicKey
from server.errors import Refused

PRINTED = 20_000  # characters of the first page that are handed on


def main() -> None:
    """Arguments: seconds of processor, bytes of memory."""
    limit(int(sys.argv[1]), int(sys.argv[2]))
    try:
        given = sys.stdin.buffer.read()
        length = int.from_bytes(given[:4], "big")
        keys = [_key(one) for one in orjson.loads(given[4 : 4 + length])]
        try:
            answer: dict[str, Any] = {"pdf": asdict(read_pdf(given[4 + length :], keys))}
            answer["pdf"]["printed"] = answer["pdf"]["printed"][:PRINTED]
        except Refused as refused:
            answer = {"refused": [refused.code, refused.message]}
        sys.stdout.buffer.write(orjson.dumps(answer, default=_plain))
        sys.stdout.buffer.flush()
    except BaseException:
        os._exit(3)  # the parent knows what it means
    os._exit(0)


def _key(one: dict[str, str]) -> PublicKey:
    return PublicKey(one["key_id"], "seal", 0, "", base64.b64decode(one["raw"]), False)


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError


if __name__ == "__main__":
    main()
