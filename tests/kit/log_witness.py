"""A witness as c2sp.org/tlog-witness describes it, written from its text: over HTTP, or in place of the port."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from server.adapters.witness_client import HttpWitnesses
from server.domain.ports import Witness
from server.errors import OutsideFailure


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@dataclass
class FakeWitness:
    """Keeps the last checkpoint of every origin, and answers as the protocol says."""

    name: str = "witness.example/w1"
    secret: bytes = bytes(range(32))
    at: int = 1795406460  # a minute after `fakes.NOON`
    seen: dict[str, tuple[int, bytes, bytes]] = field(default_factory=dict)  # origin → size, root, note
    asked: list[bytes] = field(default_factory=list)
    answer: tuple[int, bytes] | None = None  # instead of the right one

    def __post_init__(self) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(self.secret)
        self._raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def key_id(self) -> bytes:
        return _sha256(self.name.encode() + b"\n\x04" + self._raw)[:4]

    @property
    def witness(self) -> Witness:
        key = f"{self.name}+{self.key_id.hex()}+{base64.b64encode(bytes([4]) + self._raw).decode()}"
        return Witness(key, "http://127.0.0.1:9/w")

    def post(self, body: bytes) -> tuple[int, bytes]:
        self.asked.append(body)
        if self.answer is not None:
            return self.answer
        head, _, note = body.partition(b"\n\n")
        first, *lines = head.decode().split("\n")
        old = int(first.removeprefix("old "))
        text = note.rpartition(b"\n\n")[0] + b"\n"
        origin, size_line, root_line, *_ = text.decode().split("\n")
        size, root = int(size_line), base64.b64decode(root_line)
        known, known_root, _ = self.seen.get(origin, (0, _sha256(b""), b""))
        if old > size:
            return 400, b""
        if old != known:
            return 409, f"{known}\n".encode()
        path = [base64.b64decode(line) for line in lines if line]
        if not self._continues(known, known_root, size, root, path):
            return 422, b""
        signature = self.at.to_bytes(8, "big") + self._key.sign(b"cosignature/v1\ntime %d\n" % self.at + text)
        line = f"— {self.name} {base64.b64encode(self.key_id + signature).decode()}\n".encode()
        self.seen[origin] = (size, root, note + line)
        return 200, line

    @staticmethod
    def _continues(old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]) -> bool:
        """RFC 6962 §2.1.2, read backwards: rebuild both roots from the proof."""
        if old == 0:
            return not path
        if old == new:
            return not path and old_root == new_root
        proof = list(path)

        def rebuilt(m: int, n: int, whole: bool) -> tuple[bytes, bytes]:
            if m == n:
                one = old_root if whole else proof.pop(0)
                return one, one
            k = 1
            while k * 2 < n:
                k *= 2
            if m <= k:
                before, after = rebuilt(m, k, whole)
                return before, _sha256(b"\1" + after + proof.pop(0))
            before, after = rebuilt(m - k, n - k, False)
            left = proof.pop(0)
            return _sha256(b"\1" + left + before), _sha256(b"\1" + left + after)

        try:
            roots = rebuilt(old, new, True)
        except IndexError:
            return False
        return roots == (old_root, new_root) and not proof


class FakeWitnesses(HttpWitnesses):
    """The port in front of them; `away`: names of those that do not answer."""

    def __init__(self, *witnesses: FakeWitness, away: frozenset[str] = frozenset()) -> None:
        super().__init__([one.witness for one in witnesses])
        self._by_key = {one.witness.key: one for one in witnesses}
        self._away = away

    def _at(self, witness: Witness) -> FakeWitness:
        one = self._by_key[witness.key]
        if one.name in self._away:
            raise OutsideFailure("the witness does not answer (TimeoutError)")
        return one

    async def add_checkpoint(self, witness: Witness, body: bytes) -> tuple[int, bytes]:
        return self._at(witness).post(body)

    async def checkpoint(self, witness: Witness, origin_sha256: str) -> bytes:
        for origin, (_, _, note) in self._at(witness).seen.items():
            if hashlib.sha256(origin.encode()).hexdigest() == origin_sha256:
                return note
        raise OutsideFailure("the witness shows no checkpoint: status 404")
