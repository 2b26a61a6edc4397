#!/usr/bin/env python3
"""Make the samples of docs/public-log.md out of its text alone: hashlib, json, base64 and `cryptography`, nothing of xcert.

python tests/vectors/make_public_log.py > tests/vectors/public_log.json
"""

# mypy: ignore-errors

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORIGIN, WITNESS = "cert.example.org/log", "witness.example.org/w1"
LOG_SECRET, WITNESS_SECRET = bytes(range(32)), bytes(range(32, 64))
COSIGNED_AT = 1795752060


def sha256(data):
    return hashlib.sha256(data).digest()


def b64(data):
    return base64.b64encode(data).decode()


def certificate_hash(code):
    return sha256(b"xcert log certificate" + b"\x00" + code.encode("ascii")).hex()


def entry(event, code, at, serial_to, **more):
    said = {
        "v": 1,
        "event": event,
        "certificate": certificate_hash(code),
        "at": at,
        "series": "26SPS1",
        "serial_to": serial_to,
        **more,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def leaf(data):
    return sha256(b"\x00" + data)


def root(leaves):
    """RFC 6962, section 2.1."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def path(m, leaves):
    """RFC 6962, section 2.1.1."""
    if len(leaves) <= 1:
        return []
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    if m < k:
        return [*path(m, leaves[:k]), root(leaves[k:])]
    return [*path(m - k, leaves[k:]), root(leaves[:k])]


def key(secret):
    private = Ed25519PrivateKey.from_private_bytes(secret)
    return private, private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def key_id(name, kind, raw):
    return sha256(name.encode() + b"\n" + bytes([kind]) + raw)[:4]


def verifier_key(name, kind, raw):
    return f"{name}+{key_id(name, kind, raw).hex()}+{b64(bytes([kind]) + raw)}"


def checkpoint(size, value):
    text = f"{ORIGIN}\n{size}\n{b64(value)}\n"
    private, raw = key(LOG_SECRET)
    note = text + f"\n— {ORIGIN} {b64(key_id(ORIGIN, 1, raw) + private.sign(text.encode()))}\n"
    private, raw = key(WITNESS_SECRET)
    said = f"cosignature/v1\ntime {COSIGNED_AT}\n{text}".encode()
    signature = COSIGNED_AT.to_bytes(8, "big") + private.sign(said)
    return note + f"— {WITNESS} {b64(key_id(WITNESS, 4, raw) + signature)}\n"


def main():
    codes = [
        str(int.from_bytes(b"\x01" + hashlib.sha512(n.to_bytes(2, "big")).digest(), "big"))
        for n in range(300)
    ]
    events = [
        ("issued", code, "2026-11-27T04:00:00Z", 1000, {"pdf": sha256(code.encode()).hex()}) for code in codes
    ]
    events.append(("revoked", codes[7], "2026-11-28T01:02:03Z", 1000, {}))
    events.append(
        ("superseded", codes[8], "2026-11-29T01:02:03Z", 1000, {"successor": certificate_hash(codes[9])})
    )
    entries = [entry(*event[:4], **event[4]) for event in events]
    leaves = [leaf(data) for data in entries]
    _, log_raw = key(LOG_SECRET)
    _, witness_raw = key(WITNESS_SECRET)
    shown = (0, 7, 255, 256, 300, 301)
    bundle = b"".join(len(data).to_bytes(2, "big") + data for data in entries[256:])
    json.dump(
        {
            "origin": ORIGIN,
            "log_secret": LOG_SECRET.hex(),
            "log_key": verifier_key(ORIGIN, 1, log_raw),
            "witness_key": verifier_key(WITNESS, 4, witness_raw),
            "entries": [
                {
                    "index": n,
                    "code": events[n][1],
                    "entry": entries[n].decode(),
                    "leaf": leaves[n].hex(),
                    "path": [b64(one) for one in path(n, leaves)],
                }
                for n in shown
            ],
            "roots": {str(size): b64(root(leaves[:size])) for size in (0, 1, 2, 3, 255, 256, 257, 302)},
            "tiles": {
                "0/000": sha256(b"".join(leaves[:256])).hex(),
                "0/001.p/46": sha256(b"".join(leaves[256:])).hex(),
                "1/000.p/1": root(leaves[:256]).hex(),
                "entries/001.p/46": sha256(bundle).hex(),
            },
            "checkpoint": checkpoint(302, root(leaves)),
        },
        sys.stdout,
        ensure_ascii=False,
        indent=1,
    )
    print()


if __name__ == "__main__":
    main()
