#!/usr/bin/env python3
"""Check a certificate's code or a signing receipt with the published keys alone. Needs Python 3.9+ and `cryptography`.

    python verify_xcert.py keys.json code  <digits, or the address in the QR code>
    python verify_xcert.py keys.json receipt receipt.json

`keys.json` is what https://…/.well-known/xcert-keys.json says. The form is described in certificate-format.md beside this file;
nothing of xcert itself is used here. Exit code: 0 genuine, 1 not, 2 cannot be judged with these keys.
"""

import base64
import json
import sys
from datetime import date, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LEVELS = ("primary", "intermediate", "advanced")
TEXTS = ("name", "plan", "certificate", "standard", "issuer", "school")


class Forged(Exception):
    """It is not what these keys signed."""


class NotNow(Exception):
    """The key is not in this list, or was retired: ask the issuer's site."""


def check_character(body):
    """The last character of a number: Horner's rule over GF(4) × Z/9 with the weight (ω, 2)."""
    high = low = 0
    for character in body:
        value = ALPHABET.index(character)
        high, low = (0, 2, 3, 1)[high] ^ (value // 9), (low * 2 + value) % 9
    high, low = (0, 2, 3, 1)[high], low * 2 % 9
    return ALPHABET[high * 9 + -low % 9]


def check_signature(keys, key_id, message, signature):
    """Raise Forged or NotNow unless the published key `key_id` signed `message`."""
    key = next((one for one in keys["keys"] if one["key_id"] == key_id), None)
    if key is None:
        raise NotNow(f"the key {key_id} is not in this list; fetch a newer one")
    raw = base64.urlsafe_b64decode(key["public_key"] + "==")
    try:
        Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Forged("the signature is wrong") from None
    if key.get("retired_at"):
        raise NotNow(
            f"the key {key_id} was retired at {key['retired_at']}: {key.get('reason') or 'no reason given'}"
        )


class Bits:
    """A string of bits, most significant first."""

    def __init__(self, data):
        self.value, self.left = int.from_bytes(data, "big"), len(data) * 8

    def take(self, count):
        self.left -= count
        if self.left < 0:
            raise Forged("too short")
        return self.value >> self.left & ((1 << count) - 1)


def read_text(bits, form):
    """7 bits count of symbols, then symbols of 12 bits each."""
    symbols, base = form["symbols"], form["phrases_from"]
    taken, out = [bits.take(12) for _ in range(bits.take(7))], []
    while taken:
        symbol = taken.pop(0)
        if symbol < len(symbols):
            out.append(symbols[symbol])
        elif symbol >= base:
            out.append(form["phrases"][symbol - base])
        elif taken:
            out.append(chr((symbol - len(symbols)) << 12 | taken.pop(0)))
        else:
            raise Forged("half a character")
    return "".join(out)


def read_code(keys, code):
    """What the code of a certificate says, as a dictionary. Raises Forged, NotNow."""
    code = code.rpartition("/")[2]
    if not (code.isascii() and code.isdigit()) or code[:1] == "0" or len(code) > 1000:
        raise Forged("not a code")
    value = int(code)
    whole = value.to_bytes((value.bit_length() + 7) // 8, "big")
    form = keys["code_forms"].get(str(whole[0]))
    if form is None or len(whole) < 67:
        raise Forged("not a form of code that is published")
    body, signature = whole[:-64], whole[-64:]
    check_signature(keys, f"certificate-{body[1]}", body, signature)
    bits = Bits(body[2:])
    length = bits.take(5)
    number, digits = bits.take((36**length - 1).bit_length()), ""
    for _ in range(length):
        number, digit = divmod(number, 36)
        digits = ALPHABET[digit] + digits
    said = {"number": digits + check_character(digits), "outcome": "passed"}
    if whole[0] != 1:
        said["form"] = str(whole[0])
    said["level"] = LEVELS[bits.take(2)]
    if bits.take(2) != 0:
        raise Forged("not a passed examination")
    for name in ("exam_date", "issued_on"):
        said[name] = (date(2000, 1, 1) + timedelta(days=bits.take(16))).isoformat()
    said["id_hash"] = f"{bits.take(128):032x}"
    for name in TEXTS:
        said[name] = read_text(bits, form)
    if bits.left >= 8 or bits.take(bits.left):
        raise Forged("something follows")
    return said


def canonical(value):
    """JSON with sorted names, no spaces, UTF-8, nothing escaped that need not be."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def read_receipt(keys, document):
    """What a receipt says, as a dictionary. Raises Forged, NotNow."""
    try:
        said = json.loads(document.decode("utf-8-sig"))
        proof = said.pop("proof")
        key_id, signature = str(proof["key"]), base64.b64decode(proof["signature"], validate=True)
        if said["format"] not in ("xcert-receipt-1", "xcert-receipt-2") or not key_id.startswith("receipt-"):
            raise Forged("not a receipt")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Forged("not a receipt") from None
    check_signature(keys, key_id, canonical(said), signature)
    return said


def main(arguments):
    if len(arguments) != 3 or arguments[1] not in ("code", "receipt"):
        print(__doc__)
        return 2
    with open(arguments[0], encoding="utf-8") as file:
        keys = json.load(file)
    try:
        if arguments[1] == "code":
            said = read_code(keys, arguments[2])
        else:
            with open(arguments[2], "rb") as file:
                said = read_receipt(keys, file.read())
    except Forged as reason:
        print(f"NOT GENUINE: {reason}")
        return 1
    except NotNow as reason:
        print(f"CANNOT BE JUDGED: {reason}")
        return 2
    print(json.dumps(said, ensure_ascii=False, indent=1, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
