"""The seal's private key and X.509 chain: read, and judged before anything is sealed with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from server.adapters.development_ca import DEVELOPMENT_CA
from server.adapters.issuers import is_signed_by, may_issue
from server.adapters.key_life import KeysMissing
from server.domain.beijing import day, say_day

SealKey = EllipticCurvePrivateKey | RSAPrivateKey
CURVES = ("secp256r1", "secp384r1", "secp521r1")
RSA_BITS = (2048, 4096)
WARN_DAYS = (60, 14)  # before the end: a word, then a fault
_WEAK = ("md5", "sha1")


@dataclass(frozen=True, slots=True)
class SealCredentials:
    """What seals a PDF: the private key, its certificate, and the chain above it, issuer after issuer."""

    key: SealKey
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def algorithm(self) -> str:
        """As published, e.g. ECDSA-P256, RSA-3072."""
        if isinstance(self.key, RSAPrivateKey):
            return f"RSA-{self.key.key_size}"
        return f"ECDSA-P{self.key.key_size}"

    @property
    def pem(self) -> str:
        """The certificates, leaf first."""
        whole = (self.certificate, *self.chain)
        return "".join(one.public_bytes(Encoding.PEM).decode("ascii") for one in whole)

    def ends(self) -> datetime:
        """When the first certificate of the chain ends."""
        return min(one.not_valid_after_utc for one in (self.certificate, *self.chain))

    def begins(self) -> datetime:
        """When the last certificate of the chain begins."""
        return max(one.not_valid_before_utc for one in (self.certificate, *self.chain))

    def is_development(self) -> bool:
        """Whether a development CA is above it, or it says so itself."""
        names = [one.issuer for one in (self.certificate, *self.chain)]
        common = [value.value for name in names for value in name.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return DEVELOPMENT_CA in common


def read_seal(path: Path) -> SealCredentials | None:
    """The seal whose private key is at `path`, or None while its certificate has not come back from the CA.

    Raises:
        KeysMissing: a file cannot be read, is of a kind that cannot seal, or the two are no pair.
    """
    certificates = path.with_suffix(".crt")
    if not certificates.exists():
        return None
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm, OSError):
        raise KeysMissing(f"{path.name} 读不出私钥：应为未加密的 PEM") from None
    _require_kind(path, key)
    assert isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey)
    try:
        leaf, *chain = x509.load_pem_x509_certificates(certificates.read_bytes())
    except (ValueError, OSError):
        raise KeysMissing(f"{certificates.name} 读不出证书：应为 PEM，自己的证书在前，其后是上级") from None
    try:
        is_pair = leaf.public_key() == key.public_key()
    except (ValueError, UnsupportedAlgorithm):  # e.g. SM2
        is_pair = False
    if not is_pair:
        raise KeysMissing(
            f"{certificates.name} 与 {path.name} 不是一对，请核对 CA 发回的证书（自己的须在最前）"
        )
    return SealCredentials(key, leaf, tuple(chain))


def _require_kind(path: Path, key: object) -> None:
    if isinstance(key, EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return
    if isinstance(key, RSAPrivateKey) and RSA_BITS[0] <= key.key_size <= RSA_BITS[1]:
        return
    raise KeysMissing(
        f"{path.name} 是不支持的密钥：印章可用 ECDSA（P-256、P-384、P-521）或 RSA（{RSA_BITS[0]}–{RSA_BITS[1]} 位）"
    )


def problem(seal: SealCredentials, moment: datetime) -> str:
    """Why nothing may be sealed with it at `moment`, in one sentence; "" when all is well."""
    return shape_problem(seal) or time_problem(seal, moment)


def time_problem(seal: SealCredentials, moment: datetime) -> str:
    """Whether the chain is valid at `moment`."""
    if moment < seal.begins():
        return f"电子印章的证书自 {_day(seal.begins())} 起才有效，在此之前不能盖章。"
    if moment > seal.ends():
        return f"电子印章的证书已于 {_day(seal.ends())} 到期，请向电子认证机构更换后再盖章。"
    return ""


def shape_problem(seal: SealCredentials) -> str:
    """What is wrong with the certificates whatever the time: use, order, issuers, weak signatures."""
    if wrong := _use_problem(seal.certificate):
        return wrong
    for one, issuer in zip((seal.certificate, *seal.chain), seal.chain, strict=False):
        if not is_signed_by(one, issuer):
            return (
                f"电子印章的证书链顺序不对或缺一环：“{_name(one)}”不是由其后的“{_name(issuer)}”签发的。"
                "请按自己、上级、根的顺序重新存放。"
            )
        if not may_issue(issuer):
            return f"电子印章的证书链有误：“{_name(issuer)}”不是可以签发证书的机构证书。"
        if (used := one.signature_hash_algorithm) is not None and used.name in _WEAK:
            return (
                f"电子印章的证书“{_name(one)}”用 {used.name.upper()} 签名，已不安全，请向电子认证机构更换。"
            )
    return ""


def _use_problem(leaf: x509.Certificate) -> str:
    try:
        if leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            return "电子印章的证书是机构（CA）证书，不能用来盖章；证书文件里自己的证书须在最前。"
    except x509.ExtensionNotFound:
        pass
    try:
        use = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    if not (use.digital_signature or use.content_commitment):
        return "电子印章的证书不允许用于签名（密钥用法不含数字签名），请向电子认证机构申请签名证书。"
    return ""


def warning(seal: SealCredentials, moment: datetime) -> str:
    """A word in time: how many days are left, from 60 days before the end on; and a chain that ends nowhere."""
    days = (seal.ends() - moment).days
    if timedelta(0) <= seal.ends() - moment and days < WARN_DAYS[0]:
        return f"印章证书 {_day(seal.ends())} 到期，还有 {days} 天，请尽快更换"
    top = (seal.certificate, *seal.chain)[-1]
    if top.issuer != top.subject:
        return f"证书链没有到根证书为止（最上是“{_name(top)}”），有的阅读器会显示签名有效性未知"
    return ""


def _name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _day(moment: datetime) -> str:
    return say_day(day(moment))
