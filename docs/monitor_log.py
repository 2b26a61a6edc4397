"""Follow the public log of issuing, without any of its issuer's programs: only Python ≥ 3.11 and `cryptography`.

    python monitor_log.py https://证书网址/log STATE KEY [KEY …]

KEY is a verifier key of the log (docs/public-log.md, or what `xcert log key` prints), written down once from a source that
you trust. STATE is a file of yours: what you saw last. Run it as often as you like, from cron; it says one line. It leaves
with 0 when the log has only grown, and with 1 when what you are shown contradicts what you saw: keep both files then, and
tell others. 2: nothing could be judged (the network, the file).

Instead of an address, a folder may be named that holds the log's files.

Written from RFC 6962 and the C2SP documents tlog-tiles, tlog-checkpoint and signed-note alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
import urllib.error
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LARGEST = 32 * 1024 * 1024


class Contradiction(Exception):
    """What the log shows cannot be true together with what it signed."""


def sha256(data):
    return hashlib.sha256(data).digest()


def fetch(base, path):
    """A file of the log; None when there is none."""
    if not base.startswith(("https://", "http://")):
        try:
            with open(os.path.join(base, path), "rb") as handle:
                return handle.read()
        except FileNotFoundError:
            return None
    try:
        with urllib.request.urlopen(base.rstrip("/") + "/" + path, timeout=20) as answer:  # noqa: S310 -- as asked for
            data = answer.read(LARGEST + 1)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return None
        raise
    if len(data) > LARGEST:
        raise OSError(path + " is too large")
    return data


def key_of(text):
    """Name, 4 bytes of id, Ed25519 key of a line `name+id+base64`."""
    name, digest, material = text.split("+", 2)
    data = base64.b64decode(material)
    if len(data) != 33 or data[0] != 1 or sha256(name.encode() + b"\n" + data)[:4].hex() != digest:
        raise ValueError("not a verifier key for Ed25519: " + text)
    return name, bytes.fromhex(digest), Ed25519PublicKey.from_public_bytes(data[1:])


def open_checkpoint(note, keys):
    """(origin, size, root) of a checkpoint that one of the keys signed. Raises Contradiction."""
    text, blank, signatures = note.decode().rpartition("\n\n")
    text += "\n"
    good = 0
    for line in signatures.splitlines():
        _, name, encoded = line.split(" ")
        data = base64.b64decode(encoded)
        for key_name, key_id, key in keys:
            if (name, data[:4]) == (key_name, key_id):
                try:
                    key.verify(data[4:], text.encode())
                except InvalidSignature:
                    raise Contradiction("a signature of a known key is wrong") from None
                good += 1
    lines = text.split("\n")
    if not good or not blank or len(lines) < 4:
        raise Contradiction("the checkpoint is not signed by a key that you named")
    return lines[0], int(lines[1]), base64.b64decode(lines[2])


def tile_path(level, index, width):
    name = f"{index % 1000:03d}"
    index //= 1000
    while index:
        name = f"x{index % 1000:03d}/{name}"
        index //= 1000
    return f"tile/{level}/{name}" + ("" if width == 256 else f".p/{width}")


def fetch_tile(base, level, index, width):
    """A tile as it was for this width; a full one holds the partial one, which may be gone."""
    data = fetch(base, tile_path(level, index, width))
    if data is None and width < 256:
        data = fetch(base, tile_path(level, index, 256))
    if data is None:
        raise Contradiction("missing: " + tile_path(level, index, width))
    return data


def entries_of(data, width):
    """The first entries of a bundle."""
    out = []
    while data and len(out) < width:
        length = int.from_bytes(data[:2], "big")
        if len(data) < 2 + length:
            raise Contradiction("an entry bundle is cut off")
        out.append(data[2 : 2 + length])
        data = data[2 + length :]
    if len(out) != width:
        raise Contradiction("an entry bundle is too short")
    return out


class Peaks:
    """A tree as the roots of its perfect subtrees, the largest first: RFC 6962 needs no more to go on and to be hashed."""

    def __init__(self, peaks=()):
        self.peaks = [(int(height), bytes.fromhex(value)) for height, value in peaks]

    @property
    def size(self):
        return sum(1 << height for height, _ in self.peaks)

    def add(self, leaf):
        height, value = 0, leaf
        while self.peaks and self.peaks[-1][0] == height:
            value = sha256(b"\x01" + self.peaks.pop()[1] + value)
            height += 1
        self.peaks.append((height, value))

    def root(self):
        if not self.peaks:
            return sha256(b"")
        value = self.peaks[-1][1]
        for _, left in reversed(self.peaks[:-1]):
            value = sha256(b"\x01" + left + value)
        return value

    def to_json(self):
        return [[height, value.hex()] for height, value in self.peaks]


def leaves(base, start, size):
    """Every (entry, leaf hash) from `start` on; each entry is compared with its tile."""
    for index in range(start // 256, -(-size // 256)):
        width = min(256, size - index * 256)
        entries = entries_of(fetch_tile(base, "entries", index, width), width)
        tile = fetch_tile(base, 0, index, width)
        for place in range(max(0, start - index * 256), width):
            leaf = sha256(b"\x00" + entries[place])
            if leaf != tile[32 * place : 32 * place + 32]:
                raise Contradiction(f"entry {index * 256 + place} is not what its tile says")
            yield entries[place], leaf


def audit_tiles(base, size):
    """Every tile above the leaves is made of the tiles below it."""
    level, count = 1, size >> 8
    while count:
        for index in range(-(-count // 256)):
            width = min(256, count - index * 256)
            tile = fetch_tile(base, level, index, width)
            for place in range(width):
                row = fetch_tile(base, level - 1, index * 256 + place, 256)
                hashes = [row[at : at + 32] for at in range(0, 8192, 32)]
                while len(hashes) > 1:
                    hashes = [sha256(b"\x01" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes), 2)]
                if hashes[0] != tile[32 * place : 32 * place + 32]:
                    raise Contradiction(f"tile {level}/{index} is not made of the tiles below it")
        level, count = level + 1, count >> 8


def check_sense(entry, seen):
    """What an entry says fits what was said before. `seen`: of each certificate, the last event."""
    said = json.loads(entry)
    was = seen.get(said["certificate"])
    if was != (None if said["event"] == "issued" else "issued"):
        raise Contradiction(f"certificate {said['certificate'][:16]}: {said['event']} after {was}")
    seen[said["certificate"]] = said["event"]


def follow(base, keys, state, whole=False):
    """The new state. Raises Contradiction.

    Args:
        base: the log's address or folder.
        keys: of `key_of`.
        state: {} the first time.
        whole: begin at the first entry whatever was seen before, and look at every tile.
    """
    note = fetch(base, "checkpoint")
    if note is None:
        raise OSError("the log has no checkpoint yet")
    origin, size, root = open_checkpoint(note, keys)
    if state and origin != state["origin"]:
        raise Contradiction("another log: " + origin)
    if state and size < state["size"]:
        raise Contradiction(f"the log has gone back from {state['size']} to {size} entries")
    if whole:
        audit_tiles(base, size)
    tree, seen = (Peaks(), {}) if whole or not state else (Peaks(state["peaks"]), dict(state["seen"]))
    for entry, leaf in leaves(base, tree.size, size):
        tree.add(leaf)
        check_sense(entry, seen)
        if state and whole and tree.size == state["size"] and tree.to_json() != state["peaks"]:
            raise Contradiction("the log is not the one that you saw")
    if tree.root() != root:
        raise Contradiction(f"the tree of {size} entries has another root than was signed")
    return {
        "origin": origin,
        "size": size,
        "peaks": tree.to_json(),
        "checkpoint": note.decode(),
        "seen": seen,
    }


def main(arguments):
    try:
        base, path, *texts = arguments
        keys = [key_of(text) for text in texts]
        state = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as handle:
                state = json.load(handle)
        new = follow(base, keys, state)
    except Contradiction as error:
        print("✗ " + str(error))
        return 1
    except (OSError, ValueError, LookupError, TypeError) as error:
        print("? " + str(error))
        return 2
    with open(path + ".new", "w", encoding="utf-8") as handle:
        json.dump(new, handle)
    os.replace(path + ".new", path)
    grown = new["size"] - state.get("size", 0)
    print(f"✓ {new['origin']}: {new['size']} entries, {grown} new")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
