"""The witnesses of the public log over HTTP: every wait and every answer has its limit."""

from __future__ import annotations

from collections.abc import Sequence

import aiohttp
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.domain.ports import Witness
from server.errors import OutsideFailure

LARGEST = 64 * 1024
SECONDS, CONNECT_SECONDS = 5.0, 2.0


def read_setting(text: str) -> list[Witness]:
    """`KEY URL` pairs, one a line or with semicolons between them. Raises ValueError."""
    out = []
    for part in text.replace(";", "\n").splitlines():
        if not (words := part.split()):
            continue
        if len(words) != 2 or not words[1].startswith(("https://", "http://")) or words[0].count("+") < 2:
            raise ValueError(f"写成“公钥行 网址”：{part.strip()}")
        out.append(Witness(words[0], words[1].rstrip("/")))
    return out


class HttpWitnesses:
    """Implements the LogWitnesses port."""

    def __init__(self, witnesses: Sequence[Witness]) -> None:
        self._witnesses = list(witnesses)

    def all(self) -> list[Witness]:
        return self._witnesses

    async def add_checkpoint(self, witness: Witness, body: bytes) -> tuple[int, bytes]:
        return await self._ask("POST", f"{witness.url}/add-checkpoint", body)

    async def checkpoint(self, witness: Witness, origin_sha256: str) -> bytes:
        status, body = await self._ask("GET", f"{witness.url}/{origin_sha256}/checkpoint", None)
        if status != 200:
            raise OutsideFailure(f"the witness shows no checkpoint: status {status}")
        return body

    async def _ask(self, method: str, url: str, data: bytes | None) -> tuple[int, bytes]:
        """One question, once a minute at most: no connection is kept. No redirection is followed."""
        timeout = aiohttp.ClientTimeout(total=SECONDS, sock_connect=CONNECT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url, data=data, allow_redirects=False) as response,
            ):
                body = bytearray()
                async for chunk in response.content.iter_chunked(8192):
                    body += chunk
                    if len(body) > LARGEST:
                        raise OutsideFailure("the witness's answer is too large")
                return response.status, bytes(body)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise OutsideFailure(f"the witness does not answer ({type(error).__name__})") from None

    def is_genuine(self, key: bytes, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True
