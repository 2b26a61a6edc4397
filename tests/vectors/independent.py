"""A second implementation of every format that docs/certificate-format.md publishes; `make_vectors.py` uses it.

Written from the document alone. It uses the standard library and `cryptography`, and nothing of xcert's own code; the
tests compare the two in both directions (tests/rules/test_format_vectors.py).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import uuid
from datetime import date, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
LEVELS = ["primary", "intermediate", "advanced"]
LABELS = {"primary": "初级", "intermediate": "中级", "advanced": "高级"}
TEXTS = ["name", "plan", "certificate", "standard", "issuer", "school"]
LINE = {"number", "id_hash", "level", "exam_date", "outcome", *TEXTS}
SIZE = 131_072
Json = dict[str, Any]


class Refused(Exception):
    """It is not what the format says, or not signed by the key it names."""


# --- RFC 8785 -----------------------------------------------------------------------------------------------------


def jcs(value: Any) -> bytes:
    """Canonical JSON: names in the order of their UTF-16 code units, numbers as ECMAScript writes them."""
    return _jcs(value).encode()


def _jcs(value: Any) -> str:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_jcs(name)}:{_jcs(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_jcs, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value)


def _number(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("no number")
    if value == 0:
        return "0"
    sign, digits, exponent = ("-" if value < 0 else ""), *_digits(abs(value))
    point = len(digits) + exponent
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if 0 < point <= 21:
        padded = digits.ljust(point, "0")
        return f"{sign}{padded[:point]}{'.' + padded[point:] if len(padded) > point else ''}"
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{mantissa}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def _digits(value: float) -> tuple[str, int]:
    mantissa, _, power = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    exponent = int(power or 0) - len(fraction)
    digits = (whole + fraction).lstrip("0")
    stripped = digits.rstrip("0")
    return stripped, exponent + len(digits) - len(stripped)


# --- keys ---------------------------------------------------------------------------------------------------------


def private(purpose: str) -> Ed25519PrivateKey:
    """The vectors' keys are public: the purpose's name filled up with dots to 32 bytes."""
    return Ed25519PrivateKey.from_private_bytes(purpose.encode().ljust(32, b"."))


def raw(purpose: str) -> bytes:
    return private(purpose).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def check(public: bytes, message: bytes, signature: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Refused("the signature is wrong") from None


# --- numbers and codes --------------------------------------------------------------------------------------------


def check_character(body: str) -> str:
    """Horner's rule over GF(4) × Z/9 with the weight (ω, 2), and the negative of what comes out."""
    high = low = 0
    for character in body:
        value = ALPHABET.index(character)
        high, low = [0, 2, 3, 1][high] ^ (value // 9), (low * 2 + value) % 9
    high, low = [0, 2, 3, 1][high], low * 2 % 9
    return ALPHABET[high * 9 + -low % 9]


class Form:
    """How texts are cut into symbols."""

    def __init__(self, published: Json) -> None:
        self.symbols: str = published["symbols"]
        self.phrases: list[str] = published["phrases"]
        self.base: int = published["phrases_from"]

    def cut(self, text: str) -> list[int]:
        """The longest phrase first, then characters."""
        out: list[int] = []
        while text:
            fitting = [one for one in self.phrases if text.startswith(one)]
            piece = max(fitting, key=len) if fitting else text[0]
            if fitting:
                out.append(self.base + self.phrases.index(piece))
            elif piece in self.symbols:
                out.append(self.symbols.index(piece))
            else:
                out += [len(self.symbols) + (ord(piece) >> 12), ord(piece) & 0xFFF]
            text = text[len(piece) :]
        return out

    def read(self, symbols: list[int]) -> str:
        out = ""
        while symbols:
            symbol = symbols.pop(0)
            if symbol < len(self.symbols):
                out += self.symbols[symbol]
            elif symbol >= self.base:
                out += self.phrases[symbol - self.base]
            elif symbols:
                out += chr((symbol - len(self.symbols)) << 12 | symbols.pop(0))
            else:
                raise Refused("half a character")
        return out


def pack(form: Form, claims: Json) -> bytes:
    """Bits, most significant first, filled up with zeros."""
    body = claims["number"][:-1]
    bits = f"{len(body):05b}" + f"{int(body, 36):0{(36 ** len(body) - 1).bit_length()}b}"
    bits += f"{LEVELS.index(claims['level']):02b}" + "00"
    for day in ("exam_date", "issued_on"):
        bits += f"{(date.fromisoformat(claims[day]) - date(2000, 1, 1)).days:016b}"
    bits += f"{int(claims['id_hash'], 16):0128b}"
    for name in TEXTS:
        symbols = form.cut(claims[name])
        bits += f"{len(symbols):07b}" + "".join(f"{one:012b}" for one in symbols)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def unpack(form: Form, data: bytes) -> Json:
    bits, at = f"{int.from_bytes(data, 'big'):0{len(data) * 8}b}", 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        if at > len(bits):
            raise Refused("too short")
        return int(bits[at - count : at], 2) if count else 0

    length = take(5)
    value, body = take((36**length - 1).bit_length()), ""
    for _ in range(length):
        value, digit = divmod(value, 36)
        body = ALPHABET[digit] + body
    level, outcome = take(2), take(2)
    if level > 2 or outcome:
        raise Refused("no such level or outcome")
    said: Json = {"number": body + check_character(body), "level": LEVELS[level], "outcome": "passed"}
    for day in ("exam_date", "issued_on"):
        said[day] = (date(2000, 1, 1) + timedelta(days=take(16))).isoformat()
    said["id_hash"] = f"{take(128):032x}"
    for name in TEXTS:
        said[name] = form.read([take(12) for _ in range(take(7))])
    if pack(form, said) != data:
        raise Refused("not the one packed form")
    return said


def make_code(form: Form, claims: Json, *, epoch: int = 1) -> str:
    body = bytes([int(claims.get("form", "1")), epoch]) + pack(form, claims)
    return str(int.from_bytes(body + private("certificate").sign(body), "big"))


def read_code(form: Form, public: bytes, code: str) -> Json:
    code = code.rpartition("/")[2]
    if not (code.isascii() and code.isdigit()) or code[:1] == "0" or len(code) > 1000:
        raise Refused("no code")
    whole = int(code).to_bytes((int(code).bit_length() + 7) // 8, "big")
    if len(whole) < 67 or whole[0] not in (1, 2) or whole[1] != 1:
        raise Refused("no form that is published, or another key")
    check(public, whole[:-64], whole[-64:])
    named = {"form": "2"} if whole[0] == 2 else {}
    return unpack(form, whole[2:-64]) | named


# --- the list and what is signed of it ----------------------------------------------------------------------------


def id_hash(salt: str, number: str) -> str:
    return hashlib.sha256(b"xcert certificate id 2\0" + bytes.fromhex(salt) + number.encode()).hexdigest()[
        :32
    ]


def roster(lines: list[Json]) -> bytes:
    """The canonical list. A line of form 1 has no `form`."""
    for line in lines:
        names = set(line) - {"form"}
        if (
            names != LINE
            or line.get("form", "2") != "2"
            or not all(isinstance(v, str) for v in line.values())
        ):
            raise Refused("not the fields of a line")
        if line["number"][-1] != check_character(line["number"][:-1]) or line["outcome"] != "passed":
            raise Refused("not a line")
    return jcs(sorted(lines, key=lambda line: str(line["number"])))


def make_receipt(said: Json) -> bytes:
    proof = {"key": "receipt-1", "signature": base64.b64encode(private("receipt").sign(jcs(said))).decode()}
    return jcs({**said, "proof": proof})


def read_receipt(public: bytes, document: bytes) -> Json:
    try:
        said: Json = json.loads(document.decode("utf-8-sig"), object_pairs_hook=_once)
        proof = said.pop("proof")
        signature = base64.b64decode(proof["signature"], validate=True)
        if said["format"] not in ("xcert-receipt-1", "xcert-receipt-2") or proof["key"] != "receipt-1":
            raise Refused("no receipt of a form that is published")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Refused("no receipt") from None
    check(public, jcs(said), signature)
    return said


def _once(pairs: list[tuple[str, Any]]) -> Json:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


# --- verifiable credentials ---------------------------------------------------------------------------------------


def base58(data: bytes) -> str:
    value, out = int.from_bytes(data, "big"), ""
    while value:
        value, digit = divmod(value, 58)
        out = BASE58[digit] + out
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + out


def unbase58(text: str) -> bytes:
    value = 0
    for character in text[1:]:
        value = value * 58 + BASE58.index(character)
    zeros = len(text) - 1 - len(text[1:].lstrip("1"))
    return b"\0" * zeros + value.to_bytes((value.bit_length() + 7) // 8, "big")


def prove(key: Ed25519PrivateKey, document: Json, method: str, created: str) -> Json:
    """eddsa-jcs-2022."""
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": created,
        "verificationMethod": method,
        "proofPurpose": "assertionMethod",
        "@context": document["@context"],
    }
    return {**document, "proof": {**options, "proofValue": base58(key.sign(_hashed(options, document)))}}


def _hashed(options: Json, document: Json) -> bytes:
    return hashlib.sha256(jcs(options)).digest() + hashlib.sha256(jcs(document)).digest()


def verify_proof(public: bytes, secured: Json) -> Json:
    """The document without its proof."""
    document = {name: value for name, value in secured.items() if name != "proof"}
    try:
        options = dict(secured["proof"])
        signature = unbase58(options.pop("proofValue"))
        if (options["type"], options["cryptosuite"]) != ("DataIntegrityProof", "eddsa-jcs-2022"):
            raise Refused("another kind of proof")
        issuer = document["issuer"]
        issuer = issuer if isinstance(issuer, str) else issuer["id"]
        if options["proofPurpose"] != "assertionMethod" or options.get("@context") != document["@context"]:
            raise Refused("made for something else")
        if issuer.startswith("did:web:") and not options["verificationMethod"].startswith(f"{issuer}#"):
            raise Refused("not the issuer's key")
    except (KeyError, ValueError, TypeError, AttributeError):
        raise Refused("no proof") from None
    check(public, _hashed(options, document), signature)
    return document


def places(status_list: Json) -> list[int]:
    """Which bits are set; place 0 is the highest bit of the first byte."""
    packed = base64.urlsafe_b64decode(status_list["credentialSubject"]["encodedList"][1:] + "==")
    bits = gzip.decompress(packed)
    if len(bits) * 8 < SIZE:
        raise Refused("shorter than the standard allows")
    return [at for at in range(len(bits) * 8) if bits[at // 8] >> (7 - at % 8) & 1]


def encoded_list(places: list[int]) -> str:
    value = sum(1 << (SIZE - 1 - place) for place in places)
    packed = gzip.compress(value.to_bytes(SIZE // 8, "big"), mtime=0)
    return "u" + base64.urlsafe_b64encode(packed).decode().rstrip("=")


def credential(origin: str, claims: Json, code: str, index: int) -> Json:
    did = "did:web:" + origin.partition("://")[2].replace(":", "%3A")
    issuer = {"id": did, "type": ["Profile"], "name": claims["issuer"]}
    title = f"{claims['certificate']}（{LABELS[claims['level']]}）"
    number, place = divmod(index, SIZE)
    school = uuid.uuid5(uuid.NAMESPACE_URL, f"{did}#school:{claims['school']}")
    return {
        "@context": [
            "https://www.w3.org/ns/credentials/v2",
            "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        ],
        "id": f"{origin}/v/{code}",
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": title,
        "description": f"持证人通过“{claims['plan']}”的考试。"
        "证书信息以国家职业技能等级证书信息管理服务平台（1+X门户）的记录为准。",
        "issuer": issuer,
        "validFrom": f"{claims['issued_on']}T00:00:00+08:00",
        "credentialSubject": {
            "type": ["AchievementSubject"],
            "identifier": [
                {
                    "type": "IdentityObject",
                    "hashed": False,
                    "identityHash": claims["name"],
                    "identityType": "name",
                }
            ],
            "activityEndDate": f"{claims['exam_date']}T00:00:00+08:00",
            "licenseNumber": claims["number"],
            "term": claims["plan"],
            "source": {"id": f"urn:uuid:{school}", "type": ["Profile"], "name": claims["school"]},
            "achievement": {
                "id": f"{origin}/v/about#{claims['level']}",
                "type": ["Achievement"],
                "achievementType": "Certification",
                "name": title,
                "description": f"{claims['certificate']}，{LABELS[claims['level']]}，标准版本 {claims['standard']}。",
                "criteria": {
                    "narrative": f"通过考试，并由考核院校与颁证机构先后签发；标准版本 {claims['standard']}。"
                },
                "version": claims["standard"],
                "inLanguage": "zh-CN",
                "creator": issuer,
            },
        },
        "credentialStatus": [
            {
                "id": f"{origin}/status/{purpose}/{number}#{place}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": purpose,
                "statusListIndex": str(place),
                "statusListCredential": f"{origin}/status/{purpose}/{number}",
            }
            for purpose in ("revocation", "refresh")
        ],
    }
