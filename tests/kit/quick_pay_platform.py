"""WeChat Pay's side for thousands of notifications: signs without a process for each."""

from __future__ import annotations

from base64 import b64encode
from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.kit.pay_platform import PayPlatform


class QuickPlatform(PayPlatform):
    @cached_property
    def _keys(self) -> dict[str, RSAPrivateKey]:
        found = {}
        for name in ("public", "certificate"):
            key = load_pem_private_key((self.folder / f"{name}.key").read_bytes(), None)
            assert isinstance(key, RSAPrivateKey)
            found[name] = key
        return found

    def sign(self, message: bytes, *, by: str = "public") -> str:
        return b64encode(self._keys[by].sign(message, PKCS1v15(), SHA256())).decode()
