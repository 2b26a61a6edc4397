"""Signed notes and checkpoints as text (C2SP signed-note, tlog-checkpoint, tlog-cosignature): read, written, named.

Pure: signatures are made and judged by others, out of what stands here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass

from server.domain.public_log.merkle import HASH_BYTES

ED25519, COSIGNATURE = 1, 4  # signature types
LONGEST = 64 * 1024  # of a note, in bytes
MOST_SIGNATURES = 64
LARGEST_TREE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name: what is written `name+hash+base64`. `kind`: a signature type."""

    name: str
    kind: int
    raw: bytes

    @property
    def id(self) -> bytes:
        """The first four bytes of SHA-256 over name, newline, type and key."""
        return hashlib.sha256(f"{self.name}\n".encode() + bytes((self.kind,)) + self.raw).digest()[:4]

    def __str__(self) -> str:
        material = base64.b64encode(bytes((self.kind,)) + self.raw).decode()
        return f"{self.name}+{self.id.hex()}+{material}"

    @classmethod
    def read(cls, text: str) -> VerifierKey:
        """Raises ValueError, in words for whoever wrote it down."""
        name, _, rest = text.strip().partition("+")
        digest, _, material = rest.partition("+")
        data = _decoded(material)
        if not is_name(name) or data is None or len(data) != 33 or data[0] not in (ED25519, COSIGNATURE):
            raise ValueError("不是 Ed25519 的公钥行（名称+标识+公钥）")
        key = cls(name, data[0], data[1:])
        if key.id.hex() != digest:
            raise ValueError("公钥行里的标识与公钥不符")
        return key


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the first four bytes name the key."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"

    def is_by(self, key: VerifierKey) -> bool:
        return self.name == key.name and self.key_id == key.id


@dataclass(frozen=True, slots=True)
class Note:
    """`text` ends with a newline and is what is signed."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return f"{self.text}\n{''.join(map(str, self.signatures))}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree, before anybody signs it."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def is_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(c.isspace() or ord(c) < 0x20 for c in text)


def read_note(data: bytes) -> Note:
    """Raises ValueError for whatever is not a signed note, and for one that is too long."""
    if len(data) > LONGEST:
        raise ValueError("too long for a note")
    text = data.decode()  # UnicodeDecodeError is a ValueError
    if any(ord(c) < 0x20 and c != "\n" for c in text):
        raise ValueError("control characters")
    body, blank, signed = text.rpartition("\n\n")
    if not blank or not body:
        raise ValueError("no signatures")
    return Note(body + "\n", read_signatures(signed))


def read_signatures(text: str) -> tuple[Signature, ...]:
    """One or more signature lines. Raises ValueError."""
    lines = text.split("\n")
    if lines.pop() != "" or not 0 < len(lines) <= MOST_SIGNATURES:
        raise ValueError("not signature lines")
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    data = _decoded(encoded)
    if dash != "—" or not is_name(name) or data is None or len(data) < 5:
        raise ValueError("not a signature line")
    return Signature(name, data[:4], data[4:])


def read_checkpoint(note: Note) -> Checkpoint:
    """What the note says of the tree. Raises ValueError: no checkpoint, or with lines of other meaning."""
    lines = note.text.split("\n")
    if len(lines) != 4 or not lines[0] or lines[3]:
        raise ValueError("not three lines")
    root = _decoded(lines[2])
    if (
        not (lines[1].isascii() and lines[1].isdigit())
        or len(lines[1]) > 19
        or root is None
        or len(root) != HASH_BYTES
    ):
        raise ValueError("not a checkpoint")
    checkpoint = Checkpoint(lines[0], int(lines[1]), root)
    if checkpoint.text != note.text or checkpoint.size > LARGEST_TREE:
        raise ValueError("not written as a checkpoint is")
    return checkpoint


def cosigned_message(timestamp: int, text: str) -> bytes:
    """What a witness signs (tlog-cosignature, Ed25519)."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def cosigned_at(signature: Signature) -> int:
    """The Unix seconds of a cosignature. Raises ValueError when it is none."""
    if len(signature.data) != 8 + 64:
        raise ValueError("not an Ed25519 cosignature")
    timestamp = int.from_bytes(signature.data[:8], "big")
    if not 0 < timestamp < 2**63:
        raise ValueError("not a moment")
    return timestamp


def _decoded(text: str) -> bytes | None:
    """Standard base64, padded, in its one form."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if base64.b64encode(data).decode() == text else None
