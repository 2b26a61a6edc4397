"""Stands where the reader of foreign files stands, and does what a parser of foreign bytes may do. The file says what."""

from __future__ import annotations

import os
import sys
import time


def main() -> None:
    trouble = sys.stdin.buffer.read().decode().strip()
    out = sys.stdout.buffer
    if trouble == "abort":
        os.abort()
    elif trouble == "hang":
        time.sleep(600)
    elif trouble == "silence":
        pass
    elif trouble == "half a frame":
        out.write((100).to_bytes(4, "big") + b'{"done"')
    elif trouble == "no JSON":
        out.write((4).to_bytes(4, "big") + b"\x80\x04N.")
    elif trouble == "a frame of four gigabytes":
        out.write(b"\xff" * 4)
        out.flush()
        time.sleep(600)
    elif trouble == "sheets without end":
        body = b'{"rows": [["' + b"x" * 1000 + b'"]]}'
        frame = len(body).to_bytes(4, "big") + body
        while True:
            out.write(frame)
    elif trouble == "rows that were never told of":
        out.write(len(b'{"rows": 3}').to_bytes(4, "big") + b'{"rows": 3}')
    out.flush()


if __name__ == "__main__":
    main()
